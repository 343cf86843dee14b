"""`lakesight data`: look at a data set, import another format, see what the trainer sees."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

HELP = "inspect, convert and preview data sets"

EXAMPLES = """examples:
  lakesight data inspect data=coco data.root=blood
  lakesight data inspect task=classification data=image_folder data.root=cats --out findings
  lakesight data inspect data=coco data.root=blood --repair-to blood_repaired
  lakesight data convert --from voc VOC2012 blood
  lakesight data preview task=detection data=coco data.root=blood augment.rotate=15

`lakesight data <what> --help` tells more.
"""

INSPECT_EXAMPLES = """examples:
  lakesight data inspect data=coco data.root=blood
  lakesight data inspect data=coco data.root=blood --json | jq '.faults[0]'
  lakesight data inspect data=coco data.root=blood --out findings --repair-to blood_repaired

exit code: 0 no error, 1 errors were found, 2 the data set can't be read
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-verbs and their arguments."""
    parser.epilog = EXAMPLES
    parts = parser.add_subparsers(dest="what", required=True, metavar="inspect|convert|preview")
    _add_inspect(_part(parts, "inspect", "find every fault of a data set; show its statistics"))
    _add_convert(_part(parts, "convert", "import Pascal VOC or YOLO as COCO"))
    _add_preview(_part(parts, "preview", "draw training images exactly as the trainer sees them"))


def run(args: argparse.Namespace) -> int:
    """Run a sub-verb.

    Raises:
        LakesightError: the configuration or the data set cannot be used.
    """
    return int(import_module(f"cvcore.cli.data_{args.what}").run(args))


def _part(
    parts: argparse._SubParsersAction[argparse.ArgumentParser], what: str, text: str
) -> argparse.ArgumentParser:
    part = parts.add_parser(
        what,
        help=text,
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    part.add_argument(
        "--config-dir",
        action="append",
        metavar="DIR",
        help="a folder with options of your own, laid out like conf/; may be repeated",
    )
    return part


def _add_inspect(part: argparse.ArgumentParser) -> None:
    part.epilog = INSPECT_EXAMPLES
    part.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="data=..., data.root=...")
    part.add_argument("--json", action="store_true", help="print JSON: all faults, statistics")
    part.add_argument(
        "--out", type=Path, metavar="DIR", help="write report.json and findings.csv there"
    )
    part.add_argument(
        "--repair-to", type=Path, metavar="DIR", help="write a repaired copy to a new folder"
    )
    part.add_argument("--link", action="store_true", help="hard-link the copy's images, same disk")
    part.add_argument(
        "--quick",
        action="store_true",
        help="decode a sample of the images only; of the others the header and the end are read",
    )


def _add_convert(part: argparse.ArgumentParser) -> None:
    part.epilog = "example:\n  lakesight data convert --from yolo cats/ cats_coco/"
    part.add_argument("--from", dest="source_format", required=True, metavar="voc|yolo")
    part.add_argument("source", type=Path, help="the data set's folder; it is only read")
    part.add_argument("target", type=Path, help="a new or empty folder")
    part.add_argument(
        "--task",
        default="detection",
        help="detection (default) or instance_segmentation (polygons of YOLO)",
    )
    part.add_argument("--link", action="store_true", help="hard-link images, same disk")
    part.add_argument("--json", action="store_true", help="print JSON")


def _add_preview(part: argparse.ArgumentParser) -> None:
    part.epilog = "example:\n  lakesight data preview task=detection augment.rotate=20"
    part.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="as for `train`")
    part.add_argument(
        "--out", type=Path, default=Path("preview.png"), help="PNG to write (preview.png)"
    )
    part.add_argument("--num", type=int, default=16, help="images (16)")
    part.add_argument("--epoch", type=int, default=0, help="whose random changes are shown (0)")
