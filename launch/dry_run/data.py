"""The data set of a run held to its contract, without a training."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from cvcore.config.schema import Config
from cvcore.data.contract import RULES, ContractReport, check
from cvcore.data.contract.apply import apply, inspect_command
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.data.spread import spread
from cvcore.errors import DataError, ModelError

WHOLE = 10_000
"""A data set of up to so many images is checked whole; of a larger one, this many are."""


def check_data(config: Config) -> tuple[str, str]:
    """Return (ok or warn, sentence).

    Raises:
        LakesightError: the data can't be read, break the contract so that no training can start, or
            the run's folder belongs to other classes.
    """
    kind, conf = config.task.kind, config.data
    splits = open_splits(conf, kind)
    for needed in ("train", "val"):
        if needed not in splits:
            raise DataError(f"the data set has no {needed} image. Set data.{needed}.")
    labels = LabelSpace.over(split.categories for split in splits.values())
    _require_same_labels(config, labels)
    total = sum(map(len, splits.values()))
    if conf.reader == "digits":
        return "ok", f"{total:,} images of {len(labels)} classes, made to be whole"
    share = min(WHOLE / total, 1.0)
    few = {name: spread(split, max(int(len(split) * share), 1)) for name, split in splits.items()}
    report = check(few, kind, conf, progress=False, decode_images=False)
    if share == 1.0:
        logger = logging.getLogger("cvcore.data.contract.apply")
        level = logger.level
        logger.setLevel(logging.ERROR)  # what it would warn of is said below
        try:
            treated = apply(splits, kind, conf)
        finally:
            logger.setLevel(level)
        for name in ("train", "val"):
            if len(treated[name]) == 0:
                raise DataError(f"no {name} image is left after data.policy={conf.policy}.")
    return _said(config, report, len(labels), total)


def _said(config: Config, report: ContractReport, num_classes: int, total: int) -> tuple[str, str]:
    checked = sum(report.num_images.values())
    what = f"{checked:,} of {total:,} images of {num_classes} classes checked"
    kind, conf = config.task.kind, config.data
    errors = [fault for fault in report.errors if RULES[fault.rule].drop != "stop"]
    warnings = report.of("warning")
    if errors and conf.policy == "strict":
        raise DataError(f"{what}: {errors[0]}. See all with `{inspect_command(kind, conf)}`.")
    leaked = _in_both(report)
    if leaked:
        what += f"; {leaked} of the images of train are in val or test too"
    if not errors and not warnings:
        return ("warn" if leaked else "ok"), what
    counts = ", ".join(f"{rule} {len(faults)}" for rule, faults in list(report.by_rule())[:4])
    return "warn", (
        f"{what}; faults: {counts} (data.policy={conf.policy}), first: {(errors or warnings)[0]}. "
        f"See all with `{inspect_command(kind, conf)}`."
    )


def _in_both(report: ContractReport) -> int:
    """Return how many of the decoded images of train are, byte for byte, in another split."""
    digests = {
        name: {digest for digest in facts.digests if digest} for name, facts in report.facts.items()
    }
    others = set().union(*(found for name, found in digests.items() if name != "train"))
    return len(digests.get("train", set()) & others)


def _require_same_labels(config: Config, labels: LabelSpace) -> None:
    """Refuse a run's folder whose checkpoints are of other classes, which would be resumed."""
    if config.run.dir is None or config.run.resume == "never":
        return
    folder = Path(config.run.dir).expanduser()
    file = folder / "labels.json"
    if not file.is_file() or not any(folder.glob("checkpoints/checkpoint-*/COMPLETE")):
        return
    try:
        known = LabelSpace.from_dict(json.loads(file.read_text()))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{file} can't be read ({error!r}). Give another run.dir, or put the folder aside with "
            "run.resume=never."
        ) from error
    labels.require_same(known, f"the run in {folder}")
