"""Serving endpoints and apps: records and states; predictions only from a plugged-in function."""

from __future__ import annotations

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    InvalidParameterValue,
    NotFound,
    NotImplemented,
    ResourceConflict,
)
from databricks.sdk.service.apps import (
    App,
    AppDeployment,
    AppResource,
    AppResourceUcSecurable,
    AppResourceUcSecurableUcSecurablePermission,
    AppResourceUcSecurableUcSecurableType,
)
from databricks.sdk.service.serving import (
    DataframeSplitInput,
    EndpointCoreConfigInput,
    EndpointStateConfigUpdate,
    EndpointStateReady,
    Route,
    ServedEntityInput,
    ServingEndpointAccessControlRequest,
    ServingEndpointPermissionLevel,
    TrafficConfig,
)

from launch.workspace import FakeWorkspace


@pytest.fixture(scope="module")
def entity(ws: FakeWorkspace, client: WorkspaceClient) -> ServedEntityInput:
    client.registered_models.create(catalog_name="main", schema_name="default", name="served")
    body = {"full_name": "main.default.served", "source": "dbfs:/x"}
    requests.post(f"{ws.host}/fake/model-versions", json=body, timeout=10)
    return ServedEntityInput(
        name="m-1", entity_name="main.default.served", entity_version="1", workload_size="Small"
    )


def test_an_endpoints_life(
    ws: FakeWorkspace, client: WorkspaceClient, entity: ServedEntityInput
) -> None:
    serving = client.serving_endpoints
    config = EndpointCoreConfigInput(name="cells", served_entities=[entity])
    made = serving.create("cells", config=config).response
    assert made.state
    assert made.state.ready == EndpointStateReady.NOT_READY
    with pytest.raises(ResourceConflict):
        serving.update_config("cells", served_entities=[entity])
    assert serving.get("cells").state
    ready = serving.get("cells")
    assert ready.state
    assert ready.state.ready == EndpointStateReady.READY
    assert ready.state.config_update == EndpointStateConfigUpdate.NOT_UPDATING
    split = DataframeSplitInput(columns=["image"], data=[["aGk="]])
    with pytest.raises(NotImplemented, match="no model behind 'cells'"):
        serving.query("cells", dataframe_split=split)
    ws.serve("cells", lambda body: {"predictions": [len(body["dataframe_split"]["data"])]})
    assert serving.query("cells", dataframe_split=split).predictions == [1]
    entry = ServingEndpointAccessControlRequest(
        group_name="users", permission_level=ServingEndpointPermissionLevel.CAN_QUERY
    )
    serving.update_permissions(ready.id or "", access_control_list=[entry])
    with pytest.raises(NotFound):
        serving.get_permissions("cells")  # takes the id, not the name
    serving.delete("cells")
    with pytest.raises(NotFound):
        serving.get("cells")


def test_bad_configurations(client: WorkspaceClient, entity: ServedEntityInput) -> None:
    create = client.serving_endpoints.create
    other = ServedEntityInput(**(entity.__dict__ | {"name": "m-2"}))
    two = EndpointCoreConfigInput(name="two", served_entities=[entity, other])
    with pytest.raises(InvalidParameterValue, match="traffic_config is required"):
        create("two", config=two)
    two.traffic_config = TrafficConfig([Route(traffic_percentage=60, served_model_name="m-1")])
    with pytest.raises(InvalidParameterValue, match="add up to 100"):
        create("two", config=two)
    none = ServedEntityInput(**(entity.__dict__ | {"entity_version": "9"}))
    with pytest.raises(NotFound, match="9 does not exist"):
        create("x", config=EndpointCoreConfigInput(name="x", served_entities=[none]))
    with pytest.raises(InvalidParameterValue, match="Endpoint name"):
        create("a b")


def test_an_app(ws: FakeWorkspace, client: WorkspaceClient) -> None:
    volume = AppResourceUcSecurable(
        securable_full_name="main.default.v",
        securable_type=AppResourceUcSecurableUcSecurableType.VOLUME,
        permission=AppResourceUcSecurableUcSecurablePermission.READ_VOLUME,
    )
    made = client.apps.create(
        App(name="studio", resources=[AppResource("v", uc_securable=volume)])
    ).response
    assert made.url == "https://studio-1234567890.aws.databricksapps.com"
    stored = ws.core.store.get("grant", "volume/main.default.v")
    assert stored == {made.service_principal_client_id: ["READ_VOLUME"]}
    with pytest.raises(NotFound, match="Source code path"):
        client.apps.deploy("studio", AppDeployment(source_code_path="/Workspace/Shared/none"))
    client.workspace.mkdirs("/Shared/studio")
    deployment = AppDeployment(source_code_path="/Workspace/Shared/studio")
    done = client.apps.deploy("studio", deployment).response
    assert done.status
    assert done.status.state
    assert done.status.state.value == "SUCCEEDED"
    assert [app.name for app in client.apps.list()] == ["studio"]
    assert len(list(client.apps.list_deployments("studio"))) == 1
    with pytest.raises(InvalidParameterValue, match="lowercase"):
        client.apps.create(App(name="Studio"))
    client.apps.delete("studio")
    with pytest.raises(NotFound):
        client.apps.get("studio")
