"""The tags by which the ledger says everything about a run that a restart needs."""

from __future__ import annotations

import json
from collections.abc import Sequence

LAUNCHER = "lakesight.launcher"
EXTERNAL_ID = "lakesight.external_id"
FOLDER = "lakesight.folder"
OVERRIDES = "lakesight.overrides"
CONFIG_HASH = "lakesight.config_hash"
CODE_VERSION = "lakesight.code_version"
GENERATION = "lakesight.generation"
SUBMITTED_AT = "lakesight.submitted_at"
STATE = "lakesight.state"
REASON = "lakesight.reason"
ATTEMPT = "lakesight.attempt"
STARTED_AT = "lakesight.started_at"
ENDED_AT = "lakesight.ended_at"
SWEEP = "lakesight.sweep"
KIND = "lakesight.kind"
"""Tag of a run that is no training: what it is, e.g. batch."""
MODEL_URI = "lakesight.model_uri"
"""Of the model that the run logged in MLflow: `cvcore.serve.pyfunc.MODEL_URI_TAG`."""
USER = "mlflow.user"
PARENT = "mlflow.parentRunId"

OURS = ("lakesight.", "mlflow.")
"""How the tags begin that people can't set."""
MAX_LENGTH = 5000
"""Of a tag's value, characters."""


def overrides_tag(overrides: Sequence[str]) -> str:
    """Return overrides as the tag's JSON text."""
    return json.dumps(list(overrides), ensure_ascii=False)
