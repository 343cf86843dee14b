"""/fake/: what only a test double has. Loopback only, without authentication."""

from __future__ import annotations

from launch.workspace.errors import invalid
from launch.workspace.routes import Answer, Call, Routes

api = Routes()


@api.add("GET", "/fake/faults")
def list_faults(call: Call) -> Answer:
    """Every rule with how often it hit."""
    return call.ws.faults.listing()


@api.add("POST", "/fake/faults")
def add_fault(call: Call) -> Answer:
    """{"method", "path", "times", "status", "retry_after"} or {"compute", "task_key", ...}."""
    return call.ws.faults.add_json(call.args)


@api.add("DELETE", "/fake/faults")
def clear_faults(call: Call) -> Answer:
    """Forget every rule."""
    call.ws.faults.clear()
    return None


@api.add("POST", "/fake/evict")
def evict(call: Call) -> Answer:
    """{"run_id": n}: take the machines of this run's running tasks away."""
    run_id = call.args.get("run_id")
    if not isinstance(run_id, int):
        raise invalid("Missing required field: run_id")
    return {"evicted": call.ws.runner.evict(run_id)}


@api.add("POST", "/fake/principals")
def add_principal(call: Call) -> Answer:
    """{"email"} gives a token; {"display_name"} gives a client id and secret."""
    admin = bool(call.args.get("admin"))
    if email := call.args.get("email"):
        return {"token": call.ws.identities.add_user(email, admin)}
    if name := call.args.get("display_name"):
        client_id, secret = call.ws.identities.add_service_principal(name, admin)
        return {"client_id": client_id, "client_secret": secret}
    raise invalid("Give email or display_name.")
