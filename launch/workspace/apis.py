"""All API files of the workspace."""

from __future__ import annotations

from launch.workspace import (
    admin,
    catalog,
    clusters,
    dbfs,
    files,
    grants,
    models,
    oidc,
    permissions,
    scim,
    workspace_files,
)
from launch.workspace.jobs import api_jobs, api_repair, api_runs

ALL = [
    module.api
    for module in (
        admin,
        api_jobs,
        api_repair,
        api_runs,
        catalog,
        clusters,
        dbfs,
        files,
        grants,
        models,
        oidc,
        permissions,
        scim,
        workspace_files,
    )
]
