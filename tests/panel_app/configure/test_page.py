"""Configure as a person meets it: in Chromium, from a server of its own process, with a real launch."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from launch.launchers import get_launcher
from launch.ledger import Ledger
from tests.panel_app.conftest import Server, filled

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]

LAUNCH = re.compile("^Launch")
TINY = "task=classification data.num_train=40 data.num_val=10 data.num_test=10 trainer.max_steps=1"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("configure")
    uri = f"sqlite:///{folder}/mlruns.db"
    ids = filled(uri)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.setenv("LAKESIGHT_STATE_DIR", str(folder / "state"))
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        app = Server(uri, folder)
        app.ids = ids
        yield app
        ledger = Ledger(uri)
        for run in ledger.runs():
            if not run.is_sweep:
                get_launcher("local").cancel(run.handle)
        app.stop()


def opened(page, app: Server, text: str = "") -> None:
    """Go to the page with overrides, and wait until they are composed."""
    page.set_default_timeout(30_000)
    words = f"&set={text}".replace(" ", "+") if text else ""
    page.goto("about:blank")
    page.goto(f"{app.url}?page=configure{words}")
    page.get_by_text(re.compile(r"batch \d+ per device")).wait_for()


def button(page):
    return page.get_by_role("button", name=LAUNCH)


def compose(app: Server, *words: str) -> str:
    """What the command line says in a shell of its own, with nothing set but the home."""
    words = (sys.executable, "-m", "cvcore.cli.main", "compose", *words)
    done = subprocess.run(words, cwd=app.folder, capture_output=True, text=True, check=True)
    return done.stdout.partition("\n")[2]  # without the command


def test_a_task_and_a_model_are_chosen_and_a_refresh_shows_the_same(page, app) -> None:
    opened(page, app)
    page.get_by_role("radio", name="Classification").check()
    page.get_by_text("lakesight submit task=classification").wait_for()
    page.get_by_label("Search models").fill("resnet apache")
    page.get_by_role("radio", name="resnet_18").check()
    command = "lakesight submit task=classification model=classification/resnet_18"
    page.get_by_text(command).wait_for()
    page.get_by_role("tab", name="Training").click()
    batch = page.get_by_role("textbox", name="Per device train batch size")
    expect(batch).to_have_value("64", timeout=30_000)
    page.get_by_role("tab", name="YAML").click()
    page.get_by_text("checkpoint: microsoft/resnet-18").wait_for()
    page.reload()
    page.get_by_text(command).wait_for()
    page.get_by_role("tab", name="Changes").click()
    page.get_by_role("row", name="model.checkpoint null microsoft/resnet-18").wait_for()
    against = page.get_by_role("combobox", name="Compared with")
    expect(against.get_by_role("option")).to_have_count(5, timeout=30_000)
    against.select_option(app.ids["first"])
    page.get_by_role("row", name="task.kind detection classification").wait_for()


def test_a_bad_value_is_told_at_its_field_and_nothing_is_lost(page, app) -> None:
    opened(page, app, "seed=5")
    page.get_by_role("tab", name="Optimizer").click()
    rate = page.get_by_role("textbox", name="Learning rate", exact=True)
    rate.fill("fast")
    page.get_by_role("alert").filter(has_text="takes a number, not 'fast'").first.wait_for()
    expect(button(page)).to_be_disabled()
    page.get_by_role("textbox", name="Weight decay").fill("0.25")
    page.get_by_text("lakesight submit seed=5 optim.weight_decay=0.25").wait_for()
    page.wait_for_url("**learning_rate%3Dfast**")
    # Another browser shows the same.
    other = page.context.browser.new_page()
    other.set_default_timeout(30_000)
    other.goto(page.url)
    other.get_by_text("One thing keeps it from running").wait_for()
    other.get_by_role("tab", name="Optimizer").click()
    field = other.get_by_role("textbox", name="Learning rate", exact=True)
    expect(field).to_have_value("fast", timeout=30_000)
    other.close()
    page.get_by_role("button", name="Reset Learning rate to 0.001").click()
    page.wait_for_function("location.search.indexOf('fast') < 0")
    page.get_by_role("button", name=LAUNCH, disabled=False).wait_for()
    expect(rate).to_have_value("0.001", timeout=30_000)


def test_a_bad_address_is_told_and_the_rest_kept(page, app) -> None:
    opened(page, app, "seed=5 optm.x=1 run.title=%3Cimg/src=x/onerror=window.pwned=1%3E")
    page.get_by_text("'optm' is neither a group nor a key").wait_for()
    page.get_by_text("lakesight submit seed=5").wait_for()
    assert page.evaluate("window.pwned") is None


def test_free_overrides_are_checked_and_a_sweep_is_counted(page, app) -> None:
    opened(page, app)
    page.get_by_role("tab", name="Overrides").click()
    box = page.get_by_role("textbox", name="Add overrides")
    box.fill("optim.learning_rte=1")
    box.press("Enter")
    page.get_by_text("Did you mean 'learning_rate'").wait_for()
    assert box.input_value() == "optim.learning_rte=1"
    page.get_by_role("switch").check()
    box.fill("seed=1,2,3 optim=adamw,sgd augment.blur=0.5")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("6 runs, one for each combination.").wait_for()
    page.get_by_text("lakesight submit -m augment.blur=0.5").wait_for()
    expect(button(page)).to_have_text("Launch the sweep")
    page.get_by_role("button", name="Remove optim=adamw,sgd").click()
    page.get_by_text("3 runs, one for each combination.").wait_for()
    page.get_by_role("tab", name="YAML").click()
    page.get_by_text("Each run takes besides one value of: seed=1,2,3").wait_for()


def test_a_sweep_is_launched_and_its_runs_are_shown(page, app) -> None:
    ledger = Ledger(f"sqlite:///{app.folder}/mlruns.db")
    opened(page, app, f"{TINY} seed=1,2 run.title=twice")
    page.get_by_role("button", name="Launch the sweep", disabled=False).click()
    page.wait_for_url("**page=history&q=twice**")
    page.get_by_text("3 of ").wait_for()
    runs = [run for run in ledger.runs() if run.title.startswith("twice")]
    for run in runs:
        if not run.is_sweep:
            get_launcher("local").cancel(run.handle)
    assert sorted(run.is_sweep for run in runs) == [False, False, True]
    assert len({run.tags["lakesight.overrides"] for run in runs}) == 3


def test_the_command_is_copied_and_the_data_are_explored(page, app) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, app, f"{TINY} data=image_folder")
    page.get_by_role("button", name="Copy the command").click()
    page.get_by_text("Copied", exact=True).wait_for()
    page.get_by_role("status").get_by_text("the command copied").wait_for(state="attached")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("lakesight submit task=classification data=image_folder")
    page.get_by_role("tab", name="Data").click()
    page.get_by_role("button", name="Browse for the folder").click()
    page.get_by_text(str(app.folder), exact=True).click()
    page.get_by_role("button", name="Use this folder").click()
    page.get_by_text(f"data.root={app.folder}").first.wait_for()
    page.get_by_role("button", name="Explore this data").click()
    page.wait_for_url("**page=data&set=**")
    folder = page.get_by_label("Folder of the data set")
    expect(folder).to_have_value(str(app.folder), timeout=30_000)


def test_what_an_address_cant_hold_is_told(page, app) -> None:
    opened(page, app)
    page.get_by_role("tab", name="Run", exact=True).click()
    page.get_by_role("textbox", name="Title").fill("x" * 6_100)
    page.get_by_text("Too long for the address").wait_for()
    assert len(page.url) < 6_000
    page.goto(f"{app.url}?page=configure&set=run.title={'x' * 6_100}")
    page.get_by_text("The address is too long: the end of 'set' is left out.").wait_for()


def test_an_estimate_is_finished_and_its_suggestion_used(page, app) -> None:
    page.set_default_timeout(120_000)
    opened(page, app, TINY)
    page.get_by_role("tab", name="Estimate").click()
    page.get_by_role("button", name="Estimate", exact=True).click()
    page.get_by_role("button", name="Use the suggestion").click(timeout=120_000)
    page.get_by_text("GFLOP, forward and backward").wait_for()
    page.get_by_text("the cheapest on which it fits").wait_for()
    page.get_by_text("The form has changed since this estimate").wait_for()


def test_a_saved_recipe_is_the_command_lines_and_can_go_back(page, app) -> None:
    opened(page, app, TINY)
    page.get_by_role("button", name="Save", exact=True).click()
    name = page.get_by_role("textbox", name="Name of the recipe")
    name.fill("bccd_detection")
    name.press("Enter")
    page.get_by_text("comes with Lakesight. Choose another name").wait_for()
    name.fill("mine")
    name.press("Enter")
    page.get_by_text("lakesight train experiment=mine").wait_for()
    page.wait_for_url("**recipe=mine**")
    assert compose(app, "experiment=mine") == compose(app, *TINY.split())

    page.get_by_role("tab", name="Training").click()
    page.get_by_role("textbox", name="Maximum steps").fill("2")
    page.get_by_text("changed since it was saved").wait_for()
    page.get_by_text("trainer.max_steps=2").wait_for()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Save recipe").click()
    page.get_by_role("button", name="Replace mine").click()
    page.get_by_text("saved", exact=True).wait_for()
    assert "max_steps: 2" in compose(app, "experiment=mine")

    page.get_by_role("button", name="Recipes").click()
    page.get_by_role("button", name="1 earlier").click()
    page.get_by_text("Version 1, until").locator("..").get_by_role("button", name="Load").click()
    page.get_by_text("trainer.max_steps=1").wait_for()
    page.get_by_role("button", name="Recipes").click()
    page.get_by_role("button", name="Delete mine ...").click()
    page.get_by_role("button", name="Delete mine", exact=True).click()
    page.get_by_text("None yet").wait_for()
    assert not list(Path(app.folder, "config").glob("lakesight/conf/experiment/*.yaml"))


def test_yaml_is_imported_from_a_file(page, app, tmp_path: Path) -> None:
    opened(page, app)
    file = tmp_path / "config.yaml"
    file.write_text("model: {config: {_target_: os.system}}\n")
    page.get_by_role("button", name="Import", exact=True).click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("'_target_'").first.wait_for()
    file.write_text(compose(app, "task=detection", "seed=77"))
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("seed=77").first.wait_for()


def test_a_dry_run_tells_its_stages_and_can_be_canceled(page, app) -> None:
    opened(page, app, TINY)
    page.get_by_role("tab", name="Dry run").click()
    page.get_by_role("button", name="Start the dry run").click()
    page.get_by_text("classification, resnet").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The dry run was ended").wait_for()


def test_a_double_click_launches_one_run_and_leads_to_it(page, app) -> None:
    ledger = Ledger(f"sqlite:///{app.folder}/mlruns.db")
    before = {run.run_id for run in ledger.runs()}
    opened(page, app, TINY)
    page.get_by_role("button", name=LAUNCH, disabled=False).dblclick()
    page.wait_for_url("**page=run&run=**")
    new = [run for run in ledger.runs() if run.run_id not in before]
    assert len(new) == 1
    assert f"run={new[0].run_id}" in page.url
    assert new[0].tags["mlflow.user"]
    page.get_by_role("heading", name=new[0].title).wait_for()
    page.get_by_role("button", name="Clone into Configure").click()
    page.wait_for_url("**page=configure&set=task%3Dclassification**")
    command = page.get_by_label("the command", exact=True)
    expect(command).to_contain_text("task=classification", timeout=30_000)
    words = command.inner_text().split()
    assert sorted(words) == sorted(["lakesight", "submit", *TINY.split()])
    page.go_back()
    page.get_by_role("heading", name=new[0].title).wait_for()
    page.go_back()
    page.get_by_label("the command", exact=True).wait_for()
