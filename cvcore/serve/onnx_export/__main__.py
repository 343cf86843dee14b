"""Writes ONNX in a process of its own.

python -m cvcore.serve.onnx_export FOLDER FILE [--on IMAGES] [--images 8] [--tolerance 1e-3] prints
one line of JSON; `--run-id --uri` fetch the model when there is no FOLDER here (FOLDER is then "-").
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cvcore.cli.exit import exit_code
from cvcore.cli.parent import end_with_parent

if TYPE_CHECKING:
    from cvcore.data.records import ImageRef


def main() -> int:
    """Export and return the exit code."""
    end_with_parent()
    parser = argparse.ArgumentParser(prog="python -m cvcore.serve.onnx_export")
    parser.add_argument("folder")
    parser.add_argument("file", type=Path)
    parser.add_argument("--uri", default="")
    parser.add_argument("--run-id", default="")
    parser.add_argument("--on", type=Path)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    args = parser.parse_args()
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    from cvcore.serve.onnx_export.export import export, require_packages
    from cvcore.serve.quiet import quiet
    from cvcore.serve.register.fetch import fetch

    require_packages()
    quiet()
    with tempfile.TemporaryDirectory(prefix="lakesight-run-") as temporary:
        folder = Path(args.folder)
        if args.folder == "-":
            folder = fetch(args.uri, args.run_id, Path(temporary))
        refs = _of_folder(args.on, args.images) if args.on else _of_run(folder, args.images)
        done = export(folder, args.file, refs, args.tolerance, _say)
    print(json.dumps({**asdict(done), "file": str(done.file)}))
    return 0


def _of_folder(folder: Path, num: int) -> list[ImageRef]:
    from cvcore.data.records import ImageRef
    from cvcore.errors import DataError

    endings = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in endings)
    if not files:
        raise DataError(f"there is no image in {folder}. Give a folder of JPEG or PNG files.")
    return [ImageRef(path) for path in files[:num]]


def _of_run(folder: Path, num: int) -> list[ImageRef]:
    from cvcore.errors import DataError, LakesightError
    from cvcore.evaluate.open_split import open_split
    from cvcore.evaluate.saved import configuration
    from cvcore.serve import artifact

    try:
        labels = artifact.read(folder).labels
        data = open_split(configuration(folder, []), "val", labels, str(folder), True)
    except LakesightError as error:
        raise DataError(
            f"the run's own val images can't be read to compare on ({error}) Give a folder of images "
            "with --on."
        ) from error
    split = data.splits["val"]
    return [split[i].image for i in range(min(num, len(split)))]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
