"""`lakesight data` as a person runs it: in a process of its own."""

import csv
import json
import subprocess
import sys

import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("warm")


def lakesight(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "cvcore.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


@pytest.fixture
def broken(make):
    """Two errors and a warning."""
    data = make("detection")
    data.annotation(11).update(bbox=[5, 5, 0, 0], segmentation=[])
    data.annotation(42).update(bbox=[30, 20, -20, 20], segmentation=[])
    data.annotation(21).update(area=5000)
    data.save()
    return data


def test_inspect_of_a_clean_set(make):
    data = make("detection")
    data.save()
    done = lakesight("data", "inspect", "data=coco", f"data.root={data.root}")
    assert done.returncode == 0, done.stderr
    assert "5 images, 10 annotations: no fault" in done.stdout
    assert "cell   3 / 3" in done.stdout
    assert "duplicates: none" in done.stdout


def test_inspect_names_each_fault_with_its_fix(broken):
    done = lakesight("data", "inspect", "data=coco", f"data.root={broken.root}")
    assert done.returncode == 1, done.stderr
    assert "2 errors, 1 warning" in done.stdout
    assert f"{broken.root}/train/1.png  annotation 11  bbox = [5, 5, 0, 0]" in done.stdout
    assert "error bbox-zero-area (1): bbox has an area" in done.stdout
    assert "fix: correct bbox in the annotation file, or remove the annotation" in done.stdout
    assert "warning area-mismatch (1)" in done.stdout


def test_inspect_as_json(broken):
    done = lakesight("data", "inspect", "data=coco", f"data.root={broken.root}", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    fault = next(f for f in report["faults"] if f["rule"] == "bbox-zero-area")
    assert (fault["annotation_id"], fault["field"], fault["value"]) == (11, "bbox", [5, 5, 0, 0])
    assert fault["suggestion"]
    assert report["statistics"]["splits"]["train"]["num_images"] == 3


def test_inspect_writes_findings_and_a_repaired_copy(broken, tmp_path):
    before = broken.digest()
    done = lakesight(
        "data", "inspect", "data=coco", f"data.root={broken.root}",
        "--out", tmp_path / "found", "--repair-to", tmp_path / "copy",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    with (tmp_path / "found/findings.csv").open() as file:
        rows = {row["rule"]: row for row in csv.DictReader(file)}
    assert rows["bbox-zero-area"]["annotation_id"] == "11"
    assert rows["bbox-negative-size"]["value"] == "[30, 20, -20, 20]"
    report = json.loads((tmp_path / "found/report.json").read_text())
    actions = {t["fault"]["annotation_id"]: t["action"] for t in report["treatments"]}
    assert actions == {11: "annotation left out", 21: "repaired", 42: "repaired"}
    assert broken.digest() == before
    again = lakesight("data", "inspect", *report["repaired"]["overrides"])
    assert again.returncode == 0, again.stdout
    assert "5 images, 9 annotations: no fault" in again.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inspect", "data=coco", "data.root=nowhere"], "data.root is nowhere"),
        (["inspect", "data=coc"], "Did you mean 'coco'"),
        (["inspect", "task=classification", "data=coco", "data.root=."], "not for classification"),
        (["inspect", "data=coco", "data.root=.", "--repair-to", "."], "nothing is overwritten"),
        (["inspcet"], "invalid choice"),
        (["inspect", "--jsn"], "unknown argument"),
        (["convert", "--from", "kitti", ".", "out"], "Formats: voc, yolo"),
        (["preview", "--num", "0"], "--num 0"),
        (["preview", "--out", "sheet.jpg"], "ends in .png"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(words, said, tmp_path):
    (tmp_path / "file").touch()
    done = lakesight("data", *words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_convert_from_yolo_then_inspect(tmp_path):
    root = tmp_path / "cats"
    for split in ("train", "val"):
        (root / split / "images").mkdir(parents=True)
        (root / split / "labels").mkdir()
        for i in range(2):
            shift = 20 * i + (40 if split == "val" else 0)
            picture = Image.effect_mandelbrot((64, 48), (-2.0, -1.5, 1.0 + shift / 50, 1.5), 60)
            picture.convert("RGB").save(root / split / f"images/{i}.png")
            (root / split / f"labels/{i}.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    (root / "data.yaml").write_text("train: train/images\nval: val/images\nnames: [cat]\n")
    done = lakesight("data", "convert", "--from", "yolo", root, tmp_path / "coco")
    assert done.returncode == 0, done.stderr
    assert "train: 2 images, 2 annotations" in done.stdout
    assert f"use it: lakesight train task=detection data=coco data.root={tmp_path}" in done.stdout
    again = lakesight("data", "inspect", "data=coco", f"data.root={tmp_path / 'coco'}")
    assert again.returncode == 0, again.stdout


def test_convert_tells_what_it_left_out(tmp_path):
    root = tmp_path / "cats"
    (root / "train").mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(root / "train/0.png")
    (root / "train/0.txt").write_text("0 0.5 0.5 0.25 0.5\n7 0.5 0.5 0.25 0.5\n")
    (root / "data.yaml").write_text("train: train\nnames: [cat]\n")
    done = lakesight("data", "convert", "--from", "yolo", root, tmp_path / "coco")
    assert done.returncode == 1
    assert "left out:" in done.stderr
    assert "line 2: class 7 has no name" in done.stderr


def test_preview_writes_a_sheet_and_tells_where(make, tmp_path):
    data = make("detection")
    data.save()
    out = tmp_path / "sheet.png"
    done = lakesight(
        "data", "preview", "data=coco", f"data.root={data.root}", "--out", out, "--num", "2"
    )
    assert done.returncode == 0, done.stderr
    assert str(out) in done.stdout
    assert Image.open(out).width > 100


@pytest.mark.slow
def test_training_follows_the_policy(broken, tmp_path):
    words = ["train", "task=detection", "data=coco", f"data.root={broken.root}"]
    words += [f"run.dir={tmp_path / 'run'}"]
    strict = lakesight(*words, "data.policy=strict", cwd=tmp_path)
    assert strict.returncode == 2
    errors = [line for line in strict.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "2 places (bbox-zero-area 1, bbox-negative-size 1), first: " in errors[0]
    assert "lakesight data inspect" in errors[0]
    assert "Traceback" not in strict.stderr
    drop = lakesight(
        *words, "trainer.max_steps=2", "trainer.per_device_train_batch_size=2",
        f"run.dir={tmp_path / 'run2'}", cwd=tmp_path,
    )  # fmt: skip
    assert drop.returncode == 0, drop.stderr[-2000:]
    assert (
        "2 x annotation left out (bbox-zero-area 1, bbox-negative-size 1)"
        in (tmp_path / "run2/log.txt").read_text()
    )
