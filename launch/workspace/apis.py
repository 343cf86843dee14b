"""All API files of the workspace."""

from __future__ import annotations

from launch.workspace import (
    admin,
    app_api,
    catalog,
    clusters,
    dbfs,
    files,
    grants,
    mlflow_api,
    models,
    oidc,
    permissions,
    scim,
    secrets_api,
    serving,
    sql_api,
    uc_registry,
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
        app_api,
        catalog,
        clusters,
        dbfs,
        files,
        grants,
        mlflow_api,
        models,
        oidc,
        permissions,
        scim,
        secrets_api,
        serving,
        sql_api,
        uc_registry,
        workspace_files,
    )
]
