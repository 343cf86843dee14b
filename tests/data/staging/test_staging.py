"""The staged copy: exact, resumable after a kill, never half trusted."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvcore.config.schema import ImageFolderConf
from cvcore.data import staging
from cvcore.data.readers import open_splits
from cvcore.data.staging import stage
from cvcore.errors import DataError


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "cats"
    for i in range(40):
        path = root / f"{i % 4}" / f"{i}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(1000 + i))
    (root / "empty.txt").touch()
    return root


def copied(root, cache):
    """Stage, and return the copy and how many bytes that took."""
    steps = []
    copy = stage(root, cache, lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert not steps or steps[-1][0] == steps[-1][1]
    return copy, steps[-1][0] if steps else 0


def test_the_copy_is_the_source(source, tmp_path):
    copy, size = copied(source, tmp_path / "cache")
    assert tree(copy) == tree(source)
    assert size == sum(len(data) for data in tree(source).values())


def test_the_second_time_nothing_is_copied(source, tmp_path):
    copy, _ = copied(source, tmp_path / "cache")
    assert copied(source, tmp_path / "cache") == (copy, 0)


def test_a_changed_source_is_seen(source, tmp_path):
    copied(source, tmp_path / "cache")
    (source / "1" / "1.bin").write_bytes(b"changed")
    (source / "2" / "2.bin").unlink()
    shutil.rmtree(source / "3")
    (source / "new").mkdir()
    (source / "new" / "file").write_bytes(b"new")
    copy, size = copied(source, tmp_path / "cache")
    assert tree(copy) == tree(source)
    assert size == len(b"changed") + len(b"new")
    assert not (copy / "3").exists()


def test_same_size_another_time_is_copied_again(source, tmp_path):
    copied(source, tmp_path / "cache")
    path = source / "1" / "1.bin"
    path.write_bytes(bytes(reversed(path.read_bytes())))
    copy, size = copied(source, tmp_path / "cache")
    assert tree(copy) == tree(source)
    assert size == path.stat().st_size


@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_a_damaged_copy_is_copied_again(source, tmp_path, damage):
    copy, _ = copied(source, tmp_path / "cache")
    victim = copy / "1" / "1.bin"
    data = victim.read_bytes()
    if damage == "flip":
        victim.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "cut":
        victim.write_bytes(data[:-1])
    else:
        victim.unlink()
    copy, size = copied(source, tmp_path / "cache")
    assert tree(copy) == tree(source)
    assert size == len(data)


def test_without_complete_every_hash_is_checked(source, tmp_path):
    copy, _ = copied(source, tmp_path / "cache")
    victim = copy / "1" / "1.bin"
    data, stat = victim.read_bytes(), victim.stat()
    victim.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(victim, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (copy.parent / "COMPLETE").unlink()
    copy, size = copied(source, tmp_path / "cache")
    assert tree(copy) == tree(source)
    assert size == len(data)


def test_a_torn_manifest_line_is_not_trusted(source, tmp_path):
    copy, _ = copied(source, tmp_path / "cache")
    (copy.parent / "COMPLETE").unlink()
    manifest = copy.parent / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-250])
    copy, size = copied(source, tmp_path / "cache")
    assert tree(copy) == tree(source)
    assert 0 < size < 4000


def test_two_folders_of_one_name_do_not_mix(source, tmp_path):
    other = tmp_path / "elsewhere" / "cats"
    other.mkdir(parents=True)
    (other / "x").write_bytes(b"x")
    first, second = stage(source, tmp_path / "cache"), stage(other, tmp_path / "cache")
    assert tree(first) == tree(source)
    assert tree(second) == {"x": b"x"}


def test_links_inside_are_copied_and_links_outside_refused(source, tmp_path):
    (source / "link").symlink_to(source / "1" / "1.bin")
    (source / "1" / "loop").symlink_to(source)
    copy = stage(source, tmp_path / "cache")
    assert (copy / "link").read_bytes() == (source / "1" / "1.bin").read_bytes()
    (source / "out").symlink_to(tmp_path)
    with pytest.raises(DataError, match=r"out is a link that leads outside .* data\.stage=false"):
        stage(source, tmp_path / "cache")


STAGE = """
import sys, time
from pathlib import Path
from cvcore.data import staging
staging._THREADS = 2
def slowly(done, total):
    time.sleep(0.002)
    print(done, flush=True)
print(staging.stage(Path(sys.argv[1]), Path(sys.argv[2]), slowly))
"""


def start(source, cache):
    return subprocess.Popen(
        [sys.executable, "-c", STAGE, str(source), str(cache)], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("after", [1, 7, 23, 39])
def test_killed_in_the_middle_it_resumes_to_the_same_tree(source, tmp_path, after):
    process = start(source, tmp_path / "cache")
    for _ in range(after):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (folder,) = (p for p in (tmp_path / "cache").iterdir() if p.is_dir())
    assert not (folder / "COMPLETE").exists()
    whole = tree(source)
    here = tree(folder / "data")
    assert all(whole[path] == data for path, data in here.items())
    copy, size = copied(source, tmp_path / "cache")
    assert tree(copy) == whole
    assert size < sum(map(len, whole.values()))
    assert not (folder / "partial").exists()


def test_two_processes_at_once(source, tmp_path):
    processes = [start(source, tmp_path / "cache") for _ in range(3)]
    outputs = [p.communicate()[0].split() for p in processes]
    assert [p.returncode for p in processes] == [0, 0, 0]
    assert sorted(len(out) for out in outputs) == [1, 1, 42]  # one copied, two waited
    assert tree(Path(outputs[0][-1])) == tree(source)


def test_too_little_space_is_said_before(source, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DataError, match=r"needs 0\.00 GiB more .* data\.cache_dir"):
        stage(source, tmp_path / "cache")
    assert not any((tmp_path / "cache").glob("*/data/*"))


def test_a_disk_that_becomes_full(source, tmp_path, monkeypatch):
    real = staging._Staging._copy

    def copy(self, file, number, manifest):
        if number == 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, file, number, manifest)

    monkeypatch.setattr(staging._Staging, "_copy", copy)
    with pytest.raises(DataError, match=r"became full .* What was copied is kept"):
        stage(source, tmp_path / "cache")
    (folder,) = (p for p in (tmp_path / "cache").iterdir() if p.is_dir())
    assert not (folder / "COMPLETE").exists()
    monkeypatch.undo()
    copy_folder, size = copied(source, tmp_path / "cache")
    assert tree(copy_folder) == tree(source)
    assert size < sum(map(len, tree(source).values()))


FULL = """
mount -t tmpfs -o size=30k tmpfs "$2" || exit 77
exec "$0" -c "
import sys
from pathlib import Path
from cvcore.data import staging
from cvcore.errors import DataError
staging._SPARE_BYTES = -10**9
try:
    staging.stage(Path(sys.argv[1]), Path(sys.argv[2]))
except DataError as error:
    print(error)
" "$1" "$2"
"""


def test_a_truly_full_disk(source, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    command = ["unshare", "-rm", "sh", "-c", FULL, sys.executable, str(source), str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and "DataError" not in done.stderr:
        pytest.skip(f"no private file system here: {done.stderr.strip()[-200:]}")
    assert "became full while" in done.stdout


def test_a_file_that_changes_while_it_is_copied(source, tmp_path, monkeypatch):
    def grow(done, total):
        with (source / "0" / "0.bin").open("ab") as file:
            file.write(b"more")

    with pytest.raises(DataError, match="changed while it was copied"):
        stage(source, tmp_path / "cache", grow)
    copy, _ = copied(source, tmp_path / "cache")
    assert tree(copy) == tree(source)


NAMES = st.text("ab.é ", min_size=1, max_size=4).filter(lambda n: n.strip(". ") != "")


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(NAMES, st.binary(max_size=50), max_size=6),
    st.dictionaries(NAMES, st.binary(max_size=50), max_size=6),
)
def test_the_copy_follows_any_source(before, after):
    with tempfile.TemporaryDirectory() as temporary:
        root, cache = Path(temporary, "root"), Path(temporary, "cache")
        for number, files in enumerate((before, after)):
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            for name, data in files.items():
                (root / name).write_bytes(data)
                os.utime(root / name, ns=(number, number))
            assert tree(stage(root, cache)) == files


def test_readers_read_the_copy(tmp_path):
    for split in ("train", "val"):
        path = tmp_path / "set" / split / "cat" / "1.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    conf = ImageFolderConf(
        root=str(tmp_path / "set"), stage=True, cache_dir=str(tmp_path / "cache")
    )
    record = open_splits(conf, "classification")["train"][0]
    assert record.image.path.is_relative_to(tmp_path / "cache" / "staged")
    assert (
        json.loads(
            (next((tmp_path / "cache/staged").glob("set-*/manifest.jsonl")))
            .read_text()
            .splitlines()[0]
        )["size"]
        == 1
    )
