"""Volumes through the Files API, DBFS, and the workspace tree."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    NotFound,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from databricks.sdk.service.workspace import ImportFormat, Language, ObjectType

from launch.workspace import FakeWorkspace

BASE = "/Volumes/main/default/cv"


def test_upload_download_list_delete(client: WorkspaceClient, volume: Path) -> None:
    files = client.files
    files.create_directory(f"{BASE}/a/b c")
    files.create_directory(f"{BASE}/a/b c")
    files.upload(f"{BASE}/a/b c/ü&.bin", io.BytesIO(b"x" * 1000))
    assert (volume / "a" / "b c" / "ü&.bin").stat().st_size == 1000
    response = files.download(f"{BASE}/a/b c/ü&.bin").contents
    assert response
    assert response.read() == b"x" * 1000
    meta = files.get_metadata(f"{BASE}/a/b c/ü&.bin")
    assert meta.content_length == 1000
    files.get_directory_metadata(f"{BASE}/a")
    entries = list(files.list_directory_contents(f"{BASE}/a/b c"))
    assert [(e.path, e.is_directory, e.file_size) for e in entries] == [
        (f"{BASE}/a/b c/ü&.bin", False, 1000)
    ]
    with pytest.raises(BadRequest, match="not empty"):
        files.delete_directory(f"{BASE}/a")
    files.delete(f"{BASE}/a/b c/ü&.bin")
    files.delete_directory(f"{BASE}/a/b c")
    with pytest.raises(NotFound):
        files.get_metadata(f"{BASE}/a/b c/ü&.bin")


def test_what_the_platform_refuses(client: WorkspaceClient, volume: Path) -> None:
    files = client.files
    files.upload(f"{BASE}/once", io.BytesIO(b"1"))
    with pytest.raises((AlreadyExists, ResourceAlreadyExists)):
        files.upload(f"{BASE}/once", io.BytesIO(b"2"), overwrite=False)
    files.upload(f"{BASE}/once", io.BytesIO(b"2"), overwrite=True)
    assert (volume / "once").read_bytes() == b"2"
    with pytest.raises(NotFound, match="parent"):
        files.upload(f"{BASE}/no/such/folder", io.BytesIO(b"1"))
    with pytest.raises(NotFound, match="Volume"):
        files.upload("/Volumes/main/default/none/x", io.BytesIO(b"1"))
    with pytest.raises(BadRequest, match="Invalid path"):
        files.upload("/tmp/x", io.BytesIO(b"1"))
    with pytest.raises(NotFound):
        list(files.list_directory_contents(f"{BASE}/nothing"))


def test_a_big_file_and_pages(client: WorkspaceClient, volume: Path) -> None:
    """Above 50 MiB the SDK tries a multipart upload first."""
    size = 51 * 1024**2
    client.files.upload(f"{BASE}/big", io.BytesIO(bytes(size)))
    assert (volume / "big").stat().st_size == size
    client.files.create_directory(f"{BASE}/many")
    for number in range(5):
        client.files.upload(f"{BASE}/many/{number}", io.BytesIO(b""))
    names = [e.name for e in client.files.list_directory_contents(f"{BASE}/many", page_size=2)]
    assert names == list("01234")


def test_a_link_out_of_the_volume_is_not_followed(client: WorkspaceClient, volume: Path) -> None:
    (volume / "link").symlink_to("/etc")
    with pytest.raises(Exception, match="leaves the volume"):
        client.files.upload(f"{BASE}/link/x", io.BytesIO(b"1"))


def test_dbfs(client: WorkspaceClient) -> None:
    client.dbfs.put("/tmp/x", contents=base64.b64encode(b"old").decode(), overwrite=True)
    assert base64.b64decode(client.dbfs.read("/tmp/x").data or "") == b"old"
    assert client.dbfs.get_status("/tmp/x").file_size == 3
    with pytest.raises(ResourceDoesNotExist):
        client.dbfs.get_status("/none")


def test_the_workspace_tree(ws: FakeWorkspace, client: WorkspaceClient) -> None:
    tree = client.workspace
    tree.mkdirs("/Shared/lakesight/app")
    tree.upload("/Shared/lakesight/app/a.py", b"print(1)", format=ImportFormat.AUTO)
    info = tree.get_status("/Workspace/Shared/lakesight/app/a.py")
    assert (info.object_type, info.path) == (ObjectType.FILE, "/Shared/lakesight/app/a.py")
    assert tree.download("/Shared/lakesight/app/a.py").read() == b"print(1)"
    assert (ws.root / "Workspace" / "Shared" / "lakesight" / "app" / "a.py").is_file()
    with pytest.raises(ResourceAlreadyExists):
        tree.upload("/Shared/lakesight/app/a.py", b"2", format=ImportFormat.RAW)
    with pytest.raises(ResourceDoesNotExist, match="parent"):
        tree.upload("/Shared/none/a.py", b"", format=ImportFormat.AUTO)
    # SOURCE makes a notebook of it, without the extension: a trap for scripts.
    encoded = base64.b64encode(b"print(2)").decode()
    tree.import_(
        "/Shared/lakesight/app/n.py",
        content=encoded,
        format=ImportFormat.SOURCE,
        language=Language.PYTHON,
    )
    kinds = {o.path: o.object_type for o in tree.list("/Shared/lakesight/app")}
    assert kinds["/Shared/lakesight/app/n"] == ObjectType.NOTEBOOK
    with pytest.raises(BadRequest, match="not empty"):
        tree.delete("/Shared/lakesight")
    tree.delete("/Shared/lakesight", recursive=True)
    with pytest.raises(ResourceDoesNotExist):
        tree.get_status("/Shared/lakesight")
