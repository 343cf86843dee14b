"""`lakesight predict`: a saved model on pictures or a data set; JSON lines and drawn pictures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cvcore.errors import DataError, did_you_mean
from cvcore.serve import artifact
from cvcore.serve.find import model_folder

if TYPE_CHECKING:
    from cvcore.data.records import ImageRef

HELP = "predict with a saved model on images, folders or a data set"

EXAMPLES = """examples:
  lakesight predict runs/latest photo.jpg more/
  lakesight predict runs/latest photos/ --threshold 0.5 --out answers
  lakesight predict runs/latest data=coco data.root=blood --split val
"""

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


SHEET = 12
SHEET_SIDE_PX = 400
"""How many pictures are on the sheet, and the longer side of each."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "model", type=Path, metavar="RUN", help="a run's folder, its 'best', or runs/latest"
    )
    parser.add_argument(
        "--threshold", type=float, help="show objects from this score on (default: the model's)"
    )
    parser.add_argument("--out", type=Path, default=Path("predictions"), help="output folder")
    parser.add_argument("--split", default="val", help="split of a data set given by overrides")
    parser.add_argument("--no-pictures", action="store_true", help="write predictions.jsonl only")
    parser.add_argument(
        "overrides",
        nargs="+",
        metavar="IMAGE|FOLDER|OVERRIDE",
        help="pictures, folders of pictures, or data overrides",
    )


def run(args: argparse.Namespace) -> int:
    """Predict and write; returns 0, or 1 if some images could not be decoded.

    Raises:
        DataError: no such picture, threshold or split.
        ModelError: the folder is not a model.
    """
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise DataError(f"--threshold {args.threshold} is not a score: give a number from 0 to 1.")
    folder = model_folder(args.model)
    refs = _refs(args.overrides, args.split, artifact.read(folder).task.kind)

    from PIL import Image
    from tqdm import tqdm
    from transformers.utils import logging as hf_logging

    from cvcore.data.draw import draw
    from cvcore.data.sheet import cell, sheet
    from cvcore.serve import payload
    from cvcore.serve.predictor import Predictor

    hf_logging.disable_progress_bar()  # a second bar, of weights, says nothing here
    predictor = Predictor.load(folder)
    card = predictor.artifact
    threshold = card.score_threshold if args.threshold is None else args.threshold
    own = card.class_thresholds if args.threshold is None else {}
    pictures = args.out / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("[0-9][0-9][0-9][0-9][0-9]-*.png"):
        old.unlink()  # of an earlier prediction: they would be taken for this one's
    cells: list[Image.Image] = []
    lines = args.out / "predictions.jsonl"
    num_broken = 0
    with lines.open("w") as file:

        def leave_out(ref: ImageRef, error: DataError) -> None:
            nonlocal num_broken
            num_broken += 1
            file.write(json.dumps({"image": str(ref), "error": str(error)}) + "\n")
            tqdm.write(f"left out: {error}", file=sys.stderr)

        stream = tqdm(
            predictor.stream(refs, on_error=leave_out), total=len(refs), unit="image", disable=None
        )
        for ref, image_HW3, prediction in stream:
            size_hw = (image_HW3.shape[0], image_HW3.shape[1])
            row = payload.answer(prediction, predictor.labels, size_hw, threshold, own)
            file.write(json.dumps({"image": str(ref), **row}) + "\n")
            if not args.no_pictures:
                stem = ref.path.stem if ref.path else "image"
                drawn = draw(
                    image_HW3,
                    predictor.labels,
                    prediction=prediction,
                    score_threshold=threshold,
                    class_thresholds=own,
                )
                path = pictures / f"{prediction.image_id:05d}-{stem}.png"
                Image.fromarray(drawn).save(path)
                if len(cells) < SHEET:
                    cells.append(cell(drawn, stem, SHEET_SIDE_PX))
    print(f"{len(refs) - num_broken:,} images predicted: {lines}")
    if cells:
        sheet(cells).save(args.out / "sheet.png")
        print(
            f"pictures: {pictures}, the first {len(cells)} on one sheet: {args.out / 'sheet.png'}"
        )
    if num_broken:
        print(f"{num_broken:,} images could not be read; their lines say why.", file=sys.stderr)
    return 1 if num_broken else 0


def _refs(inputs: list[str], split: str, kind: str) -> list[ImageRef]:
    overrides = [item for item in inputs if "=" in item and not Path(item).exists()]
    paths = [Path(item).expanduser() for item in inputs if item not in overrides]
    if overrides and paths:
        raise DataError(
            f"pictures ({paths[0]}) and data overrides ({overrides[0]}) can't be mixed: "
            "give one or the other."
        )
    return _of_data(overrides, split, kind) if overrides else _of_paths(paths)


def _of_data(overrides: list[str], split: str, kind: str) -> list[ImageRef]:
    from cvcore.config.composer import load
    from cvcore.data.readers import open_splits

    # Only the images are read; the model's task says in which layout to look for them.
    splits = open_splits(load([f"task={kind}", *overrides]).data, kind)
    if split not in splits:
        raise DataError(
            f"the data has no split {split!r}. Splits: {', '.join(splits)}."
            + did_you_mean(split, splits)
        )
    chosen = splits[split]
    return [chosen[i].image for i in range(len(chosen))]


def _of_paths(paths: list[Path]) -> list[ImageRef]:
    from cvcore.data.records import ImageRef

    refs = []
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
            if not found:
                raise DataError(
                    f"folder {path} holds no picture ({', '.join(sorted(SUFFIXES))}). "
                    "Give a folder with pictures."
                )
            refs += [ImageRef(p) for p in found]
        elif path.is_file():
            refs.append(ImageRef(path))
        else:
            siblings = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
            raise DataError(
                f"there is no picture {path}. Check the path." + did_you_mean(path.name, siblings)
            )
    return refs
