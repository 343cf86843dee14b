"""docs/data.md: every command in it works, and its table of rules is the code's."""

import re
import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cvcore.cli.main import main
from cvcore.config.composer import load
from cvcore.data.contract import RULES
from cvcore.data.convert import FORMATS
from cvcore.data.prepare import prepare
from cvcore.data.readers import READERS

PAGE = Path(__file__).parents[3] / "docs/data.md"
TEXT = PAGE.read_text()
COMMANDS = re.findall(r"^lakesight .*$", TEXT, re.MULTILINE)


def rule_rows() -> str:
    drops = {
        "annotation": "the annotation",
        "image": "the image",
        "outside": "the part outside",
        "pixels": "the pixels' label",
        "stop": "stop",
        "keep": "nothing",
    }
    return "\n".join(
        f"| `{r.rule_id}` | {r.statement} | {r.severity} | {drops[r.drop]} | {r.repair or '='} |"
        for r in RULES.values()
    )


def test_the_table_of_rules_is_current():
    assert rule_rows() in TEXT, f"put this into docs/data.md:\n{rule_rows()}"


def test_all_readers_and_formats_are_described():
    assert {f"data={reader}" for reader in READERS} <= set(re.findall(r"data=\w+", TEXT))
    assert {f"--from {name}" for name in FORMATS} <= set(re.findall(r"--from \w+", TEXT))


@pytest.fixture
def folders(make, monkeypatch, tmp_path):
    """The page's example data sets, in the current folder."""
    make("detection", "blood")
    data = make("instance_segmentation", "unused")
    data.root = tmp_path / "blood"
    data.save()
    make("panoptic_segmentation", "rooms").save()
    make("semantic_segmentation", "streets")
    pets = make("classification", "pets")
    (tmp_path / "table").mkdir()
    for split in ("train", "val"):
        rows = [
            {"image": path.read_bytes(), "label": path.parent.name}
            for path in sorted((pets.root / split).rglob("*.png"))
        ]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"table/{split}-0.parquet")
    for split in ("train", "val"):
        pairs = tmp_path / "VOC" / split, tmp_path / "yolo" / split
        for folder in pairs:
            folder.mkdir(parents=True)
        for image in sorted((tmp_path / "blood" / split).glob("*.png")):
            for folder in pairs:
                (folder / image.name).write_bytes(image.read_bytes())
            (pairs[0] / f"{image.stem}.xml").write_text(
                f"<annotation><filename>{image.name}</filename>"
                "<size><width>64</width><height>48</height></size><object><name>cell</name>"
                "<bndbox><xmin>5</xmin><ymin>5</ymin><xmax>25</xmax><ymax>20</ymax></bndbox>"
                "</object></annotation>"
            )
            (pairs[1] / f"{image.stem}.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    (tmp_path / "yolo/data.yaml").write_text("train: train\nval: val\nnames: [cell]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_every_command_works(command, folders, capsys):
    verb, *words = shlex.split(command)[1:]
    if verb == "train":
        # What a training does before the model: the training itself is tested elsewhere.
        data = prepare(load([*words, f"data.cache_dir={folders / 'cache'}"]))
        assert len(data.splits["train"]) > 0
        return
    if "data=hf_dataset" in words:
        words.append(f"data.cache_dir={folders / 'cache'}")
    assert main([verb, *words]) == 0, capsys.readouterr().out
