"""What Databricks Apps does with app.yaml: installs, starts by argument list, connects, ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from databricks.sdk.service.apps import App
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from launch.databricks.app_host import origins
from launch.node.command import free_port

ROOT = Path(__file__).parents[3]
PLATFORM = {"DATABRICKS_APP_NAME": "studio", "DATABRICKS_APP_PORT": "8000"}


@pytest.fixture(scope="module")
def host(ws, client) -> str:
    return str(client.apps.create(App(name="studio")).response.url).removeprefix("https://")


def test_the_host_is_bare_and_asked_from_the_workspace(ws, host, monkeypatch) -> None:
    for key, value in ws.environment().items():
        monkeypatch.setenv(key, value)
    assert origins({}) == ()
    assert origins(PLATFORM) == (host,)
    assert origins({**PLATFORM, "DATABRICKS_APP_URL": "https://a.b.c:443/x"}) == ("a.b.c",)
    assert origins({**PLATFORM, "BOKEH_ALLOW_WS_ORIGIN": "d"}) == ()
    assert origins({**PLATFORM, "DATABRICKS_APP_NAME": "other"}) == ("*",)


def installed() -> set[str]:
    """Return the distributions that requirements.txt brings, with what they need."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    names = [line for line in lines if line and line[0] not in "#-"]
    found: set[str] = set()
    while names:
        name = canonicalize_name(Requirement(names.pop()).name)
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                names.append(need.name)
    return found


def test_what_is_installed_is_pinned_and_has_no_torch() -> None:
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    names = {canonicalize_name(line.partition("==")[0]) for line in pinned if "==" in line}
    assert installed() <= names
    assert not {"torch", "transformers", "deepspeed"} & installed()


BLOCKED = """
import importlib.abc, pkgutil, sys
class Only(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Only())
from panel_app import server
from panel_app.app import create_app
from launch.databricks.launcher import DatabricksLauncher
from launch.submit import Submitter
from launch.search.driver import Driver
"""


def test_the_app_needs_nothing_else() -> None:
    mine = installed() | {"lakesight"}
    blocked = {
        module
        for module, names in metadata.packages_distributions().items()
        if not {canonicalize_name(name) for name in names} & mine
    }
    assert "torch" in blocked
    code = BLOCKED.format(blocked=blocked)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_it_starts_as_the_platform_starts_it_and_ends_on_sigterm(ws, host, tmp_path) -> None:
    words = yaml.safe_load((ROOT / "app.yaml").read_text())["command"]
    port = free_port()
    environment = {
        **os.environ,
        **ws.environment(),
        "DATABRICKS_APP_NAME": "studio",
        "DATABRICKS_APP_PORT": str(port),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlruns.db",
        "BOKEH_SIGN_SESSIONS": "true",
    }
    app = subprocess.Popen([sys.executable, *words[1:]], cwd=ROOT, env=environment)
    try:
        page = until_served(app, f"http://127.0.0.1:{port}/", host)
        token = re.search(r'"token":\s*"([^"]+)"', page)[1]
        assert connected(port, token, f"https://{host}")
        assert not connected(port, token, "https://evil.example.com")
        app.send_signal(signal.SIGTERM)
        assert app.wait(15) == 0
    finally:
        app.kill()
        app.wait()


def until_served(app: subprocess.Popen, url: str, host: str) -> str:
    end = time.monotonic() + 90
    while True:
        assert app.poll() is None, "the app has ended"
        assert time.monotonic() < end, "the app does not answer"
        try:
            request = urllib.request.Request(url, headers={"Host": host})
            with urllib.request.urlopen(request, timeout=30) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.2)


def connected(port: int, token: str, origin: str) -> bool:
    """Return whether a page of an origin gets a WebSocket."""
    import asyncio

    from tornado.httpclient import HTTPClientError, HTTPRequest
    from tornado.websocket import websocket_connect

    async def connect() -> bool:
        request = HTTPRequest(f"ws://127.0.0.1:{port}/ws", headers={"Origin": origin})
        try:
            socket = await websocket_connect(request, subprotocols=["bokeh", token])
        except HTTPClientError as error:
            return error.code != 403
        socket.close()
        return True

    return asyncio.run(connect())
