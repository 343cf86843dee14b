"""Schemas of the groups `data` and `augment`."""

from __future__ import annotations

from dataclasses import dataclass

from cvcore.config.schema.info import opt

TASKS = (
    "classification",
    "detection",
    "semantic_segmentation",
    "instance_segmentation",
    "panoptic_segmentation",
)


@dataclass
class DataConf:
    """What every data set has."""

    reader: str = opt("???", "The format: which reader in cvcore.data reads it.", advanced=True)
    root: str | None = opt(
        None, "Folder of the data set; a Volume (/Volumes/...) or dbfs:/ path works on Databricks."
    )
    policy: str = opt(
        "drop",
        "What happens to images and annotations that break the data contract: stop, leave out, "
        "or repair in memory. Originals are never touched.",
        choices=("strict", "drop", "repair"),
    )
    max_train_samples: int | None = opt(
        None, "Use only the first N training images.", bounds=(1, None)
    )
    max_eval_samples: int | None = opt(
        None, "Use only the first N images of the other splits.", bounds=(1, None)
    )
    max_image_pixels: int = opt(
        178_956_970,
        "Images with more pixels than this are refused (decompression bombs).",
        unit="px",
        bounds=(1, None),
        advanced=True,
    )
    stage: bool = opt(
        False, "Copy the data to this machine's disk first (checked, resumable).", advanced=True
    )
    cache_dir: str = opt(
        "~/.cache/lakesight", "Where staged and generated data are kept.", advanced=True
    )


@dataclass
class DigitsConf(DataConf):
    """Built-in scenes of real handwritten digits (scikit-learn `load_digits`)."""

    reader: str = "digits"
    num_train: int = opt(2000, "Training images.", bounds=(10, 100_000))
    num_val: int = opt(200, "Validation images.", bounds=(10, 100_000))
    num_test: int = opt(200, "Test images.", bounds=(10, 100_000))
    scene_size: int = opt(96, "Width and height of a scene.", unit="px", bounds=(32, 1024))
    max_digits: int = opt(4, "Most digits in one scene.", bounds=(1, 20))
    data_seed: int = opt(0, "Seed of the scenes (not of the training).", bounds=(0, None))


@dataclass
class ImageFolderConf(DataConf):
    """One folder per class: root/<split>/<class>/*.jpg."""

    reader: str = "image_folder"
    train: str = opt("train", "Training folder, relative to root.")
    val: str = opt("val", "Validation folder, relative to root.")
    test: str | None = opt(None, "Test folder, relative to root.")


@dataclass
class CocoConf(DataConf):
    """COCO detection or instances: one JSON of annotations per split."""

    reader: str = "coco"
    train: str = opt("annotations/instances_train.json", "Training JSON, relative to root.")
    val: str = opt("annotations/instances_val.json", "Validation JSON, relative to root.")
    test: str | None = opt(None, "Test JSON, relative to root.")
    train_images: str = opt("train", "Folder of the training images, relative to root.")
    val_images: str = opt("val", "Folder of the validation images, relative to root.")
    test_images: str | None = opt(None, "Folder of the test images, relative to root.")


@dataclass
class SemanticMasksConf(DataConf):
    """Images and PNG masks of class ids, paired by file name."""

    reader: str = "semantic_masks"
    train_images: str = opt("images/train", "Training images, relative to root.")
    train_masks: str = opt("masks/train", "Training masks, relative to root.")
    val_images: str = opt("images/val", "Validation images, relative to root.")
    val_masks: str = opt("masks/val", "Validation masks, relative to root.")
    test_images: str | None = opt(None, "Test images, relative to root.")
    test_masks: str | None = opt(None, "Test masks, relative to root.")
    classes: str | None = opt(
        "classes.json", "JSON {id: name} of the mask values, relative to root; null: use the ids."
    )
    ignore_value: int = opt(255, "Mask value of unlabelled pixels.", bounds=(0, 65_535))


@dataclass
class CocoPanopticConf(CocoConf):
    """COCO panoptic: JSON with segments_info and a folder of PNGs per split."""

    reader: str = "coco_panoptic"
    train: str = "annotations/panoptic_train.json"
    val: str = "annotations/panoptic_val.json"
    train_masks: str = opt("annotations/panoptic_train", "Training PNGs, relative to root.")
    val_masks: str = opt("annotations/panoptic_val", "Validation PNGs, relative to root.")
    test_masks: str | None = opt(None, "Test PNGs, relative to root.")


@dataclass
class TableConf(DataConf):
    """A table with one row per image: the columns that hold what."""

    reader: str = "delta_table"
    train: str = opt("train", "Training table or folder, relative to root.")
    val: str = opt("val", "Validation table or folder, relative to root.")
    test: str | None = opt(None, "Test table or folder, relative to root.")
    image_column: str = opt("image", "Column of the image: bytes, a path, or HF's image struct.")
    label_column: str = opt("label", "Column of the class (classification).")
    objects_column: str = opt(
        "objects", "Column of objects: bbox (xywh pixels), category, optional area and iscrowd."
    )
    mask_column: str = opt("mask", "Column of the mask (semantic segmentation).")
    id_column: str | None = opt(None, "Column of the image id; null: the row number.")
    classes: str | None = opt(
        None,
        "JSON {id: name} of the classes, relative to root; null: the schema's names, else the "
        "values used.",
    )
    ignore_value: int = opt(255, "Mask value of unlabelled pixels.", bounds=(0, 65_535))


@dataclass
class HfDatasetConf(TableConf):
    """A Hugging Face data set saved to disk (`save_to_disk`) or a folder of Parquet files."""

    reader: str = "hf_dataset"


@dataclass
class AugmentConf:
    """Random changes of image, boxes and masks together, in training only."""

    hflip: float = opt(0.5, "Chance to mirror left-right.", bounds=(0, 1))
    vflip: float = opt(0.0, "Chance to mirror top-bottom.", bounds=(0, 1))
    scale: list[float] = opt([0.8, 1.25], "Smallest and largest zoom.", bounds=(0.1, 10))
    translate: float = opt(0.1, "Largest shift, as a fraction of the size.", bounds=(0, 0.9))
    rotate: float = opt(0.0, "Largest rotation.", unit="degrees", bounds=(0, 180))
    min_visibility: float = opt(
        0.2, "A box with less of its area left in the picture is dropped.", bounds=(0, 1)
    )
    brightness: float = opt(0.2, "Largest relative change of brightness.", bounds=(0, 1))
    contrast: float = opt(0.2, "Largest relative change of contrast.", bounds=(0, 1))
    saturation: float = opt(0.2, "Largest relative change of saturation.", bounds=(0, 1))
    hue: float = opt(0.02, "Largest change of hue, as a fraction of the circle.", bounds=(0, 0.5))
    blur: float = opt(0.0, "Chance of a Gaussian blur.", bounds=(0, 1))
    gray: float = opt(0.0, "Chance of turning grey.", bounds=(0, 1))
    erase: float = opt(0.0, "Chance of erasing a rectangle (classification).", bounds=(0, 1))
