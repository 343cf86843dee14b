"""MLflow as the ledger: which runs there are, whose they are, where they run, how they ended.

The submitter creates a run here before anything starts; whatever this machine remembers besides may
be deleted. MLflow is imported when a ledger is opened.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cvcore.errors import ConfigError, did_you_mean
from cvcore.metrics import mlflow_run, server
from launch.base import RunState, RunStatus
from launch.errors import LaunchError, UnknownRun
from launch.ledger_run import LedgerRun, of_mlflow
from launch.tags import (
    ATTEMPT,
    ENDED_AT,
    FOLDER,
    GENERATION,
    KIND,
    MAX_LENGTH,
    OURS,
    PARENT,
    REASON,
    STARTED_AT,
    STATE,
)

_PAGE = 500


class Ledger:
    """The runs of one tracking server.

    Example:
        >>> [run.title for run in Ledger().runs()]  # doctest: +SKIP
    """

    def __init__(self, uri: str = "", via: Callable[[], str] | None = None) -> None:
        """Open it.

        Args:
            uri: of the server; "": MLFLOW_TRACKING_URI, else the SQLite file of this folder.
            via: returns the address that is asked in its place, of a server on the same file; then
                it is opened when it is first needed. Runs carry `uri`: they outlive that server.

        Raises:
            ConfigError: it can't be opened.
        """
        self.uri = absolute(uri or os.environ.get("MLFLOW_TRACKING_URI") or mlflow_run.DEFAULT_URI)
        self._via = via or (lambda: self.uri)
        self._lock = threading.Lock()
        self._opened: tuple[str, Any] = ("", None)
        if via is None:
            _ = self.client

    @property
    def client(self) -> Any:
        """The MLflow client.

        Raises:
            ConfigError: the server can't be used.
            LaunchError: as `via` says.
        """
        address = self._via()
        with self._lock:
            if self._opened[0] != address:
                try:
                    self._opened = (address, server.client(address))
                except Exception as error:
                    raise _unusable(address, error) from error
            return self._opened[1]

    def create(self, experiment: str, title: str, tags: Mapping[str, str], parent: str = "") -> str:
        """Return the id of a new run, SCHEDULED.

        Args:
            experiment: name of the MLflow experiment, which is made where there is none.
            title: what people call the run; need not be unique.
            tags: of it; empty ones are left out, long ones cut.
            parent: id of the sweep it belongs to, or "".

        Raises:
            ConfigError: the server does not take it.
        """
        cut = {key: value[:MAX_LENGTH] for key, value in tags.items() if value}
        if parent:
            cut[PARENT] = parent
        try:
            experiment_id = mlflow_run.experiment_id(self.client, experiment)
            run = self.client.create_run(experiment_id, run_name=title, tags=cut)
            run_id = str(run.info.run_id)
            self.client.update_run(run_id, status="SCHEDULED")
        except ConfigError:
            raise
        except Exception as error:
            raise _unusable(self.uri, error) from error
        return run_id

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run.

        Raises:
            LaunchError: the server does not take them.
        """
        with self._asked():
            for key, value in tags.items():
                self.client.set_tag(run_id, key, value[:MAX_LENGTH])

    def label(self, run_id: str, tags: Mapping[str, str], gone: Sequence[str] = ()) -> None:
        """Set a person's own tags of a run, and take some away.

        Args:
            run_id: of the run.
            tags: to set.
            gone: keys to take away.

        Raises:
            ConfigError: a key is one of Lakesight or MLflow, which mean something.
            LaunchError: the server does not take them.
        """
        for key in (*tags, *gone):
            if not key.strip() or key.startswith(OURS):
                raise ConfigError(
                    f"{key!r} can't be a tag of your own: not empty, and not one that begins with "
                    f"{' or '.join(OURS)}, which say how a run is."
                )
        self.tag(run_id, tags)
        with self._asked():
            for key in gone:
                self.client.delete_tag(run_id, key)

    def reopen(self, run_id: str, generation: int) -> None:
        """Say that a person resumes a run that had ended."""
        self.tag(run_id, {GENERATION: str(generation), STATE: "", REASON: ""})
        with self._asked():
            self.client.update_run(run_id, status="SCHEDULED")

    def settle(self, run_id: str, status: RunStatus) -> None:
        """Say how a run ended, as its launcher knows."""
        with self._asked():
            run = self.client.get_run(run_id)
            if run.info.status != status.state.mlflow_status:
                self.client.set_terminated(run_id, status.state.mlflow_status)
            # The training's own sentence says more than the exit code its launcher saw.
            own = run.data.tags.get(REASON, "")
            if status.reason and (status.state is not RunState.FAILED or not own):
                self.client.set_tag(run_id, REASON, status.reason[:MAX_LENGTH])
            self.client.set_tag(run_id, ATTEMPT, str(status.attempt))
            if status.started_at is not None:
                self.client.set_tag(run_id, STARTED_AT, repr(status.started_at))
            if status.ended_at is not None:
                self.client.set_tag(run_id, ENDED_AT, repr(status.ended_at))
            # Last: from here on its launcher is not asked again.
            self.client.set_tag(run_id, STATE, str(status.state))

    def runs(
        self, experiment: str = "", limit: int = 1000, submitted: bool = True, kind: str = ""
    ) -> list[LedgerRun]:
        """Return the runs, newest first.

        Args:
            experiment: only those of this experiment.
            limit: most runs returned.
            submitted: only those that a launcher has.
            kind: only those of this kind, e.g. batch; "": all.

        Raises:
            LaunchError: the server does not answer.
        """
        runs: list[LedgerRun] = []
        for page in self.pages(experiment, submitted, kind, size=min(limit, _PAGE)):
            runs += page
            if len(runs) >= limit:
                break
        return runs[:limit]

    def pages(
        self, experiment: str = "", submitted: bool = True, kind: str = "", size: int = _PAGE
    ) -> Iterator[list[LedgerRun]]:
        """Give all runs in parts, newest first.

        Args:
            experiment: only those of this experiment.
            submitted: only those that a launcher has.
            kind: only those of this kind, e.g. batch; "": all.
            size: most runs of a part.

        Raises:
            LaunchError: the server does not answer.
        """
        wanted = f"tags.`{GENERATION}` != ''" if submitted else ""
        if kind:
            wanted = f"tags.`{KIND}` = '{kind}'"
        with self._asked():
            found = self.client.search_experiments()
        names = {e.experiment_id: e.name for e in found if experiment in ("", e.name)}
        token = None
        while names:
            with self._asked():
                page = self.client.search_runs(
                    list(names),
                    filter_string=wanted,
                    max_results=size,
                    order_by=["attributes.start_time DESC"],
                    page_token=token,
                )
            yield [of_mlflow(run, names[run.info.experiment_id]) for run in page]
            token = page.token
            if not token:
                return

    def get(self, run_id: str) -> LedgerRun:
        """Return a run.

        Raises:
            UnknownRun: it is not in this ledger.
        """
        with self._asked():
            try:
                run = self.client.get_run(run_id)
            except Exception as error:
                if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                    raise UnknownRun(f"run {run_id!r} is not in {_shown(self.uri)}.") from None
                raise
            name = self.client.get_experiment(run.info.experiment_id).name
        return of_mlflow(run, name)

    def find(self, word: str, submitted: bool = True) -> LedgerRun:
        """Return the run that a person means: the start of its id, its title, or its folder.

        Args:
            word: what the person gave.
            submitted: only among those that a launcher has.

        Raises:
            UnknownRun: there is none, or more than one.
        """
        runs = self.runs(submitted=submitted)
        folder = str(Path(word).expanduser().absolute())
        for fits in (
            lambda run: run.run_id == word or run.tags.get(FOLDER) == folder,
            lambda run: run.title == word,
            lambda run: len(word) >= 4 and run.run_id.startswith(word),
        ):
            found = [run for run in runs if fits(run)]
            if len(found) == 1:
                return found[0]
            if found:
                ids = ", ".join(run.run_id[:8] for run in found[:8])
                raise UnknownRun(f"{word!r} fits {len(found)} runs: {ids}. Give one of these ids.")
        if not runs:
            raise UnknownRun(
                f"there is no submitted run in {_shown(self.uri)}. Submit one with `lakesight submit`, "
                "or say where the runs are with MLFLOW_TRACKING_URI or --tracking-uri."
            )
        words = [word for run in runs for word in (run.title, run.run_id[:8])]
        raise UnknownRun(
            f"{word!r} is no run of {_shown(self.uri)}. Give the start of an id (4 letters or more), a "
            f"title or a folder; `lakesight runs` lists them.{did_you_mean(word, words)}"
        )

    @contextlib.contextmanager
    def _asked(self) -> Any:
        try:
            yield
        except LaunchError:
            raise
        except Exception as error:
            raise LaunchError(
                f"the tracking server {_shown(self.uri)} does not answer: {server.in_words(error)}. "
                "Nothing of the runs is lost; try again, or say where it is with --tracking-uri."
            ) from error


def close_run(uri: str, run_id: str, status: RunStatus) -> None:
    """Settle a run in the ledger at a URI: what a launcher does when a training could not.

    Raises:
        LaunchError: the server does not answer.
    """
    Ledger(uri).settle(run_id, status)


def absolute(uri: str) -> str:
    """Return a tracking URI that means the same in every folder.

    Example:
        >>> absolute("https://mlflow.example.org")
        'https://mlflow.example.org'
    """
    scheme, separator, rest = uri.partition("://")
    if scheme == "sqlite" and separator and not rest.startswith("//"):
        return f"sqlite:///{Path(rest.removeprefix('/')).absolute()}"
    if not separator and uri not in ("databricks", "databricks-uc") and "://" not in uri:
        return uri if ":" in uri else Path(uri).absolute().as_uri()
    return uri


def _shown(uri: str) -> str:
    return server.without_password(uri)


def _unusable(uri: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"the tracking server {_shown(uri)} can't be used: {server.in_words(error)}. Start it, or "
        f"give another one with tracking.uri= (a file: {mlflow_run.DEFAULT_URI})."
    )
