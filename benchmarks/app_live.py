"""How the app keeps up with a training: log -> on the wire to every tab, CPU, memory, sessions let go.

One training logs four metrics twice a second into MLflow; 1, 10 and 100 tabs watch its page. A point
is visible when the frame that holds its value has arrived at a tab. The same with a run that has a
million points. All on this machine: server, tabs and logger share its cores.

    python -m benchmarks.app_live [tabs ...]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks.app_client import Tab, marks

TABS = (1, 10, 100)
WATCH_S, SETTLE_S, OPENED_AT_ONCE = 30.0, 15.0, 4
KEYS = ("train/loss", "val/AP", "images_per_s", "train/grad_norm")
DRAWN = KEYS[:2]
"""What is on the page's first screen; the others come when somebody scrolls there."""
LONG = 1_000_000


class Server:
    """`lakesight app` in a folder, in a process of its own, with the MLflow server that it starts."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        """Start it and wait until it listens."""
        self.log = folder / "app.log"
        words = [sys.executable, "-m", "panel_app", "--port", "0", *arguments]
        environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
        environment["LAKESIGHT_STATE_DIR"] = str(folder / "state")
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                words, cwd=folder, stdout=out, stderr=out, env=environment
            )
        while not (found := re.search(r"(http://127\S+)", self.log.read_text())):
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text())
            time.sleep(0.1)
        self.url = found[1]
        self.ps = psutil.Process(self.process.pid)

    def cpu_s(self) -> float:
        """Return the CPU time so far, s."""
        used = self.ps.cpu_times()
        return used.user + used.system

    def rss_mb(self) -> float:
        """Return the resident memory, MB."""
        return self.ps.memory_info().rss / 1e6

    def ledger_mb(self) -> float:
        """Return the resident memory of the MLflow server that it started, MB."""
        return sum(one.memory_info().rss for one in self.ps.children(recursive=True)) / 1e6

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()


class Logger(threading.Thread):
    """Logs KEYS every half second; `sent` says when each value was handed to MLflow."""

    def __init__(self, uri: str, run_id: str, first_step: int) -> None:
        """Take where to log."""
        super().__init__(daemon=True)
        from mlflow import MlflowClient

        self.client, self.run_id, self.step = MlflowClient(uri), run_id, first_step
        self.sent: dict[float, float] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        """Log until ended."""
        from mlflow.entities import Metric

        while not self.ended.wait(0.5):
            self.step += 1
            # Numbers that occur nowhere else.
            values = [self.step + 0.123456789 + i / 1000 for i in range(len(KEYS))]
            now_ms = int(time.time() * 1000)
            metrics = [
                Metric(key, value, now_ms, self.step)
                for key, value in zip(KEYS, values, strict=True)
            ]
            self.client.log_batch(self.run_id, metrics)
            at = time.time()
            self.sent.update(dict.fromkeys(values, at))


async def watched(server: Server, run_id: str, num_tabs: int, logger: Logger) -> dict[str, float]:
    """Open tabs on a run's page and measure while they watch."""
    delays: list[float] = []
    opened: list[float] = []
    seen: list[set[float]] = [set() for _ in range(num_tabs)]
    measuring = False
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        tabs = [Tab(http, f"{server.url}?page=run&run={run_id}") for _ in range(num_tabs)]
        gate = asyncio.Semaphore(OPENED_AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await tabs[number].open()
                opened.append(tabs[number].opened_s)

            def arrived(frame: bytes, at: float) -> None:
                recent = [v for v, t in list(logger.sent.items())[-40:] if v not in seen[number]]
                for mark, value in marks(recent).items():
                    if mark in frame:
                        seen[number].add(value)
                        if measuring:
                            delays.append(at - logger.sent[value])

            await tabs[number].read(arrived)

        tasks = [asyncio.create_task(one(number)) for number in range(num_tabs)]
        while len(opened) < num_tabs:
            await asyncio.sleep(0.2)
            for task in tasks:
                if task.done() and task.exception():
                    raise task.exception()  # type: ignore[misc]
        await asyncio.sleep(SETTLE_S)
        measuring, cpu, start = True, server.cpu_s(), time.monotonic()
        await asyncio.sleep(WATCH_S)
        measuring = False
        cpu_pct = 100 * (server.cpu_s() - cpu) / (time.monotonic() - start)
        rss, ledger = server.rss_mb(), server.ledger_mb()
        for tab in tabs:
            await tab.close()
        await asyncio.gather(*tasks)
    expected = num_tabs * len(DRAWN) * WATCH_S * 2
    quantiles = statistics.quantiles(delays, n=20) if len(delays) > 2 else [float("nan")] * 19
    return {
        "p50_s": quantiles[9],
        "p95_s": quantiles[18],
        "arrived_share": len(delays) / expected,
        "cpu_pct": cpu_pct,
        "rss_mb": rss,
        "ledger_mb": ledger,
        "open_p50_s": statistics.median(opened),
    }


def long_run(database: Path, run_id: str, key: str) -> None:
    """Put a million points of a metric into MLflow's SQLite file, past its API: that would take hours."""
    import sqlite3

    with sqlite3.connect(database) as connection:
        rows = ((key, 1.0 / (1 + step), 1_000_000 + step, run_id, step) for step in range(LONG))
        connection.executemany(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?,?,?,?,?,0)",
            rows,
        )
        connection.execute(
            "INSERT OR REPLACE INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
            "VALUES (?,?,?,?,0,?)",
            (key, 1.0 / LONG, 1_000_000 + LONG, LONG - 1, run_id),
        )


def run(tabs: tuple[int, ...] = TABS) -> list[dict[str, Any]]:
    """Return rows of the benchmark table."""
    from mlflow import MlflowClient

    rows: list[dict[str, Any]] = []
    for long, count in [*((False, n) for n in tabs), (True, 1), (True, 10)]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            database = folder / "mlruns.db"
            uri = f"sqlite:///{database}"
            client = MlflowClient(uri)
            run_id = client.create_run(client.create_experiment("bench")).info.run_id
            if long:
                long_run(database, run_id, KEYS[0])
            # A server of its own: tabs that were closed are kept for a minute.
            server = Server(folder)
            idle = server.rss_mb()
            try:
                logger = Logger(uri, run_id, LONG if long else 0)
                logger.start()
                got = asyncio.run(watched(server, run_id, count, logger))
                logger.ended.set()
                logger.join()
                what = f"{count} tabs" + (", a run of 1M points" if long else "")
                print(json.dumps({"what": what, **got}), file=sys.stderr, flush=True)
                rows.append(
                    {
                        "benchmark": f"log -> visible, {what}: p50, p95",
                        "ours": f"{got['p50_s']:.2f}, {got['p95_s']:.2f}",
                        "reference": "goal: p95 1.0",
                        "unit": "s",
                        "ratio": "",
                        "note": f"server {got['cpu_pct']:.0f} % of a core, {got['rss_mb']:.0f} MB "
                        f"({idle:.0f} MB before the first tab), its MLflow server "
                        f"{got['ledger_mb']:.0f} MB; a tab opens in {got['open_p50_s']:.2f} s; "
                        f"{100 * got['arrived_share']:.0f} % of the points arrived while measured",
                    }
                )
            finally:
                server.stop()
    return rows


if __name__ == "__main__":
    for row in run(tuple(map(int, sys.argv[1:])) or TABS):
        print(json.dumps(row))
