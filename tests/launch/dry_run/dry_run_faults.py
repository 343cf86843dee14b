"""Things that go wrong with real runs: each breaks one thing of a run that would work."""

from __future__ import annotations

import json
import shutil
import socket
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

Overrides = list[str]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        stage: which stage must catch it.
        word: what its sentence must name.
        make: breaks something in a folder; returns the overrides to add.
        status: fail, or warn where the policy of the data says to go on without.
    """

    stage: str
    word: str
    make: Callable[[Path, pytest.MonkeyPatch], Overrides]
    status: str = "fail"


def flags(*overrides: str) -> Callable[[Path, pytest.MonkeyPatch], Overrides]:
    return lambda _folder, _patch: list(overrides)


# Data: two classes of pictures, or COCO with boxes, of which one thing is then broken


def picture(path: Path, seed: int = 0, size: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    cv2.imwrite(str(path), pixels)


def image_folder(root: Path, val: tuple[str, ...] = ("cat", "dog")) -> Overrides:
    for i, (split, classes) in enumerate({"train": ("cat", "dog"), "val": val}.items()):
        (root / split).mkdir(parents=True)
        for j, name in enumerate(classes):
            for k in range(3):
                picture(root / split / name / f"{k}.jpg", 100 * i + 10 * j + k)
    return ["data=image_folder", f"data.root={root}"]


def broken_folder(
    breaks: Callable[[Path], object], policy: str = "strict", val: tuple[str, ...] = ("cat", "dog")
) -> Callable[[Path, pytest.MonkeyPatch], Overrides]:
    def make(folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
        overrides = image_folder(folder / "data", val)
        breaks(folder / "data")
        return [*overrides, f"data.policy={policy}"]

    return make


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def coco(root: Path) -> tuple[dict, Overrides]:
    for i, split in enumerate(("train", "val")):
        for k in range(3):
            picture(root / split / f"{k}.png", 10 * i + k)
        (root / f"{split}.json").write_text(json.dumps(annotations()))
    names = [f"data.train={'train.json'}", "data.val=val.json", f"data.root={root}"]
    return annotations(), ["task=detection", "model=detection/d_fine_micro", "data=coco", *names]


def annotations() -> dict:
    return {
        "images": [{"id": k, "file_name": f"{k}.png", "width": 40, "height": 40} for k in range(3)],
        "annotations": [
            {"id": k, "image_id": k, "category_id": 1, "bbox": [4 + k, 5, 20, 18],
             "area": 360, "iscrowd": 0}
            for k in range(3)
        ],
        "categories": [{"id": 1, "name": "cell"}],
    }  # fmt: skip


def broken_coco(
    breaks: Callable[[dict], object], policy: str = "strict"
) -> Callable[[Path, pytest.MonkeyPatch], Overrides]:
    def make(folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
        content, overrides = coco(folder / "coco")
        breaks(content)
        (folder / "coco" / "train.json").write_text(json.dumps(content))
        return [*overrides, f"data.policy={policy}"]

    return make


def torn_json(folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
    _, overrides = coco(folder / "coco")
    (folder / "coco" / "train.json").write_text('{"images": [')
    return overrides


def mask_of_unknown_class(folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
    root = folder / "masks"
    for i, split in enumerate(("train", "val")):
        for k in range(2):
            picture(root / "images" / split / f"{k}.png", 10 * i + k)
            mask = np.zeros((40, 40), np.uint8)
            mask[10:20] = 1
            mask[30:] = 77 if split == "train" else 1
            (root / "masks" / split).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / "masks" / split / f"{k}.png"), mask)
    (root / "classes.json").write_text(json.dumps({"0": "background", "1": "road"}))
    return [
        "task=semantic_segmentation", "model=semantic_segmentation/upernet_micro",
        "data=semantic_masks", f"data.root={root}", "data.policy=strict",
    ]  # fmt: skip


# Models


def saved_vit(folder: Path, labels: int = 10) -> Path:
    from transformers import ViTConfig, ViTForImageClassification

    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ViTConfig(**small, intermediate_size=16, image_size=32, patch_size=8)
    config.num_labels = labels
    ViTForImageClassification(config).save_pretrained(folder / "vit")
    return folder / "vit"


def broken_model(
    breaks: Callable[[Path], object], *more: str
) -> Callable[[Path, pytest.MonkeyPatch], Overrides]:
    def make(folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
        model = saved_vit(folder)
        breaks(model)
        given = ["model=classification/vit_base", f"model.checkpoint={model}"]
        return [*given, "model.image_size=[32,32]", *more]

    return make


def corrupt(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[:8] = b"\xff" * 8
    file.write_bytes(bytes(data))


def nan_weights(model: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    values = load_file(model / "model.safetensors")
    some = next(key for key in values if key.endswith("dense.weight"))
    values[some] = torch.full_like(values[some], float("nan"))
    save_file(values, model / "model.safetensors", metadata={"format": "pt"})


def only_a_pickle(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")


def own_code(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "my_net", "auto_map": {"AutoModel": "mine.MyNet"}}
    (model / "config.json").write_text(json.dumps(config))


# Places


def run_dir_is_a_file(folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
    (folder / "taken").write_text("a file")
    return [f"run.dir={folder / 'taken'}"]


def durable_below_a_file(folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
    (folder / "file").write_text("a file")
    return [f"run.durable_dir={folder / 'file' / 'durable'}"]


def full_disk(_folder: Path, patch: pytest.MonkeyPatch) -> Overrides:
    usage = namedtuple("usage", "total used free")
    patch.setattr(shutil, "disk_usage", lambda _path: usage(100 << 30, (100 << 30) - 1000, 1000))
    return []


def tracking_down(_folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    return [f"tracking.uri=http://127.0.0.1:{port}"]


def experiment_deleted(folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
    from cvcore.metrics import server

    uri = f"sqlite:///{folder}/ledger.db"
    client = server.client(uri)
    client.delete_experiment(client.create_experiment("gone", str(folder / "artifacts")))
    return [f"tracking.uri={uri}", "tracking.experiment=gone"]


def artifacts_below_a_file(folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
    from cvcore.metrics import server

    (folder / "file").write_text("a file")
    uri = f"sqlite:///{folder}/ledger.db"
    server.client(uri).create_experiment("there", f"{folder}/file/artifacts")
    return [f"tracking.uri={uri}", "tracking.experiment=there"]


def run_of_other_classes(folder: Path, _patch: pytest.MonkeyPatch) -> Overrides:
    from cvcore.data.labels import LabelSpace
    from cvcore.data.records import Category

    run = folder / "earlier"
    (run / "checkpoints" / "checkpoint-10").mkdir(parents=True)
    (run / "checkpoints" / "checkpoint-10" / "COMPLETE").write_text("")
    LabelSpace.over([[Category(0, "car"), Category(1, "bus")]]).save(run / "labels.json")
    return [f"run.dir={run}"]


FAULTS: dict[str, Fault] = {
    # the configuration
    "key that does not exist": Fault(
        "configuration", "learning_rate", flags("optim.learning_rte=1")
    ),
    "learning rate not a number": Fault(
        "configuration", "learning_rate", flags("optim.learning_rate=nan")
    ),
    "learning rate below zero": Fault(
        "configuration", "learning_rate", flags("optim.learning_rate=-1")
    ),
    "option that does not exist": Fault("configuration", "cosine_adam", flags("optim=cosine_adam")),
    "text for a number": Fault("configuration", "max_steps", flags("trainer.max_steps=many")),
    "model of another task's group": Fault(
        "configuration", "detection", flags("model=detection/d_fine_micro")
    ),
    "two numbers for three channels": Fault(
        "configuration", "image_mean", flags("model.image_mean=[0.5,0.5]")
    ),
    "code in a value": Fault(
        "configuration", "_target_", flags("+model.config._target_=os.system")
    ),
    # places
    "run folder is a file": Fault("places", "run.dir", run_dir_is_a_file),
    "durable folder can't be made": Fault("places", "run.durable_dir", durable_below_a_file),
    "disk full": Fault("places", "GiB left", full_disk),
    "tracking server down": Fault("places", "tracking server", tracking_down),
    "tracking address of no kind": Fault(
        "places", "tracking", flags("tracking.uri=gopher://nowhere")
    ),
    "ledger that a cluster can't reach": Fault(
        "places", "can't be reached from Databricks", flags("compute=databricks_cluster")
    ),
    "experiment deleted": Fault("places", "deleted", experiment_deleted),
    # data
    "data folder missing": Fault(
        "data", "data.root", flags("data=image_folder", "data.root=/no/such/folder")
    ),
    "no data folder given": Fault("data", "data.root", flags("data=image_folder")),
    "empty split": Fault("data", "val", broken_folder(lambda root: None, val=())),
    "class in val only": Fault(
        "data", "horse", broken_folder(lambda root: None, "drop", ("cat", "horse"))
    ),
    "an image that is none": Fault(
        "data",
        "1.jpg",
        broken_folder(lambda root: (root / "train/cat/1.jpg").write_bytes(b"no picture")),
    ),
    "an image without bytes": Fault(
        "data", "1.jpg", broken_folder(lambda root: (root / "train/cat/1.jpg").write_bytes(b""))
    ),
    "an image cut short": Fault(
        "data", "1.jpg", broken_folder(lambda root: cut(root / "train/cat/1.jpg"))
    ),
    "an image cut short, left out": Fault(
        "data", "1.jpg", broken_folder(lambda root: cut(root / "train/cat/1.jpg"), "drop"), "warn"
    ),
    "every image broken": Fault(
        "data",
        "split-unusable",
        broken_folder(
            lambda root: [p.write_bytes(b"x") for p in (root / "train").rglob("*.jpg")], "drop"
        ),
    ),
    "an image too large": Fault(
        "data",
        "max_image_pixels",
        lambda f, p: [
            *broken_folder(lambda root: picture(root / "train/cat/1.jpg", 1, 400))(f, p),
            "data.max_image_pixels=10000",
        ],
    ),
    "the same image in train and val": Fault(
        "data",
        "val",
        broken_folder(lambda root: shutil.copy(root / "train/cat/1.jpg", root / "val/cat/1.jpg")),
        "warn",
    ),
    "annotations torn": Fault("data", "train.json", torn_json),
    "box without area": Fault(
        "data", "bbox", broken_coco(lambda c: c["annotations"][1].update(bbox=[4, 5, 0, 18]))
    ),
    "box without area, left out": Fault(
        "data",
        "bbox",
        broken_coco(lambda c: c["annotations"][1].update(bbox=[4, 5, 0, 18]), "drop"),
        "warn",
    ),
    "box outside of its image": Fault(
        "data", "bbox", broken_coco(lambda c: c["annotations"][1].update(bbox=[100, 100, 20, 20]))
    ),
    "box that is not a number": Fault(
        "data",
        "bbox",
        broken_coco(lambda c: c["annotations"][1].update(bbox=[float("nan"), 5, 20, 18])),
    ),
    "class that nobody declares": Fault(
        "data", "category_id", broken_coco(lambda c: c["annotations"][1].update(category_id=7))
    ),
    "annotation of no image": Fault(
        "data", "image_id", broken_coco(lambda c: c["annotations"][1].update(image_id=99))
    ),
    "image that is not there": Fault(
        "data", "gone.png", broken_coco(lambda c: c["images"][1].update(file_name="gone.png"))
    ),
    "two annotations with one id": Fault(
        "data", "id", broken_coco(lambda c: c["annotations"][1].update(id=0)), "warn"
    ),
    "size that is not the image's": Fault(
        "data", "40", broken_coco(lambda c: c["images"][1].update(width=80, height=20))
    ),
    "mask with an unknown value": Fault("data", "mask-value-unknown", mask_of_unknown_class),
    "format of another task": Fault("data", "coco", flags("data=coco", "data.root=.")),
    "run folder of other classes": Fault("data", "car", run_of_other_classes),
    # the model
    "checkpoint missing": Fault(
        "model", "no such folder", flags("model.checkpoint=./no/such/model")
    ),
    "weights missing": Fault(
        "model", "safetensors", broken_model(lambda m: (m / "model.safetensors").unlink())
    ),
    "weights torn": Fault(
        "model", "weights", broken_model(lambda m: corrupt(m / "model.safetensors"))
    ),
    "weights cut short": Fault(
        "model", "weights", broken_model(lambda m: cut(m / "model.safetensors"))
    ),
    "weights only as a pickle": Fault("model", "pickle", broken_model(only_a_pickle)),
    "config.json missing": Fault(
        "model", "config.json", broken_model(lambda m: (m / "config.json").unlink())
    ),
    "a checkpoint that brings code": Fault("model", "code", broken_model(own_code)),
    "checkpoint of another task": Fault(
        "model",
        "not for detection",
        lambda f, p: [
            "task=detection",
            "model=detection/d_fine_micro",
            f"model.checkpoint={saved_vit(f)}",
        ],
    ),
    "image size that does not fit": Fault(
        "model", "image_size", broken_model(lambda m: None, "model.image_size=[30,30]")
    ),
    "model that can't be built": Fault(
        "model", "model.config", flags("model.config.layer_type=fancy")
    ),
    "GPU's number format without a GPU": Fault("model", "fp16", flags("trainer.precision=fp16")),
    "average of weights under ZeRO 3": Fault(
        "model", "ema_decay", flags("deepspeed=zero3", "trainer.ema_decay=0.99")
    ),
    "class balance for another task": Fault(
        "model", "class_balance", flags("optim.class_balance=0.5")
    ),
    # training and after
    "weights that are not numbers": Fault("training", "loss", broken_model(nan_weights)),
    "artifacts can't be written": Fault("log", "logged", artifacts_below_a_file),
    "a name no registry takes": Fault("log", "registered", flags("registry.register_as='a/b:c'")),
}
