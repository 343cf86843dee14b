"""`python -m cvcore.train.probe_rehearsal <config.yaml>`: a training in small, stage by stage.

For `lakesight submit --dry-run`. It is the training itself (`cvcore.train.run.train`) on a few images,
which says on standard output, one JSON object per line, where it is: {"stage", "event": "start"} and
{"stage", "event": "ok", "said"}. A fault is one sentence on standard error and exit code 2.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cvcore.cli.exit import exit_code
from cvcore.config.schema import Config
from cvcore.data.contract import apply
from cvcore.data.fingerprint import fingerprint
from cvcore.data.labels import LabelSpace
from cvcore.data.prepare import Prepared
from cvcore.data.readers import open_splits
from cvcore.data.spread import spread
from cvcore.errors import ConfigError
from cvcore.metrics import server
from cvcore.train import frozen
from cvcore.train.run import train
from cvcore.train.story import Story

IMAGES = {"train": 24, "val": 8, "test": 4}
"""How many images of a split are used."""

CHECKED = 10_000
"""A data set with more images is not held to its whole contract here."""

Emit = Callable[[str, str, str], None]


def rehearse(config: Config, emit: Emit) -> None:
    """Train in small and log the model.

    Args:
        config: already made small by `launch.dry_run`; `run.dir` is a folder to throw away.
        emit: takes (stage, "start" or "ok", what to say).

    Raises:
        LakesightError: a stage failed: the one that was started last.
    """

    @contextmanager
    def stage(name: str) -> Iterator[list[str]]:
        emit(name, "start", "")
        said: list[str] = []
        yield said
        emit(name, "ok", "; ".join(said))

    class Rehearsal(Story):
        def prepared(self) -> Prepared:
            return few(self.config)

        def read_data(self) -> None:
            with stage("model"):
                super().read_data()

        def build_model(self) -> None:
            with stage("model") as said:
                super().build_model()
                count = sum(p.numel() for p in self.model.parameters())
                said.append(f"{self.model.config.model_type}, {count / 1e6:.1f} M parameters")

        def train(self) -> str:
            with stage("training") as said:
                stopped_by = super().train()
                losses = [e["loss"] for e in self.trainer.state.log_history if "loss" in e]
                shown = ", ".join(f"{loss:.3f}" for loss in losses)
                said.append(f"{self.trainer.state.global_step} steps, loss {shown}")
            return stopped_by

        def finish(self, step: int) -> dict[str, float]:
            with stage("evaluation") as said:
                metrics = super().finish(step)
                key = f"best/{self.config.task.metric}"
                said.append(f"{key} {metrics.get(key, float('nan')):.3f} of an untrained model")
            with stage("log") as said:
                said.append(self.log())
            return metrics

        def log(self) -> str:
            from cvcore.serve.pyfunc import log_model

            assert self.ledger is not None
            register_as = self.config.registry.register_as
            uri, run_id = self.ledger.tracker.uri, self.ledger.run_id
            try:
                return log_model(self.best.folder, uri, run_id, register_as)
            except Exception as error:
                what = f"registered as {register_as!r}" if register_as else "logged"
                raise ConfigError(
                    f"the model can't be {what} at {server.without_password(uri)}: "
                    f"{server.in_words(error)}. Check where artifacts are kept, your rights there, "
                    "and registry.register_as."
                ) from error

    train(config, [], Rehearsal)


def few(config: Config) -> Prepared:
    """Return a few images of each split, evenly spread, after the contract."""
    opened = open_splits(config.data, config.task.kind)
    labels = LabelSpace.over(split.categories for split in opened.values())
    if sum(map(len, opened.values())) <= CHECKED:
        opened = apply(opened, config.task.kind, config.data)
    splits = {name: spread(split, IMAGES.get(name, 4)) for name, split in opened.items()}
    return Prepared(splits, labels, fingerprint(splits, labels))


def main() -> int:
    """Rehearse; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    args = parser.parse_args()
    # What libraries print must not come between our lines.
    lines = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def emit(name: str, event: str, said: str) -> None:
        print(json.dumps({"stage": name, "event": event, "said": said}), file=lines, flush=True)

    rehearse(frozen.load(args.config), emit)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
