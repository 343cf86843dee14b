"""A saved model folder as an MLflow model in another folder, without any tracking server."""

from __future__ import annotations

from pathlib import Path

import mlflow

from cvcore.serve import artifact
from cvcore.serve.pyfunc import ARTIFACT, example, signature
from cvcore.serve.requirements import pinned


def save_model(folder: Path, target: Path) -> None:
    """Write what `pyfunc.log_model` logs.

    Args:
        folder: what `artifact.save` wrote.
        target: a new folder.

    Raises:
        ModelError: the folder is not a whole Lakesight model.
    """
    described = artifact.read(folder)
    mlflow.pyfunc.save_model(
        path=str(target),
        python_model=str(Path(__file__).with_name("model_code.py")),
        artifacts={ARTIFACT: str(folder)},
        code_paths=[str(Path(__file__).parents[1])],
        signature=signature(),
        input_example=example(described.model.image_size),
        pip_requirements=pinned(),
        metadata={
            "task": described.task.kind,
            "label_space": described.labels.hash,
            "licence": described.model.licence,
            "data_fingerprint": described.fingerprint,
        },
    )
