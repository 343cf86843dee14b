"""The same request as curl and as Python, for those who call an endpoint from elsewhere."""

from __future__ import annotations

import json
import shlex
from typing import Any

from launch.serving.types import Endpoint, EndpointError


def curl(endpoint: Endpoint, image: str = "image.jpg", **params: Any) -> str:
    """Return a command line that sends an image file.

    Args:
        endpoint: that answers.
        image: path of the file.
        params: score_threshold, masks.

    Raises:
        EndpointError: it has no address now.
    """
    start = '{"dataframe_split": {"columns": ["image"], "data": [["'
    end = '"]]}' + (f', "params": {json.dumps(params)}' if params else "") + "}"
    lines = [
        f"{{ printf '%s' {shlex.quote(start)}",
        f"  base64 < {shlex.quote(image)} | tr -d '\\n'",
        f"  printf '%s' {shlex.quote(end)}; }} |",
        f"  curl -sS {shlex.quote(_url(endpoint))} -H 'Content-Type: application/json' \\",
    ]
    if endpoint.place == "databricks":
        lines.append('    -H "Authorization: Bearer $DATABRICKS_TOKEN" \\')
    return "\n".join([*lines, "    --data-binary @-"])


def python(endpoint: Endpoint, image: str = "image.jpg", **params: Any) -> str:
    """Return a Python program that sends an image file and prints the answer; see `curl`."""
    remote = endpoint.place == "databricks"
    token = [
        'headers["Authorization"] = "Bearer " + os.environ["DATABRICKS_TOKEN"]',
    ]
    body = '{"dataframe_split": {"columns": ["image"], "data": [[image]]}'
    body += f', "params": {params!r}}}' if params else "}"
    return "\n".join(
        [
            "import base64",
            "import json",
            *(["import os"] if remote else []),
            "import urllib.request",
            "",
            f"image = base64.b64encode(open({image!r}, 'rb').read()).decode()",
            f"body = {body}",
            'headers = {"Content-Type": "application/json"}',
            *(token if remote else []),
            "request = urllib.request.Request(",
            f"    {_url(endpoint)!r}, json.dumps(body).encode(), headers",
            ")",
            "with urllib.request.urlopen(request) as response:",
            '    answer = json.load(response)["predictions"][0]["answer"]',
            "print(json.loads(answer))",
        ]
    )


def _url(endpoint: Endpoint) -> str:
    if not endpoint.url:
        raise EndpointError(
            f"endpoint {endpoint.name} is {endpoint.state} and has no address now: "
            f"{endpoint.message}"
        )
    return endpoint.url
