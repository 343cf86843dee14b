"""`LocalEndpoints`: endpoints of this machine. It holds nothing; the folders say all."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from launch.activity.deeds import endpoint_deed
from launch.clock import Clock, SystemClock
from launch.local import process
from launch.local.queue import python_path
from launch.serving.local.files import (
    EndpointFiles,
    Now,
    Plan,
    Wanted,
    WantedModel,
    endpoints_dir,
)
from launch.serving.scoring import (
    ENDPOINT_VARIABLE,
    free_port,
    kill_left_over,
    last_words,
    left_over,
)
from launch.serving.types import (
    Endpoint,
    EndpointError,
    EndpointState,
    Posted,
    RequestRefused,
    Served,
    Wish,
    check_name,
    check_shares,
    missing,
)
from launch.stack import require_torch

PLACE = "local"
_START_S = 20.0
_STOP_S = 30.0
_LOOK_S = 0.05
_ANSWER_S = 300.0
_LOG_BYTES = 64_000
SERVED_HEADER = "served-model-name"
TIMING_HEADER = "server-timing"
_MODEL_TIME = re.compile(r"model;dur=([\d.]+)")


class LocalEndpoints:
    """`Endpoints` of this machine."""

    place = PLACE

    def __init__(self, root: Path | None = None, clock: Clock | None = None) -> None:
        """Take the place of the folders.

        Args:
            root: folder of all endpoints; None: this machine's (`LAKESIGHT_STATE_DIR`).
            clock: tells and passes time.
        """
        self.root = root or endpoints_dir()
        self.clock = clock or SystemClock()

    def all(self) -> list[Endpoint]:
        """Return all of them, by name; see `Endpoints`."""
        found = (self._endpoint(EndpointFiles(self.root / name)) for name in self._names())
        return [one for one in found if one is not None]

    def get(self, name: str) -> Endpoint:
        """Return one; see `Endpoints`."""
        endpoint = self._endpoint(EndpointFiles(self.root / name)) if _is_plain(name) else None
        if endpoint is None:
            raise missing(name, self._names(), "this machine")
        return endpoint

    @endpoint_deed("deploy")
    def deploy(self, wish: Wish) -> Endpoint:
        """Create or change an endpoint; see `Endpoints`."""
        require_torch("An endpoint on this machine", EndpointError)
        files = EndpointFiles(self.root / check_name(wish.name))
        model = WantedModel(wish.model.served_name, wish.model, dict(wish.environment))
        with files.changing():
            wanted = files.read_wanted()
            if wanted is None:
                if wish.share != 100:
                    raise EndpointError(
                        f"there is no endpoint {wish.name} yet, so its first version gets all of the "
                        "traffic. Leave the share away."
                    )
                wanted = Wanted(
                    wish.name,
                    free_port(),
                    Plan((model,), {model.name: 100}),
                    created_at=self.clock.now(),
                    creator=wish.user,
                )
            else:
                wanted = wanted.changed(with_version(wish.name, wanted.plan, model, wish.share))
            files.write_wanted(wanted)
            self._spawn(files)
        return self.get(wish.name)

    @endpoint_deed("traffic")
    def set_traffic(self, name: str, shares: Mapping[str, int]) -> Endpoint:
        """Divide the traffic; see `Endpoints`."""

        def change(wanted: Wanted) -> Wanted:
            known = {model.name: model for model in wanted.plan.models}
            checked = check_shares(name, shares, list(known))
            return wanted.changed(Plan(tuple(known[key] for key in checked), checked))

        return self._change(name, change)

    @endpoint_deed("rollback")
    def roll_back(self, name: str) -> Endpoint:
        """Go back; see `Endpoints`."""

        def change(wanted: Wanted) -> Wanted:
            if wanted.former is None:
                raise EndpointError(
                    f"endpoint {name} was never changed: there is nothing to go back to."
                )
            return wanted.changed(wanted.former)

        return self._change(name, change)

    @endpoint_deed("start")
    def start(self, name: str) -> Endpoint:
        """Start it; see `Endpoints`. What a killed manager left behind is ended first."""
        return self._change(name, lambda wanted: replace(wanted, stopped=False))

    @endpoint_deed("stop")
    def stop(self, name: str) -> Endpoint:
        """Stop it; returns when its processes have ended. See `Endpoints`."""
        files = self._files(name)
        with files.changing():
            wanted = files.read_wanted()
            if wanted is None:
                raise missing(name, self._names(), "this machine")
            files.write_wanted(replace(wanted, stopped=True))
            self._end(files)
        return self.get(name)

    @endpoint_deed("delete")
    def delete(self, name: str) -> None:
        """Remove it; see `Endpoints`."""
        files = self._files(name)
        with files.changing():
            self._end(files)
            files.remove()

    def logs(self, name: str, served: str = "", what: str = "service") -> str:
        """Return the end of a log; see `Endpoints`."""
        endpoint, files = self.get(name), self._files(name)
        names = [one.name for one in endpoint.served]
        if served and served not in names:
            check_shares(name, {served: 100}, names)
        path = files.log(served or (names[-1] if names else ""), what)
        try:
            with path.open("rb") as file:
                file.seek(max(os.fstat(file.fileno()).st_size - _LOG_BYTES, 0))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def post(self, name: str, body: Mapping[str, Any]) -> Posted:
        """Send a request; see `Endpoints`."""
        endpoint = self.get(name)
        if not endpoint.url:
            raise EndpointError(f"endpoint {name} is {endpoint.state}: {endpoint.message}")
        return post_json(endpoint.url, body)

    def requests_log(self, name: str) -> Path:
        """Return where its requests are logged; see `requests_log.traffic`."""
        return self._files(name).requests

    def models_dir(self, name: str) -> Path:
        """Return the folder of the MLflow models that an endpoint serves, by served name."""
        return self._files(name).models

    def _names(self) -> list[str]:
        return sorted(path.parent.name for path in self.root.glob("*/wanted.json"))

    def _files(self, name: str) -> EndpointFiles:
        files = EndpointFiles(self.root / name)
        if not _is_plain(name) or files.read_wanted() is None:
            raise missing(name, self._names(), "this machine")
        return files

    def _change(self, name: str, change: Callable[[Wanted], Wanted]) -> Endpoint:
        files = self._files(name)
        with files.changing():
            wanted = files.read_wanted()
            if wanted is None:
                raise missing(name, self._names(), "this machine")
            files.write_wanted(change(wanted))
            self._spawn(files)
        return self.get(name)

    def _spawn(self, files: EndpointFiles) -> None:
        """Start the manager unless one lives."""
        until = time.monotonic() + _START_S
        while (lock := files.try_lock()) is None:
            now = files.read_now()
            # Of a manager that was killed the lock may be held a moment longer.
            if now is None or process.is_alive(now.manager) or time.monotonic() > until:
                return
            self.clock.sleep(_LOOK_S)
        lock.close()
        wanted = files.read_wanted()
        assert wanted is not None
        if (port := free_port(wanted.port)) != wanted.port:
            files.write_wanted(replace(wanted, port=port))
        files.logs.mkdir(parents=True, exist_ok=True)
        files.status.unlink(missing_ok=True)
        with files.log("", "").open("ab") as out:
            child = subprocess.Popen(  # noqa: S603 (our own command line)
                [sys.executable, "-m", "launch.serving.local.manager", str(files.folder)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=files.folder,
                env={
                    **os.environ,
                    "PYTHONPATH": python_path(),
                    "PYTHONSAFEPATH": "1",
                    ENDPOINT_VARIABLE: str(files.folder),
                },
                start_new_session=True,
            )
        until = time.monotonic() + _START_S
        while files.read_now() is None and time.monotonic() < until:
            if child.poll() is not None:
                raise EndpointError(
                    f"the endpoint's process ended at once: {last_words(files.log('', ''))}"
                )
            self.clock.sleep(_LOOK_S)

    def _end(self, files: EndpointFiles) -> None:
        """Ask the manager to end, and wait; end what is left."""
        now = files.read_now()
        if now is not None and process.is_alive(now.manager):
            os.kill(process.pid_of(now.manager), signal.SIGTERM)
            until = time.monotonic() + _STOP_S
            while process.is_alive(now.manager) and time.monotonic() < until:
                self.clock.sleep(_LOOK_S)
        kill_left_over(files.folder)

    def _endpoint(self, files: EndpointFiles) -> Endpoint | None:
        wanted = files.read_wanted()
        if wanted is None:
            return None
        now = files.read_now()
        lives = now is not None and process.is_alive(now.manager)
        state, message = _state(files, wanted, now if lives else None)
        return Endpoint(
            wanted.name,
            PLACE,
            state,
            message,
            f"http://127.0.0.1:{wanted.port}/invocations" if lives and state.answers else "",
            _served(wanted, now if lives else None),
            wanted.created_at,
            wanted.creator,
            wanted.former is not None,
        )


def with_version(name: str, plan: Plan, model: WantedModel, share: int) -> Plan:
    """Return a plan with one more version, which gets a share; the present one keeps the rest.

    Raises:
        EndpointError: the share is none, or there is a canary already.
    """
    if not 1 <= share <= 100:
        raise EndpointError(f"{share} is not a share of the traffic: give 1 to 100 percent.")
    others = [one for one in plan.models if one.name != model.name]
    if share == 100 or not others:
        return Plan((model,), {model.name: 100})
    if len(others) > 1:
        raise EndpointError(
            f"endpoint {name} divides its traffic already: {_shares(plan.shares)}. Settle that "
            "first, with a traffic of 100 percent for one of them, or roll back."
        )
    return Plan((others[0], model), {others[0].name: 100 - share, model.name: share})


def post_json(url: str, body: Mapping[str, Any]) -> Posted:
    """POST JSON to a local endpoint; return the answer, the version that gave it, the model's time.

    Raises:
        RequestRefused: 4xx: the sentence of the endpoint.
        EndpointError: it can't answer.
    """
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)  # noqa: S310 (a loopback address)
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as got:  # noqa: S310
            timing = _MODEL_TIME.search(got.headers.get(TIMING_HEADER, ""))
            model_s = float(timing[1]) / 1000 if timing else None
            return Posted(json.load(got), str(got.headers.get(SERVED_HEADER, "")), model_s)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode(errors="replace")
        try:
            said = str(json.loads(text)["message"])
        except (ValueError, KeyError, TypeError):
            said = text[:500]
        kind = RequestRefused if error.code < 500 else EndpointError
        raise kind(f"the endpoint says {error.code}: {said}") from error
    except OSError as error:
        raise EndpointError(f"the endpoint does not answer: {error}") from error


def _state(files: EndpointFiles, wanted: Wanted, now: Now | None) -> tuple[EndpointState, str]:
    if now is None:
        left = len(left_over(files.folder))
        if wanted.stopped and not left:
            return EndpointState.STOPPED, "stopped by a person"
        more = f", {left} of its processes are left over" if left else ""
        again = f"`lakesight endpoints start {wanted.name}` starts it anew"
        return EndpointState.DOWN, f"its process is gone{more}; {again}"
    if now.changes != wanted.changes:
        state = EndpointState.UPDATING if now.serving else EndpointState.CREATING
        return state, "the change begins"
    there = [now.served.get(model.name) for model in wanted.plan.models]
    if any(one is not None and one.state == "FAILED" for one in there):
        if now.serving:
            still = f"; it goes on with {_shares(now.serving)}"
            return EndpointState.UPDATE_FAILED, now.message + still
        return EndpointState.FAILED, now.message
    ready = all(one is not None and one.state == "READY" for one in there)
    if ready and now.serving == wanted.plan.shares:
        return EndpointState.READY, ""
    waits = next((one.message for one in there if one and one.state != "READY"), "it starts")
    return (EndpointState.UPDATING if now.serving else EndpointState.CREATING), waits


def _served(wanted: Wanted, now: Now | None) -> tuple[Served, ...]:
    return tuple(
        Served(
            model.name,
            model.model.folder or model.model.name,
            model.model.version,
            now.serving.get(model.name, 0) if now else 0,
            now.served[model.name].state if now and model.name in now.served else "",
            now.served[model.name].message if now and model.name in now.served else "",
        )
        for model in wanted.plan.models
    )


def _shares(shares: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {share} %" for name, share in shares.items())


def _is_plain(name: str) -> bool:
    return bool(name) and "/" not in name and name not in (".", "..")
