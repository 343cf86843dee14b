"""The split that an evaluation needs, in the model's label space. Torch-free."""

from __future__ import annotations

import logging
from dataclasses import replace

from cvcore.config.schema import Config, DataConf
from cvcore.data.labels import LabelSpace
from cvcore.data.prepare import Prepared, prepare
from cvcore.data.records import SPLITS
from cvcore.errors import DataError, did_you_mean

log = logging.getLogger(__name__)

_PLACES = ("{}", "{}_images", "{}_masks")
"""Keys of `data` that say where a split is."""

_NAMED = 5


def open_split(config: Config, split: str, model: LabelSpace, what: str, own: bool) -> Prepared:
    """Return the data of an evaluation, in the label space of the model.

    Of other data than the run's only the wanted split is opened: a new test set needs no training
    images. They may lack classes of the model (no image of a class, or it is not declared); a class
    that the model does not know, or knows by another id, is refused.

    Args:
        config: of the evaluation.
        split: train, val or test.
        model: the model's label space.
        what: the model, for messages.
        own: whether these are the data of the run, whose fingerprint covers all splits.

    Raises:
        DataError: the split is not one, is not set, or the data can't be read.
        ModelError: another label space.
    """
    if split not in SPLITS:
        raise DataError(
            f"there is no split {split!r}. Splits: {', '.join(SPLITS)}.{did_you_mean(split, SPLITS)}"
        )
    if not own:
        _leave_out_others(config.data, split)
    data = prepare(config, needed=(split,))
    if data.labels.hash == model.hash:
        return data
    known = {(x.source_id, x.name, x.isthing) for x in model.labels}
    if not {(x.source_id, x.name, x.isthing) for x in data.labels.labels} <= known:
        data.labels.require_same(model, what)
    missing = sorted(set(model.names) - set(data.labels.names))
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    named = ", ".join(missing[:_NAMED]) + more
    log.warning("the data do not declare these classes of the model: %s", named)
    return replace(data, labels=model)


def _leave_out_others(conf: DataConf, split: str) -> None:
    """Set the places of the other splits to None, which every reader takes for "not there"."""
    places = {
        name: [key for pattern in _PLACES if hasattr(conf, key := pattern.format(name))]
        for name in SPLITS
    }
    if not any(places.values()):  # built-in data: nothing to choose
        return
    unset = [key for key in places[split] if getattr(conf, key) is None]
    if unset:
        set_splits = [
            name for name, keys in places.items() if all(getattr(conf, key) for key in keys)
        ]
        raise DataError(
            f"the data has no split {split!r}: {_listed(unset)} not set. Set "
            f"{' and '.join(f'data.{key}=' for key in unset)}, or choose --split "
            f"{' or '.join(set_splits)}."
        )
    for name, keys in places.items():
        for key in keys if name != split else ():
            setattr(conf, key, None)


def _listed(keys: list[str]) -> str:
    return f"{' and '.join(f'data.{key}' for key in keys)} {'is' if len(keys) == 1 else 'are'}"
