"""On a Databricks App a user sees the files that the workspace lets them see, not those of the app."""

import pytest
from databricks.sdk.service.catalog import PermissionsChange, Privilege, VolumeType

from launch.workspace import FakeWorkspace
from tests.panel_app.conftest import Server

pytestmark = [pytest.mark.ui, pytest.mark.slow]


@pytest.fixture
def workspace(tmp_path):
    """Two Volumes; ann may read `hers` only, the app's principal (here an administrator) both."""
    with FakeWorkspace(tmp_path / "ws") as workspace:
        client = workspace.client()
        for name in ("hers", "secret"):
            client.volumes.create("main", "default", name, VolumeType.MANAGED)
            client.files.create_directory(f"/Volumes/main/default/{name}/cats")
        workspace.ann = workspace.add_user("ann@example.com")
        for kind, on, privilege in (
            ("catalog", "main", Privilege.USE_CATALOG),
            ("schema", "main.default", Privilege.USE_SCHEMA),
            ("volume", "main.default.hers", Privilege.READ_VOLUME),
        ):
            change = PermissionsChange(principal="ann@example.com", add=[privilege])
            client.grants.update(kind, on, changes=[change])
        yield workspace


def test_files_are_read_as_the_user(page, ledger, tmp_path, workspace, monkeypatch) -> None:
    for name, value in workspace.environment().items():
        monkeypatch.setenv(name, value)
    headers = {
        "X-Forwarded-Email": "ann@example.com",
        "X-Forwarded-Access-Token": workspace.ann,
    }
    server = Server(ledger[0], tmp_path, "--behind-proxy")
    page.set_extra_http_headers(headers)
    try:
        for volume, said in (
            ("secret", "can't be read from the workspace"),
            ("hers", "Copy it to this machine"),
        ):
            data = f"task=detection data=coco data.root=/Volumes/main/default/{volume}/cats"
            page.goto(f"{server.url}?page=data&set={data.replace(' ', '%20')}")
            page.get_by_text("ann@example.com").wait_for()
            page.get_by_text(said).first.wait_for()
        assert workspace.ann not in page.content() + server.log.read_text()
    finally:
        page.set_extra_http_headers({})
        server.stop()
