"""Tokens, OAuth for machines, and what a wrong credential gets."""

from __future__ import annotations

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import PermissionDenied

from launch.workspace import FakeWorkspace


def test_a_token_says_who_one_is(ws: FakeWorkspace) -> None:
    token = ws.add_user("ada@example.com")
    me = ws.client(token).current_user.me()
    assert me.user_name == "ada@example.com"
    assert [group.display for group in me.groups or []] == ["users"]


def test_a_service_principal_logs_in_by_oauth(ws: FakeWorkspace) -> None:
    client_id, secret = ws.add_service_principal("studio")
    app = ws.client(client_id=client_id, client_secret=secret, auth_type="oauth-m2m")
    assert app.current_user.me().user_name == client_id


def test_a_wrong_secret_is_refused(ws: FakeWorkspace) -> None:
    client_id, _ = ws.add_service_principal("other")
    with pytest.raises(ValueError, match="invalid_client"):
        ws.client(client_id=client_id, client_secret="no", auth_type="oauth-m2m").current_user.me()


def test_a_wrong_token_is_403(ws: FakeWorkspace) -> None:
    with pytest.raises(PermissionDenied, match="Invalid access token"):
        ws.client("dapi-wrong").current_user.me()


def test_no_credential_is_401_in_the_platforms_shape(ws: FakeWorkspace) -> None:
    answer = requests.get(f"{ws.host}/api/2.1/clusters/list-node-types", timeout=10)
    assert answer.status_code == 401
    assert answer.json()["error_code"] == "UNAUTHENTICATED"
    assert "Credential was not sent" in answer.json()["message"]


def test_an_expired_token_is_401(ws: FakeWorkspace) -> None:
    token = ws.core.identities.new_token("admin@example.com", life_s=-1)
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{ws.host}/api/2.0/preview/scim/v2/Me", headers=headers, timeout=10)
    assert answer.status_code == 401


def test_service_principals_by_scim(client: WorkspaceClient) -> None:
    made = client.service_principals.create(display_name="batch")
    found = list(client.service_principals.list(filter='displayName eq "batch"'))
    assert [sp.application_id for sp in found] == [made.application_id]
    client.service_principals.delete(str(made.id))
    assert not list(client.service_principals.list(filter='displayName eq "batch"'))


def test_an_unknown_api_is_404(ws: FakeWorkspace) -> None:
    headers = {"Authorization": f"Bearer {ws.token}"}
    answer = requests.get(f"{ws.host}/api/2.0/no/such", headers=headers, timeout=10)
    assert answer.status_code == 404
    assert answer.json()["error_code"] == "ENDPOINT_NOT_FOUND"
