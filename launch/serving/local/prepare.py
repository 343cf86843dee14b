"""`python -m launch.serving.local.prepare <ModelRef as JSON> <folder>`: the MLflow model to serve.

Of a run's folder it is made here, of a registered version it is fetched. The folder is whole or
not there.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from cvcore.cli.exit import exit_code
from launch.errors import LaunchError
from launch.serving.models import ModelRef


def prepare(model: ModelRef, target: Path) -> None:
    """Bring the MLflow model to a folder.

    Raises:
        LakesightError: it can't be made or fetched.
    """
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    if model.folder:
        from cvcore.serve.pyfunc import save_model

        say(f"packing {model.folder}")
        save_model(Path(model.folder), part)
    else:
        _fetch(model, part)
    part.replace(target)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    say(f"the model is here: {size / 1e6:.1f} MB")


def say(text: str) -> None:
    """Write a line of progress into the build log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _fetch(model: ModelRef, part: Path) -> None:
    import mlflow
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    mlflow.set_tracking_uri(model.tracking_uri)
    if model.is_of_unity_catalog and model.tracking_uri.startswith("databricks"):
        mlflow.set_registry_uri("databricks-uc")
    say(f"fetching {model.uri}")
    try:
        part.mkdir()
        download_artifacts(artifact_uri=model.uri, dst_path=str(part))
    except (MlflowException, OSError) as error:
        raise LaunchError(f"{model.title} can't be fetched: {error}") from error
    if not (part / "MLmodel").is_file():
        raise LaunchError(f"{model.title} is not an MLflow model: it has no file MLmodel.")


def main(words: list[str]) -> int:
    """Prepare; 0 if it is there."""

    def run() -> int:
        prepare(ModelRef.from_dict(json.loads(words[0])), Path(words[1]))
        return 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
