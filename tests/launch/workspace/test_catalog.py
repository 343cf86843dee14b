"""Unity Catalog: securables, grants that hold, models with versions and aliases."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceConflict,
)
from databricks.sdk.service.catalog import PermissionsChange, Privilege, SecurableType, VolumeType

from launch.workspace import FakeWorkspace


def test_catalog_schema_volume(client: WorkspaceClient, ws: FakeWorkspace) -> None:
    client.catalogs.create("Vision")
    client.schemas.create("CV", "vision")
    made = client.volumes.create("vision", "cv", "Data", VolumeType.MANAGED)
    # Names are lowercased.
    assert made.full_name == "vision.cv.data"
    assert (ws.root / "Volumes" / "vision" / "cv" / "data").is_dir()
    assert {s.name for s in client.schemas.list("vision")} == {"default", "cv"}
    assert [v.name for v in client.volumes.list("vision", "cv")] == ["data"]
    with pytest.raises(ResourceConflict):
        client.schemas.create("cv", "vision")
    with pytest.raises(BadRequest, match="not empty"):
        client.schemas.delete("vision.cv")
    client.catalogs.delete("vision", force=True)
    with pytest.raises(NotFound):
        client.volumes.read("vision.cv.data")


def test_grants_hold(ws: FakeWorkspace, client: WorkspaceClient, volume: Path) -> None:
    app_id, secret = ws.add_service_principal("app")
    app = ws.client(client_id=app_id, client_secret=secret, auth_type="oauth-m2m")
    path, name = "/Volumes/main/default/cv/granted", "main.default.cv"

    def grant(kind: str, on: str, *privileges: Privilege) -> None:
        change = PermissionsChange(add=list(privileges), principal=app_id)
        client.grants.update(kind, on, changes=[change])

    with pytest.raises(PermissionDenied, match="USE CATALOG on Catalog 'main'"):
        app.files.upload(path, io.BytesIO(b"x"))
    grant("catalog", "main", Privilege.USE_CATALOG)
    with pytest.raises(PermissionDenied, match="USE SCHEMA on Schema"):
        app.files.upload(path, io.BytesIO(b"x"))
    grant("schema", "main.default", Privilege.USE_SCHEMA)
    grant("volume", name, Privilege.WRITE_VOLUME)
    app.files.upload(path, io.BytesIO(b"x"))
    # Writing does not include reading.
    with pytest.raises(PermissionDenied, match="READ VOLUME"):
        app.files.download(path)
    grant("schema", "main.default", Privilege.READ_VOLUME)
    assert app.files.download(path).contents
    effective = client.grants.get_effective("volume", name, principal=app_id)
    found = effective.privilege_assignments or []
    sources = {p.privilege: p.inherited_from_name for a in found for p in a.privileges or []}
    assert sources == {
        Privilege.WRITE_VOLUME: None,
        Privilege.READ_VOLUME: "main.default",
        Privilege.USE_SCHEMA: "main.default",
        Privilege.USE_CATALOG: "main",
    }
    with pytest.raises(PermissionDenied, match="MANAGE"):
        app.grants.update("volume", name, changes=[])


def test_wrong_grants_are_refused(client: WorkspaceClient, volume: Path) -> None:
    name = "main.default.cv"
    with pytest.raises(BadRequest, match="Did you mean 'volume'"):
        # The SDK puts the enum's name into the URL: use the lowercase string.
        client.grants.update(SecurableType.VOLUME, name, changes=[])  # type: ignore[arg-type]
    both = PermissionsChange(
        add=[Privilege.READ_VOLUME], remove=[Privilege.READ_VOLUME], principal="admin@example.com"
    )
    with pytest.raises(InvalidParameterValue, match="both added and removed"):
        client.grants.update("volume", name, changes=[both])
    wrong = PermissionsChange(add=[Privilege.USE_SCHEMA], principal="admin@example.com")
    with pytest.raises(InvalidParameterValue, match="not applicable to volume"):
        client.grants.update("volume", name, changes=[wrong])
    nobody = PermissionsChange(add=[Privilege.READ_VOLUME], principal="nobody")
    with pytest.raises(NotFound, match="nobody"):
        client.grants.update("volume", name, changes=[nobody])


def test_models_versions_aliases(ws: FakeWorkspace, client: WorkspaceClient) -> None:
    model = client.registered_models.create(
        catalog_name="main", schema_name="default", name="cells"
    )
    assert model.full_name == "main.default.cells"
    for _ in range(2):
        body = {"full_name": model.full_name, "source": "dbfs:/x", "run_id": "r"}
        requests.post(f"{ws.host}/fake/model-versions", json=body, timeout=10)
    assert [v.version for v in client.model_versions.list("main.default.cells")] == [2, 1]
    client.registered_models.set_alias("main.default.cells", "champion", 1)
    assert client.model_versions.get_by_alias("main.default.cells", "champion").version == 1
    aliases = client.registered_models.get("main.default.cells", include_aliases=True).aliases
    assert [(a.alias_name, a.version_num) for a in aliases or []] == [("champion", 1)]
    with pytest.raises(NotFound):
        client.registered_models.set_alias("main.default.cells", "champion", 9)
    client.model_versions.delete("main.default.cells", 1)
    with pytest.raises(NotFound):
        client.model_versions.get_by_alias("main.default.cells", "champion")
    client.registered_models.delete("main.default.cells")
