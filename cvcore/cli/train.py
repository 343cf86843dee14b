"""`lakesight train`: one training from overrides."""

from __future__ import annotations

import argparse

HELP = "train a model, or go on with a run"

EXAMPLES = """examples:
  lakesight train                                          digits, classification
  lakesight train task=detection
  lakesight train model=detection/d_fine_micro trainer.num_train_epochs=5
  lakesight train experiment=bccd_detection data.root=path/to/bccd
  lakesight train task=detection run.dir=runs/first        again: goes on where it stopped
  lakesight train deepspeed=zero2 compute.num_devices=0    one process per GPU
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("overrides", nargs="*", help="group=option and key=value")


def run(args: argparse.Namespace) -> int:
    """Train; returns 0.

    Raises:
        LakesightError: the configuration, the data or the model cannot be used, or the training
            had to stop; says why.
    """
    from cvcore.config.composer import load

    # The configuration is checked before the seconds that importing torch takes.
    config = load(args.overrides)

    from cvcore.train.run import train

    train(config, args.overrides)
    return 0
