"""What a person sees of a training: a bar on a terminal, plain lines in a log, no noise."""

from __future__ import annotations

import fcntl
import logging
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from cvcore.evaluate import progress

pytestmark = pytest.mark.usefixtures("warm")

STEPS = 20
COLUMNS = 100


def command(folder: Path) -> tuple[list[str], dict[str, str]]:
    words = ["task=classification", f"run.dir={folder / 'run'}", f"data.cache_dir={folder}"]
    words += [
        "data.num_train=64",
        "data.num_val=16",
        "data.num_test=16",
        "tracking.log_model=false",
    ]
    words += [f"trainer.max_steps={STEPS}", "trainer.eval_steps=10", "trainer.logging_steps=5"]
    words += ["trainer.per_device_train_batch_size=8", "trainer.bootstrap_samples=0"]
    words += ["trainer.dataloader_num_workers=0", f"tracking.uri=sqlite:///{folder / 'x.db'}"]
    argv = [sys.executable, "-m", "cvcore.cli.main", "train", *words]
    return argv, {**os.environ, "TERM": "xterm"}


@pytest.mark.slow
def test_a_log_has_plain_lines(tmp_path: Path) -> None:
    argv, environment = command(tmp_path)
    done = subprocess.run(
        argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stderr
    assert "\x1b" not in done.stderr
    lines = done.stderr.splitlines()
    known = r"MLflow run \w+ in sqlite:///.*|drawing \d+ \w+ images of digits|classification on .*"
    noise = [line for line in lines if not re.fullmatch(rf"step .*|{known}", line)]
    assert noise == []
    number = r"\d+(\.\d+)?(e-\d+)?"
    trained = re.compile(
        rf"step +(\d+)/{STEPS}  epoch {number}  loss {number}  lr {number}  {number} images/s  "
        rf"data wait +\d+ %  ETA \d+:\d\d:\d\d"
    )
    evaluated = re.compile(
        rf"step +(\d+)/{STEPS}  epoch {number}  val top1 {number}  in {number} s"
    )
    assert [int(m[1]) for line in lines if (m := trained.fullmatch(line))] == [5, 10, 15, 20]
    assert [int(m[1]) for line in lines if (m := evaluated.fullmatch(line))] == [10, 20]


@pytest.mark.slow
def test_a_terminal_has_a_bar(tmp_path: Path) -> None:
    argv, environment = command(tmp_path)
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    process = subprocess.Popen(
        argv, cwd=tmp_path, env=environment, stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    shown = b""
    try:
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:
                break  # Linux' way to say that nobody writes any more.
            if not part:
                break
            shown += part
        assert process.wait(60) == 0, shown.decode()
    finally:
        process.kill()
        os.close(leader)
    text = shown.decode()
    bars = re.findall(r"step \d+/\d+ [^\r\n]*", text)
    assert bars
    assert all(len(bar) <= COLUMNS for bar in bars)
    # Percent, bar, elapsed<remaining, speed, loss and metric.
    last = re.compile(
        rf"step {STEPS}/{STEPS} 100%\|.+\| \d\d:\d\d<00:00 +[\d.]+step/s, loss [\d.]+, top1 [\d.]+"
    )
    assert last.fullmatch(bars[-1]), bars[-1]
    middle = [bar for bar in bars if f"10/{STEPS}" in bar and "loss" in bar]
    assert re.search(r"\d\d:\d\d<\d\d:\d\d", middle[-1])
    # The bar ends its line; what is said next begins one. No line is said twice.
    after = text.split(bars[-1])[-1]
    assert after.startswith("\r\n")
    assert "data wait" not in text
    assert "data wait" in (tmp_path / "run" / "log.txt").read_text()
    assert f"stopped  step {STEPS}" in after


def test_a_long_evaluation_says_where_it_is_in_a_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from cvcore.train.callbacks.progress import Progress

    monkeypatch.setattr(progress, "_LINE_EVERY_S", 0.0)
    seen = Progress("AP", num_val=8)
    with caplog.at_level(logging.INFO, logger="cvcore"):
        for _ in range(2):
            seen(None, [None] * 4, [None] * 4)  # type: ignore[list-item]
    assert re.search(r"evaluating val: 4 of 8 images, \d+ s left", caplog.text)
    assert "8 of 8 images" in caplog.text
