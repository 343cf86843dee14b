"""Registers a model in a process of its own: MLflow's global state and torch stay in here.

python -m cvcore.serve.register FOLDER --as NAME ... prints one line of JSON at its end; progress
goes to stderr, a user's fault as one sentence with exit code 2.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from cvcore.cli.exit import exit_code
from cvcore.cli.parent import end_with_parent


def main() -> int:
    """Register and return the exit code."""
    end_with_parent()
    parser = argparse.ArgumentParser(prog="python -m cvcore.serve.register")
    parser.add_argument("folder", type=Path, nargs="?", help="the model; default: the run's own")
    parser.add_argument("--as", dest="model", required=True)
    parser.add_argument("--uri", required=True)
    parser.add_argument("--registry-uri", default="")
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--tags", type=json.loads, default={})
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--robustness", type=int, default=0, metavar="IMAGES")
    parser.add_argument("--device")
    args = parser.parse_args()
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    import mlflow

    from cvcore.serve.quiet import quiet
    from cvcore.serve.register.fetch import fetch
    from cvcore.serve.register.measure import measure
    from cvcore.serve.register.publish import publish

    quiet()
    if args.registry_uri:
        mlflow.set_registry_uri(args.registry_uri)
    with tempfile.TemporaryDirectory(prefix="lakesight-run-") as temporary:
        folder = args.folder
        if folder is None:
            _say("fetching the model of the run")
            folder = fetch(args.uri, args.run_id, Path(temporary))
        measured, problem = measure(
            folder, args.run_id, args.latency, args.robustness, args.device, _say
        )
        _say(f"registering as {args.model}")
        done = publish(folder, args.uri, args.run_id, args.model, measured, args.tags)
        if done.completed:
            _say(f"version {done.version} was left half made by a registration that was killed")
    print(
        json.dumps(
            {**asdict(done), "not_measured": problem, "facts": json.loads(measured.to_json())}
        )
    )
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
