"""A process whose stderr is read by another one: no progress bars, no chatter of libraries."""

from __future__ import annotations

import logging
import os

from cvcore.metrics import server


def quiet() -> None:
    """Turn off what MLflow and transformers print on the way; warnings stay."""
    from transformers.utils import logging as hf_logging

    for key, value in server.ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    hf_logging.disable_progress_bar()
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
