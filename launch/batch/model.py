"""The model of a batch: a run's folder, or a registered version, fetched once."""

from __future__ import annotations

from launch.local.queue import state_dir
from launch.serving.models import resolve


def model_folder(word: str, tracking_uri: str = "") -> str:
    """Return the folder with the model that a word means; see `launch.serving.models.resolve`.

    A registered version is fetched into this machine's state folder, once.

    Raises:
        LakesightError: there is none, or it can't be fetched.
    """
    model = resolve(word, tracking_uri)
    if model.folder:
        return model.folder
    target = state_dir() / "models" / model.served_name
    if not (target / "MLmodel").is_file():
        from launch.serving.local.prepare import prepare

        prepare(model, target)
    return str(target)
