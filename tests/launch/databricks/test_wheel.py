"""This code as a wheel: the same bytes each time, installable, with all it needs."""

import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient

from cvcore.config.paths import conf_dir
from launch.databricks import wheel
from launch.databricks.code import Code, deliver, this_code
from launch.databricks.volume import Volume
from launch.errors import SubmitError

ROOT = Path(wheel.__file__).parents[2]


def test_the_bytes_depend_on_the_files_only() -> None:
    assert wheel.build() == wheel.build()


def test_it_holds_code_conf_and_entry_points() -> None:
    with zipfile.ZipFile(BytesIO(wheel.build())) as archive:
        names = archive.namelist()
        points = archive.read("lakesight-0.1.0.dist-info/entry_points.txt").decode()
    assert "launch/node/main.py" in names
    assert "launch/databricks/requirements.txt" in names
    for path in conf_dir().rglob("*.yaml"):
        assert f"cvcore/_conf/{path.relative_to(conf_dir()).as_posix()}" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
    assert "lakesight-node = launch.node.main:main" in points


@pytest.mark.slow
def test_pip_installs_it_and_it_composes_from_there(tmp_path: Path) -> None:
    wheel.main(tmp_path)
    target = tmp_path / "site"
    words = ["--quiet", "--no-deps", "--no-index", "--target", str(target)]
    pip = [sys.executable, "-m", "pip", "install", *words, str(tmp_path / wheel.FILE_NAME)]
    subprocess.run(pip, check=True, capture_output=True)
    code = "import cvcore.config.composer as c; print(c.__file__, c.load().task.kind)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    where, kind = done.stdout.split()
    assert where.startswith(str(target))
    assert kind == "detection"


def test_a_node_gets_the_pinned_versions() -> None:
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    for pin in this_code().pins():
        assert "==" in pin
        if not pin.startswith("nvidia-ml-py"):  # of machines with GPUs only
            assert pin in pinned


def test_code_is_uploaded_once_and_checked(ws, client: WorkspaceClient, monkeypatch) -> None:
    root, volume = "/Volumes/main/default/runs/once", Volume(client)
    code = Code("ab" * 32, b"a wheel", "a==1\n")
    written: list[str] = []
    write = volume.write
    monkeypatch.setattr(volume, "write", lambda p, d: (written.append(p), write(p, d)))
    deliver(volume, root, code)
    deliver(volume, root, code)
    assert [p.rpartition("/")[2] for p in written] == ["requirements.txt", wheel.FILE_NAME]
    assert all("/abababababababab/" in path for path in written)
    # A torn one is replaced.
    volume.write(code.wheel_path(root), b"a wh")
    deliver(volume, root, code)
    assert volume.read(code.wheel_path(root)) == b"a wheel"


def test_what_does_not_arrive_whole_is_refused(ws, client, monkeypatch) -> None:
    volume = Volume(client)
    monkeypatch.setattr(volume, "read", lambda path: b"half")
    with pytest.raises(SubmitError, match="did not arrive whole"):
        deliver(volume, "/Volumes/main/default/runs/torn", Code("cd" * 32, b"whole", "a==1\n"))
