"""Register, gate, promote, roll back: against MLflow's own registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvcore.cli.main import main
from cvcore.errors import ConfigError
from launch.registry import shelf
from launch.registry.errors import RegistryError
from launch.registry.promote import history, last_verdict, promote, rollback
from launch.registry.register import register
from launch.registry.registry import Registry

pytestmark = pytest.mark.usefixtures("warm")

LOOSE = "keep_classes: true\nmax_drop: 0.01\nmax_class_drop: 0.05\nsize_mib: 100\n"


@pytest.mark.slow
def test_a_champion_is_made_defended_replaced_and_taken_back(
    make_run, quickly, ledger_uri: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    gate = tmp_path / "gate.yaml"
    gate.write_text(LOOSE)
    first = make_run(ledger_uri, "first", value=0.9)
    # Once by the command, with all that is measured; then by what it calls, without.
    assert (
        main(["register", str(first), "--as", "digits", "--tag", "team=lab", "--images", "4"]) == 0
    )
    said = capsys.readouterr().out
    assert "digits version 1: Classification, 10 classes: 0, 1" in said
    assert "top1 0.9000 on 10 images of test" in said
    assert "rotation" in said
    registry = Registry(ledger_uri)
    version = registry.version("digits", "1")
    facts = shelf.facts_of(registry, version)
    assert version.tags["team"] == "lab"
    assert version.tags["lakesight_data"] == facts.data_fingerprint
    assert version.tags["lakesight_run"] == version.run_id == facts.run_id
    assert version.tags["lakesight_weights"] == facts.weights
    assert facts.latency_p95_ms
    assert facts.robustness
    assert facts.robustness["num_images"] == 4
    assert {row["change"] for row in facts.robustness["rows"]} == {
        "blur", "noise", "jpeg", "darker", "brighter", "rotation",
    }  # fmt: skip
    card = shelf.read(registry, version, "MODEL_CARD.md")
    fingerprint = f"| data fingerprint | {facts.data_fingerprint} |"
    said = "Licence of the weights: Apache-2.0", "10 images of test are few"
    for line in (fingerprint, *said, "## Robustness", "models:/digits@champion"):
        assert line in card

    assert main(["promote", "digits", "1", "--policy", str(gate)]) == 0
    assert "digits@champion: version 1" in capsys.readouterr().out
    second = make_run(ledger_uri, "second", value=0.95, per_class={"7": 0.8})
    assert quickly(second, ledger_uri, "digits") == "2"
    assert main(["promote", "digits", "2", "--policy", str(gate)]) == 1
    said = capsys.readouterr().out
    assert "FAIL  class drop" in said
    assert "+0.1000 (7)" in said
    assert "digits@champion stays: version 1" in said
    version = registry.version("digits", "2")
    verdict = last_verdict(registry, version)
    assert verdict is not None
    assert [line.rule for line in verdict.failed] == ["class drop"]
    assert version.tags["lakesight_gate"].startswith("failed gate ")
    for name in ("gate.md", "gate.html"):
        place = version.tags["lakesight_gate_report"].removeprefix(f"{shelf.folder_of(version)}/")
        assert "Classes that fall further in f1: 7 +0.1000" in shelf.read(
            registry, version, f"{place}/{name}"
        )

    gate.write_text(LOOSE.replace("max_class_drop: 0.05", "max_class_drop: 0.2"))
    dry = promote(registry, "digits", "2", policy=str(gate), dry_run=True)
    assert dry.verdict.passed
    assert registry.model("digits").aliases == {"champion": "1"}
    assert promote(registry, "digits", "2", policy=str(gate)).moved
    assert history(registry.model("digits")) == ["1", "2"]
    assert main(["promote", "digits", "--rollback"]) == 0
    assert "digits@champion: version 1 again, was 2" in capsys.readouterr().out
    assert registry.version("digits", "champion").version == "1"
    assert registry.version("digits", "2").tags["lakesight_rolled_back"]
    with pytest.raises(RegistryError, match="no version of digits was champion before version 1"):
        rollback(registry, "digits")


@pytest.mark.slow
def test_a_champion_of_other_images_is_evaluated_on_these(
    make_run, quickly, ledger_uri: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate.yaml"
    gate.write_text("max_drop: 0.01\n")
    registry = Registry(ledger_uri)
    for title, fingerprint in (("old", "0ther"), ("new", None)):
        run = make_run(ledger_uri, title, value=0.9, fingerprint=fingerprint, seed=1)
        quickly(run, ledger_uri, "digits")
    assert promote(registry, "digits", "1", policy=str(gate)).moved
    # A model of random weights knows little: the 0.9 that its report claims is of other images.
    line = promote(registry, "digits", "2", policy=str(gate), dry_run=True).verdict.lines[0]
    assert line.rule == "drop"
    assert line.passed
    assert "the champion's 0.9" not in line.said
    assert "top1 0.9000, the champion's 0." in line.said


def test_what_can_not_be_registered_or_judged_is_said_in_words(
    make_run, ledger_uri: str, tmp_path: Path
) -> None:
    registry = Registry(ledger_uri)
    with pytest.raises(
        RegistryError, match=r"There is none yet: `lakesight register RUN --as NAME`"
    ):
        registry.model("digits")
    run = make_run(ledger_uri)
    with pytest.raises(ConfigError, match="moves only through the gate"):
        register(str(run), "digits", alias="champion")
    with pytest.raises(ConfigError, match=r"'a b' can't be the name of a registered model"):
        register(str(run), "a b")
    with pytest.raises(ConfigError, match="can't be the tag of a version"):
        register(str(run), "digits", tags={"team.lab": "x"})
    (run / "run.json").unlink()
    with pytest.raises(RegistryError, match="belongs to no MLflow run"):
        register(str(run), "digits")
    # A version of another tool: nothing is known of it.
    made = registry.client.create_registered_model("theirs")
    registry.client.create_model_version(made.name, str(run / "best"), run_id="")
    with pytest.raises(RegistryError, match="theirs version 1 has no run"):
        promote(registry, "theirs", "1")
    with pytest.raises(RegistryError, match=r"no version '7'\. Versions: 1; aliases: none"):
        registry.version("theirs", "7")
    with pytest.raises(RegistryError, match=r"no alias 'champion' to take back"):
        rollback(registry, "theirs")
    with pytest.raises(RegistryError, match=r"'their' is not.*Did you mean 'theirs'"):
        registry.model("their")
