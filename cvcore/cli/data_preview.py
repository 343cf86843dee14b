"""`lakesight data preview`."""

from __future__ import annotations

import argparse

from cvcore.cli.data_task import load_data
from cvcore.errors import ConfigError


def run(args: argparse.Namespace) -> int:
    """Draw the sheet and tell where it is; returns 0.

    Raises:
        LakesightError: the configuration or the data set can't be used.
    """
    if args.num < 1:
        raise ConfigError(f"--num {args.num} is no number of images. Give 1 or more.")
    if args.out.suffix.lower() != ".png":
        raise ConfigError(f"--out {args.out} is not a PNG. Give a file name that ends in .png.")
    config = load_data(args.overrides)

    from cvcore.data.preview import preview

    path = preview(config, args.out, args.num, args.epoch)
    print(f"{config.task.kind}, training images of epoch {args.epoch}: {path}")
    return 0
