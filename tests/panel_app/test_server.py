"""The server: health, what its page tells, who is believed, and how it ends."""

import base64
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import zlib

import pytest

from panel_app.identity import user_of
from tests.panel_app.conftest import Server

pytestmark = pytest.mark.slow


def get(url: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return answer.read().decode()


def test_health(server) -> None:
    assert get(f"{server.url}health") == "ok"


def told(page: str) -> str:
    """What a session token of the page holds, as text."""
    found = re.search(r'"token":"([^"]+)"', page)
    assert found, page[:500]
    payload = found[1].split(".")[0]
    text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    inner = re.search(r'"__bk__zlib_": ?"([^"]+)"', text)
    if inner:
        packed = inner[1] + "=" * (-len(inner[1]) % 4)
        text += zlib.decompress(base64.urlsafe_b64decode(packed)).decode()
    return text


def test_no_secret_of_the_request_is_in_the_page(server) -> None:
    secret = {"X-Forwarded-Access-Token": "tok123", "Cookie": "a=biscuit", "Authorization": "b64"}
    page = get(server.url, **secret, **{"X-Forwarded-Email": "ann@example.org"})
    text = told(page)
    assert "ann@example.org" in text
    assert not [word for word in ("tok123", "biscuit", "b64") if word in text + page]


def test_a_session_of_ones_own_making_is_refused(server) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        get(f"{server.url}?bokeh-session-id=forged")
    assert error.value.code == 403


def test_only_a_proxy_says_who_one_is() -> None:
    claimed = {"x-forwarded-email": "boss@example.org"}
    assert user_of(claimed, behind_proxy=True) == "boss@example.org"
    assert user_of(claimed, behind_proxy=False) != "boss@example.org"
    assert user_of({}, behind_proxy=True) == "unknown user"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_soon(ledger, tmp_path, number) -> None:
    server = Server(ledger[0], tmp_path)
    get(server.url)
    code, seconds = server.stop(number)
    assert (code, seconds < 15) == (0, True)


def test_a_taken_port_is_said_in_words(ledger, server) -> None:
    port = server.url.rstrip("/").rpartition(":")[2]
    command = ["-m", "panel_app", "--port", port, "--tracking-uri", ledger[0]]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_app_never_imports_the_training_stack() -> None:
    words = "import sys, panel_app.server, mlflow.tracking; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "deepspeed"} & set(done.stdout.split())
