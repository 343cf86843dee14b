"""What a report says agrees with its own predictions file, counted again by others' code."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from coco_reference import coco_evaluation, coco_figures
from panoptic_reference import panoptic_quality
from sklearn import metrics as sk

from cvcore.data.labels import LabelSpace
from cvcore.data.masks import decode
from cvcore.data.samples import Prediction
from cvcore.evaluate.analysis import BACKGROUND
from cvcore.evaluate.names import PRIMARY, describe
from cvcore.serve import artifact

# pycocotools' own, with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DOCS = Path(__file__).parents[2] / "docs" / "evaluation.md"
PREFIX = {"bbox": "", "segm": "mask_"}


def read(report, name):
    """Return a JSON file; NaN and Infinity, which are no JSON, are refused."""

    def refuse(word):
        raise AssertionError(f"{name} holds {word}")

    return json.loads((report.folder / name).read_text("utf-8"), parse_constant=refuse)


def value(report, key):
    found = read(report, "report.json")["metrics"][key]["value"]
    return float("nan") if found is None else found


def lines(report):
    with gzip.open(report.folder / "predictions.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture
def labels(report, run_of) -> LabelSpace:
    return artifact.read(run_of(report.kind) / "best").labels


def reports_of(*kinds):
    """Run a test on the reports of these tasks only."""
    which = [(kind, answers) for kind in kinds for answers in ("oracle", "model")]
    return pytest.mark.parametrize("report", which, indirect=True, ids="-".join, scope="session")


def test_every_documented_file_is_there_and_no_other(report):
    documented = set(re.findall(r"^\| (`[^|]+) \|", DOCS.read_text("utf-8"), re.MULTILINE))
    names = {name for cell in documented for name in re.findall(r"`([^`]+)`", cell)}
    names = {name.rstrip("/") for name in names if "." in name or name.endswith("/")}
    assert "report.json" in names
    found = {path.name for path in report.folder.iterdir()}
    assert found == names - {"latency.json"} | {"index.html"}
    for path in report.folder.glob("*.json"):
        read(report, path.name)


def test_the_summary_says_what_and_how(report, labels, run_of):
    summary = read(report, "report.json")
    certificate = summary["certificate"]
    assert (summary["task"], summary["split"]) == (report.kind, "test")
    assert summary["primary"] == PRIMARY[report.kind]
    assert certificate["num_images"] == len(report.truths) == 12
    assert certificate["label_space"] == labels.hash
    saved = artifact.read(run_of(report.kind) / "best")
    assert certificate["dataset_fingerprint"] == saved.fingerprint
    assert certificate["resolution_hw"] == saved.model.image_size
    assert certificate["versions"]["torch"]
    assert certificate["bootstrap"] == {"resamples": 40, "seed": 42}
    for key, row in summary["metrics"].items():
        assert row["description"] == describe(key).description
        if "low" in row:
            assert row["low"] <= row["value"] <= row["high"]
        if row["value"] is None:
            assert f"{key} " in report.printed
        else:
            assert re.search(rf"{key} +{row['value']:.4f} ", report.printed)


def test_main_figures_have_intervals(report):
    main = {
        "classification": ["top1", "top5", "macro_f1", "weighted_f1", "ece"],
        "detection": ["AP", "AP50", "AP75"],
        "instance_segmentation": ["mask_AP", "mask_AP50", "mask_AP75", "AP", "AP50", "AP75"],
        "semantic_segmentation": ["mIoU", "fwIoU", "pixel_accuracy", "mean_accuracy"],
        "panoptic_segmentation": ["PQ", "SQ", "RQ", "PQ_things", "PQ_stuff"],
    }[report.kind]
    figures = read(report, "report.json")["metrics"]
    assert [key for key in main if figures[key].get("low") is None] == []


@reports_of("detection", "instance_segmentation")
def test_boxes_and_masks_equal_pycocotools_on_the_predictions_file(report, labels):
    found = lines(report)
    classes = read(report, "per_class.json")
    curves = read(report, "pr_curves.json")
    kinds = ["bbox"] if report.kind == "detection" else ["bbox", "segm"]
    for kind in kinds:
        field = "bbox" if kind == "bbox" else "segmentation"
        results = [
            {key: row[key] for key in ("image_id", "category_id", "score", field)} for row in found
        ]
        reference = coco_evaluation(report.truths, labels, kind, results)
        for key, expected in coco_figures(reference).items():
            figure = value(report, PREFIX[kind] + key)
            assert figure == pytest.approx(expected, abs=1e-6, nan_ok=True), key
        precision = reference.eval["precision"][:, :, :, 0, -1]
        for k, name in enumerate(labels.names):
            expected = precision[:, :, k]
            if (expected < 0).any():
                assert classes[name][PREFIX[kind] + "AP"] is None
                continue
            assert classes[name][PREFIX[kind] + "AP"] == pytest.approx(expected.mean(), abs=1e-6)
            for curve, t in zip(curves[PREFIX[kind] + "curves"], (0, 5), strict=True):
                assert curve["iou"] == 0.5 + 0.05 * t
                assert curve["classes"][name] == pytest.approx(expected[t], abs=1e-6)


@reports_of("detection", "instance_segmentation")
def test_kinds_of_errors_add_up(report, labels):
    thresholds = read(report, "report.json")["thresholds"]
    errors, confusion = read(report, "errors.json"), read(report, "confusion.json")
    names = [*labels.names, BACKGROUND]
    assert confusion["labels"] == names
    cells = np.zeros((len(names), len(names)), int)
    for true, predicted, count in confusion["cells"]:
        cells[true, predicted] = count
    # Every object has one answer, every detection from its class's threshold on one verdict.
    objects = np.concatenate([t.target.labels_N for t in report.truths])
    assert cells[:-1].sum(axis=1).tolist() == np.bincount(objects, minlength=len(labels)).tolist()
    name_of = {label.source_id: label.name for label in labels.labels}
    kept = [name_of[row["category_id"]] for row in lines(report)]
    scores = [row["score"] for row in lines(report)]
    for k, name in enumerate(labels.names):
        judged = sum(
            of == name and score >= thresholds[name] for of, score in zip(kept, scores, strict=True)
        )
        counts = errors["classes"][name]
        wrong = sum(count for error, count in counts.items() if error != "missed")
        assert judged == cells[k, k] + wrong
        assert counts["missed"] <= cells[k, -1]
    for error in errors["types"]:
        of_classes = sum(row[error] for row in errors["classes"].values())
        assert errors["total"][error] == of_classes
    if cells.trace():  # the oracle's answers: each kind of error occurs
        assert set(errors["total"]) == set(errors["types"])
        assert min(errors["total"][e] for e in ("classification", "localisation", "missed")) > 0
    rows = read(report, "per_class.json")
    for name, threshold in thresholds.items():
        recall = rows[name]["best_f1_recall"]
        assert rows[name]["best_f1_threshold"] == threshold
        if recall is not None:
            k = labels.names.index(name)
            assert recall == pytest.approx(cells[k, k] / rows[name]["num_objects"])


@reports_of("classification")
def test_classes_of_images_equal_scikit_learn(report, labels):
    index_of = labels.index_of
    found = {row["image_id"]: row for row in lines(report)}
    truth = [t.target.class_index for t in report.truths]
    answers = [index_of[found[t.image_id]["category_id"]] for t in report.truths]
    assert value(report, "top1") == pytest.approx(sk.accuracy_score(truth, answers), abs=1e-6)
    for key, average in (("macro_f1", "macro"), ("weighted_f1", "weighted")):
        f1 = sk.f1_score(truth, answers, average=average, zero_division=0)
        assert value(report, key) == pytest.approx(f1, abs=1e-6)
    of_five = [
        str(labels.labels[k].source_id) in found[t.image_id]["scores"]
        for k, t in zip(truth, report.truths, strict=True)
    ]
    assert value(report, "top5") == pytest.approx(np.mean(of_five), abs=1e-6)
    confusion_is(report, sk.confusion_matrix(truth, answers, labels=range(len(labels))))


def maps(report, labels):
    """Return each image's lines as (class index, line, boolean mask)."""
    found = {t.image_id: [] for t in report.truths}
    for row in lines(report):
        mask = decode(row["segmentation"]).astype(bool)
        found[row["image_id"]].append((labels.index_of[row["category_id"]], row, mask))
    return [found[t.image_id] for t in report.truths]


@reports_of("semantic_segmentation")
def test_classes_of_pixels_equal_scikit_learn(report, labels):
    true, found = [], []
    for truth, masks in zip(report.truths, maps(report, labels), strict=True):
        answer_HW = np.full(truth.size_hw, 255)
        for k, _, mask in masks:
            assert (answer_HW[mask] == 255).all()  # each pixel has one class
            answer_HW[mask] = k
        scored = truth.target.semantic_HW != 255
        true.append(truth.target.semantic_HW[scored])
        found.append(answer_HW[scored])
    true, found = np.concatenate(true), np.concatenate(found)
    assert (found != 255).all()
    mean = sk.jaccard_score(true, found, average="macro", zero_division=0)
    assert value(report, "mIoU") == pytest.approx(mean, abs=1e-6)
    assert value(report, "pixel_accuracy") == pytest.approx((true == found).mean(), abs=1e-6)
    confusion_is(report, sk.confusion_matrix(true, found, labels=range(len(labels))))


def confusion_is(report, expected):
    confusion = read(report, "confusion.json")
    cells = np.zeros_like(expected)
    for true, predicted, count in confusion["cells"]:
        cells[true, predicted] = count
    assert (cells == expected).all()
    mistakes = expected - np.diag(np.diag(expected))
    confused = read(report, "errors.json")["confused"]
    index = {name: k for k, name in enumerate(confusion["labels"])}
    assert len(confused) == min(50, np.count_nonzero(mistakes))
    for row in confused:
        true, predicted = index[row["truth"]], index[row["predicted"]]
        assert row["count"] == mistakes[true, predicted] > 0
        assert row["share"] == pytest.approx(row["count"] / expected[true].sum())
    counts = [row["count"] for row in confused]
    assert counts == sorted(counts, reverse=True)


@reports_of("panoptic_segmentation")
def test_segments_equal_the_definition(report, labels):
    pairs = []
    for truth, masks in zip(report.truths, maps(report, labels), strict=True):
        answer_HW = np.zeros(truth.size_hw, np.int32)
        for _, row, mask in masks:
            answer_HW[mask] = row["segment_id"]
        answer = Prediction(
            truth.image_id,
            segment_ids_HW=answer_HW,
            segment_ids_N=np.array([row["segment_id"] for _, row, _ in masks], np.int64),
            labels_N=np.array([k for k, _, _ in masks], np.int64),
        )
        pairs.append((answer, truth))
    reference = panoptic_quality(pairs, len(labels))
    things = {label.index for label in labels.labels if label.isthing}
    assert 0 < len(things) < len(labels)
    for suffix, classes in (
        ("", set(reference)),
        ("_things", things),
        ("_stuff", set(reference) - things),
    ):
        for i, key in enumerate(("PQ", "SQ", "RQ")):
            mean = np.mean([row[i] for k, row in reference.items() if k in classes])
            assert value(report, key + suffix) == pytest.approx(mean, abs=1e-6)
    rows, errors = read(report, "per_class.json"), read(report, "errors.json")
    for error, column in (("missed", "FN"), ("wrong", "FP")):
        assert errors["total"][error] == sum(row[column] for row in rows.values())


def test_the_table_of_classes_is_the_same_for_a_spreadsheet(report, labels):
    rows = read(report, "per_class.json")
    assert list(rows) == labels.names
    with (report.folder / "per_class.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row.pop("class") for row in table] == labels.names
    for cells, row in zip(table, rows.values(), strict=True):
        assert {k: float(v) if v else None for k, v in cells.items()} == row


def test_the_images_that_went_worst(report):
    worst = read(report, "worst.json")
    scores = [row["score"] for row in worst["images"]]
    assert len(scores) == 12
    assert scores == sorted(scores)
    assert 0 <= scores[0] <= scores[-1] <= 1
    assert {row["image_id"] for row in worst["images"]} == {t.image_id for t in report.truths}
    size_hw = {t.image_id: t.size_hw for t in report.truths}
    for row in worst["images"]:
        picture = cv2.imread(str(report.folder / row["picture"]))
        height, width = size_hw[row["image_id"]]
        assert picture.shape[1] / picture.shape[0] > 1.8 * width / height  # two of them in a row
        assert picture.std() > 1


def test_the_page_shows_all_and_asks_nobody(report, labels):
    page = (report.folder / "index.html").read_text("utf-8")
    assert page.count("<img") == page.count('src="data:image/jpeg;base64,') == 12
    page = re.sub(r"base64,[^\"]*", "", page)
    assert "default-src 'none'" in page
    for loaded in ("<script", "<link", "<iframe", "http:", "https:", "url(", "@import", " on"):
        assert loaded not in re.sub(r">[^<]*<", "><", page), loaded
    for name in labels.names:
        assert f">{name}<" in page
    assert "NaN" not in page
    assert ">nan<" not in page
    primary = PRIMARY[report.kind]
    assert primary in page


def test_the_page_shows_counts_whole(report):
    rows = read(report, "per_class.json")
    page = (report.folder / "index.html").read_text("utf-8")
    for name, row in rows.items():
        counts = [row[key] for key in row if key.startswith("num_") or key in ("TP", "FP", "FN")]
        (line,) = re.findall(rf"<tr><td>{name}</td>(.*?)</tr>", page.split('id="classes"')[1])[:1]
        assert counts
        assert all(f"<td>{count:,.0f}</td>" in line for count in counts)
