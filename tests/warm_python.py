"""A Python that has imported torch already: what is started with it is forked, not started anew.

Each process of a model's life imports the same libraries for seconds, and does its own work in a second.
`start` gives an executable in the place of `sys.executable`; the fixture `warm` puts it there. Our own code
is imported by each process itself, from where its PYTHONPATH says: of a node from the wheel that was
delivered. What is forked has the environment that it was given, for those too that look into /proc.

    warm_python.py serve <socket> <executable>     the process that is forked, started by `start`
    <executable> -m module ...                     asks it, and stands for the forked process
"""

from __future__ import annotations

import array
import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

LIBRARIES = (
    "torch", "torch.utils.data", "torch.nn.functional", "transformers", "transformers.trainer",
    "transformers.models.auto.modeling_auto", "transformers.models.auto.image_processing_auto",
    "deepspeed", "accelerate", "safetensors.torch", "timm", "scipy.optimize", "sklearn.metrics", "pandas",
    "pyarrow.parquet", "cv2", "PIL.Image", "pycocotools.cocoeval", "hydra", "omegaconf", "mlflow",
    "mlflow.pyfunc", "mlflow.tracking", "mlflow.models", "mlflow.pyfunc.scoring_server",
    "mlflow.server", "mlflow.server.fastapi_app", "mlflow.store.tracking.sqlalchemy_store",
    "transformers.models.auto.processing_auto", "transformers.models.vit.modeling_vit",
    "transformers.models.d_fine.modeling_d_fine", "sklearn.datasets", "alembic.command",
    "databricks.sdk", "uvicorn", "fastapi", "psutil", "albumentations", "panel", "panel_material_ui",
)  # fmt: skip
"""What at least one of the processes imports; one that is not installed is left out."""

_ROOM = 60_000
"""Bytes for the words and the environment of what is forked, on top of what the tests' own has."""

_MOST_FDS = 64

_CLIENT = """#!{python} -IS
import array, ctypes, json, os, signal, socket, sys
words = sys.argv[1:]
if "-c" in words[:2] or "-I" in words[:2]:
    os.execv("{python}", ["{python}", *words])
fds = sorted(int(one) for one in os.listdir("/proc/self/fd"))
fds = [one for one in fds if one < 3 or os.path.exists(f"/proc/self/fd/{{one}}")]
held = socket.socket(socket.AF_UNIX)
held.connect("{socket}")
asked = {{"words": words, "environment": dict(os.environ), "cwd": os.getcwd(), "fds": fds}}
asked = json.dumps(asked).encode()
sent = array.array("i", fds).tobytes()
# A run's processes are found by their words and environment: this one is none.
fields = open("/proc/self/stat").read().rpartition(")")[2].split()
ctypes.memset(int(fields[45]), 0, int(fields[48]) - int(fields[45]))
held.sendmsg([len(asked).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, sent)])
held.sendall(asked)
for one in fds:  # a lock is let go when the process lets it go
    if one > 2 and one != held.fileno():
        os.close(one)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda got, _: held.send(bytes([got])))
said = held.recv(4)
code = int.from_bytes(said, "big", signed=True) if said else 1
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@contextmanager
def start(folder: Path) -> Iterator[Path]:
    """Start it; yields the executable to use in the place of `sys.executable`."""
    address, client = folder / "warm.sock", folder / "warm-python"
    client.write_text(_CLIENT.format(python=sys.executable, socket=address))
    client.chmod(0o755)
    words = [sys.executable, __file__, "serve", str(address), str(client), " " * _ROOM]
    environment = {**os.environ, "ROOM": " " * _ROOM}
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment) as server:
        until = time.monotonic() + 120
        while not address.exists():
            assert server.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        try:
            yield client
        finally:
            server.kill()


def serve(address: str, client: str) -> NoReturn:
    """Fork for everyone who asks, until the end of stdin."""
    _import_libraries()
    gc.collect()
    gc.freeze()  # a forked process does not touch what is shared
    ours = [name for name in sys.modules if name.partition(".")[0] in ("cvcore", "launch")]
    assert not ours, ours
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{address}.part")
    listening.listen(64)
    Path(f"{address}.part").rename(address)
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    woken.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([listening, woken, sys.stdin], [], [])
        if sys.stdin in ready:  # who started it is gone
            sys.exit()
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                woken.recv(4096)
            _tell_ends(children)
        if listening not in ready:
            continue
        asker, _ = listening.accept()
        request, descriptors = _request(asker)
        if request is None:
            asker.close()
            continue
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            for other in (listening, woken, wake, *children.values()):
                other.close()
            _become(request, descriptors, asker, client)
        for descriptor in descriptors:
            os.close(descriptor)
        children[pid] = asker


def _import_libraries() -> None:
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _request(asker: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    room = socket.CMSG_SPACE(_MOST_FDS * array.array("i").itemsize)
    size, ancillary, _, _ = asker.recvmsg(4, room)
    if len(size) < 4:
        return None, []
    descriptors = array.array("i")
    for _, _, data in ancillary:
        descriptors.frombytes(data)
    with asker.makefile("rb", buffering=0) as file:
        left, parts = int.from_bytes(size, "big"), []
        while left and (part := file.read(left)):
            parts.append(part)
            left -= len(part)
    return json.loads(b"".join(parts)), list(descriptors)


def _tell_ends(children: dict[int, socket.socket]) -> None:
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with children.pop(pid) as asker, contextlib.suppress(OSError):
                asker.send(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))


def _become(
    request: dict[str, Any], descriptors: list[int], asker: socket.socket, client: str
) -> NoReturn:
    """Be the process that was asked for."""
    os.setsid()
    # Out of the way of the numbers that the files have in it: a lock is handed over by its number.
    asker = socket.socket(fileno=_moved(asker.detach()))
    moved = [_moved(descriptor) for descriptor in descriptors]
    for at, descriptor in zip(request["fds"], moved, strict=True):
        os.dup2(descriptor, at)
        os.close(descriptor)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    _show([client, *request["words"]], 45)
    _show([f"{key}={value}" for key, value in os.environ.items()], 47)
    for name, at in (("stdout", 1), ("stderr", 2)):
        raw = io.FileIO(at, "w", closefd=False)
        text = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", write_through=True)
        setattr(sys, name, text)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (the process's own)
    sys.executable = client
    threading.Thread(target=_obey, args=(asker,), daemon=True).start()
    words = list(request["words"])
    while words[0] in ("-u", "-P"):
        words.pop(0)
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    here = paths + [path for path in sys.path[1:] if path not in paths]
    importlib.invalidate_caches()
    if words[0] == "-m":
        sys.argv, sys.path[:] = words[1:], [str(Path.cwd()), *here]
        _run(lambda: runpy.run_module(words[1], run_name="__main__", alter_sys=True))
    sys.argv, sys.path[:] = words, here
    _run(lambda: runpy.run_path(words[0], run_name="__main__"))


def _moved(descriptor: int) -> int:
    number = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 1000)
    os.close(descriptor)
    return number


def _show(words: list[str], field: int) -> None:
    """Write them to where the system reads /proc/<pid>/cmdline (45) or environ (47)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[field]), int(fields[field + 1])
    shown = b"".join(os.fsencode(word) + b"\0" for word in words)
    ctypes.memmove(start, shown.ljust(end - start, b"\0")[: end - start], end - start)


def _run(program: Callable[[], object]) -> NoReturn:
    """Run a program to its end, and end as the interpreter does, but for taking all modules apart."""
    code = 0
    try:
        program()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            sys.stderr.write(f"{stop.code}\n")
    except BaseException:  # noqa: BLE001 (what the interpreter does)
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _obey(asker: socket.socket) -> None:
    """Take signals that the one we stand for got; end with it."""
    while data := asker.recv(1):
        os.kill(os.getpid(), data[0])
    with contextlib.suppress(ProcessLookupError):
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    serve(sys.argv[2], sys.argv[3])
