"""How this process talks to a tracking server: quickly, quietly, each request once. Torch-free."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ENVIRONMENT = {
    # The delivery tries again itself, and asks first what has arrived; MLflow would send a batch a
    # second time without asking. A start-up is not held up for minutes either.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    # Links and bars in the middle of a training's log say nothing.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""What MLflow reads from the environment; a value that is set already stays."""
_SQLITE = "sqlite:///"


def client(uri: str) -> Any:
    """Return the MLflow client of a tracking URI; no request is made yet (a database is opened).

    Raises:
        Exception: whatever the kind of store raises: MlflowException, a missing database driver ...
    """
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with opening(uri):
        return MlflowClient(uri)


@contextlib.contextmanager
def opening(uri: str) -> Iterator[None]:
    """Hold a SQLite ledger while it is opened: one process makes its tables, the others wait.

    MLflow looks whether there are tables and makes them; two first commands at once would both do. The
    lock is on the folder, so that no file is left; other stores are not held.
    """
    folder = Path(uri.removeprefix(_SQLITE)).absolute().parent
    if not uri.startswith(_SQLITE) or not folder.is_dir():
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def in_words(error: Exception) -> str:
    """Return what a server or its client said in a line of at most 240 characters.

    Of a connection that failed only the cause: the rest is addresses and classes.
    """
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "Caused by " in said:
        said = said.rpartition("Caused by ")[2].rpartition(": ")[2].strip("()'\" ")
    return textwrap.shorten(without_password(said), 240, placeholder=" ...")


def without_password(text: str) -> str:
    """Return a text in which no URL shows its user and password.

    Example:
        >>> without_password("https://me:secret@mlflow.example.org")
        'https://***@mlflow.example.org'
    """
    return re.sub(r"://[^/@\s]+@", "://***@", text)
