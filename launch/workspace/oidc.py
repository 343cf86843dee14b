"""Discovery and OAuth for machines (client id and secret), as the SDK asks for them."""

from __future__ import annotations

import base64
import binascii
import json

from werkzeug.wrappers import Response

from launch.workspace.routes import Answer, Call, Routes

api = Routes()


@api.add("GET", "/.well-known/databricks-config")
def config(call: Call) -> Answer:
    """What the SDK asks first."""
    return {"oidc_endpoint": f"{call.ws.host}/oidc", "workspace_id": "1234567890"}


@api.add("GET", "/oidc/.well-known/oauth-authorization-server")
def endpoints(call: Call) -> Answer:
    """Where tokens are given."""
    return {
        "authorization_endpoint": f"{call.ws.host}/oidc/v1/authorize",
        "token_endpoint": f"{call.ws.host}/oidc/v1/token",
    }


@api.add("POST", "/oidc/v1/token")
def token(call: Call) -> Answer:
    """Exchange client id and secret, in the form or as HTTP Basic, for a token of one hour."""
    form = call.request.form
    if form.get("grant_type") != "client_credentials":
        return _error(400, "unsupported_grant_type", "Only client_credentials is offered.")
    client, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, basic = call.request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        try:
            client, _, secret = base64.b64decode(basic).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            client = secret = ""
    answer = call.ws.identities.exchange(client, secret)
    if answer is None:
        return _error(401, "invalid_client", "Client authentication failed")
    return answer | {"scope": form.get("scope", "all-apis")}


def _error(status: int, code: str, text: str) -> Response:
    body = {"error": code, "error_description": text}
    return Response(json.dumps(body), status, mimetype="application/json")
