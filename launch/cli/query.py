"""`lakesight query`: ask an endpoint about pictures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cvcore.errors import DataError

HELP = "send pictures to an endpoint and print its answers"

EXAMPLES = """examples:
  lakesight query parts photo.jpg
  lakesight query parts photo.jpg --threshold 0.5 --masks polygon --json | jq .objects
  lakesight query parts photo.jpg --code             the same as curl and as Python; asks nothing
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("endpoint", metavar="ENDPOINT", help="its name; lakesight endpoints lists")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="picture files")
    parser.add_argument("--threshold", type=float, help="objects from this score on")
    parser.add_argument("--masks", default="", metavar="WAY", help="rle, polygon or none")
    parser.add_argument("--on", default="", metavar="PLACE", help="local or databricks")
    parser.add_argument("--profile", help="credentials of the workspace, from ~/.databrickscfg")
    parser.add_argument("--code", action="store_true", help="print curl and Python instead")
    parser.add_argument("--json", action="store_true", help="one line of JSON per picture")


def run(args: argparse.Namespace) -> int:
    """Ask and print; returns 0.

    Raises:
        LakesightError: no such endpoint or picture, or the endpoint refuses.
    """
    from launch.serving.ask import ask
    from launch.serving.places import find

    endpoints = find(args.endpoint, args.on, args.profile)
    if args.code:
        from launch.serving.snippets import curl, python

        params: dict[str, Any] = {}
        if args.threshold is not None:
            params["score_threshold"] = args.threshold
        if args.masks:
            params["masks"] = args.masks
        endpoint, image = endpoints.get(args.endpoint), str(args.images[0])
        print(f"{curl(endpoint, image, **params)}\n\n{python(endpoint, image, **params)}")
        return 0
    for path in args.images:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"image {path} can't be opened ({error.strerror}).") from error
        got = ask(endpoints, args.endpoint, [data], args.threshold, args.masks)
        answer = got.answers[0]
        if args.json:
            print(json.dumps({"image": str(path), **answer}))
        else:
            print(f"{path}  {answer['size'][1]} x {answer['size'][0]}")
            print("\n".join(_lines(answer)))
            served = got.served or args.endpoint
            print(f"{got.seconds * 1000:.0f} ms, by {served}", file=sys.stderr)
    return 0


def _lines(answer: dict[str, Any]) -> list[str]:
    lines = []
    for item in answer.get("objects", answer.get("segments", answer.get("classes", []))):
        value = item.get("score", item.get("fraction"))
        number = "" if value is None else f"{value:.3f}"
        box = " ".join(f"{v:.0f}" for v in item["box"]) if "box" in item else ""
        lines.append(f"  {number:>5}  {item['label']:20}  {box}".rstrip())
    return lines or ["  nothing above the threshold"]
