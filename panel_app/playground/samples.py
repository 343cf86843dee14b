"""A few images of the data set that a model was trained on: what to try first. Blocking."""

from __future__ import annotations

import time
from pathlib import Path

from cvcore.errors import DataError, LakesightError
from cvcore.train import frozen
from launch.serving.types import Endpoint
from launch.submit import overrides_of
from panel_app.data.choice import Choice
from panel_app.data.index import Index
from panel_app.data.sets import DataSets
from panel_app.services import Services

NUM = 8
_LOOK_S = 0.3
_SPLITS = ("test", "val", "train")
_NOT_DATA = ("run.", "tracking.", "compute", "registry.", "serving.", "trainer.")


def data_of(services: Services, sets: DataSets, endpoint: Endpoint) -> Choice:
    """Return the data set that the model behind an endpoint was trained on.

    Raises:
        LakesightError: it is not known here, or this app may not read it.
    """
    if not endpoint.served:
        raise DataError("the endpoint serves no model yet.")
    served = max(endpoint.served, key=lambda one: one.share)
    if served.version:
        try:
            client = services.ledger.client
            run_id = client.get_model_version(served.model, served.version).run_id or ""
            words = overrides_of(services.ledger.get(run_id))
        except LakesightError:
            raise
        except Exception as error:
            raise DataError(
                f"the run that made {served.model} version {served.version} is not in this ledger."
            ) from error
    else:
        try:
            words = frozen.read_overrides(Path(served.model).parent)
        except (OSError, LakesightError) as error:
            raise DataError("the run that made this model is not on this machine.") from error
    return sets.choose(tuple(word for word in words if not word.startswith(_NOT_DATA)))


def made(sets: DataSets, choice: Choice) -> Index:
    """Return a data set's index once a worker has made it.

    Raises:
        DataError: it can't be made.
    """
    job = sets.start("index", choice)
    while (now := sets.jobs.get(job)) is not None and not now.is_over:
        time.sleep(_LOOK_S)
    index = sets.index(choice)
    if index is None:
        raise DataError(now.error if now is not None and now.error else "it can't be read now.")
    return index


def rows(index: Index, number: int = NUM) -> list[int]:
    """Return rows of images that were not trained on where there are any, spread over the split."""
    split = next((s for s in _SPLITS if s in index.splits and index.count(s)), None)
    if split is None:
        return []
    count = index.count(split)
    found = [index.row(split, count * i // number) for i in range(min(number, count))]
    return [row for row in dict.fromkeys(found) if row is not None]


def read(sets: DataSets, choice: Choice, row: int) -> tuple[bytes, str]:
    """Return the bytes of an image, and its name.

    Raises:
        DataError: it can't be read.
    """
    _, record = sets.record(choice.key, row)
    path = record.image.path
    try:
        return record.image.read(), record.image.name if path is None else path.name
    except OSError as error:
        raise DataError(f"the image can't be read ({error.strerror}).") from error
