"""`python -m cvcore.train`: the training as a true Hydra application.

`python -m cvcore.train <run folder>/config.yaml` trains what that file says, see `staged`.
`--cfg job`, `--info`, `--multirun` and shell completion are Hydra's own. Faults of the user are
one sentence and exit code 2 here too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from cvcore.cli.exit import exit_code, refused
from cvcore.config.check import check, check_model, complete
from cvcore.config.composer import Composer
from cvcore.config.overrides import assign
from cvcore.config.paths import conf_dir, user_conf_dirs
from cvcore.config.store import register
from cvcore.config.translate import Translatable, from_hydra
from cvcore.config.validate import typed
from cvcore.errors import LakesightError
from cvcore.train import staged


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
def job(composed: DictConfig) -> None:
    """Train once; under `--multirun` once per combination, each in a folder of its own."""
    running = HydraConfig.get()
    overrides = list(running.overrides.task)
    models = Composer().options("model")
    check_model(running.runtime.choices["model"], composed.task.kind, models)
    if running.mode == RunMode.MULTIRUN and composed.run.dir is None:
        composed.run.dir = str(Path(running.sweep.dir) / running.sweep.subdir)
        overrides.append(assign("run.dir", composed.run.dir))
    try:
        config = typed(composed)

        from cvcore.train.run import train

        train(config, overrides)
    except LakesightError as error:
        if running.mode == RunMode.MULTIRUN:
            raise  # Hydra goes on with the other jobs and raises this at the end.
        sys.exit(refused(error))


def main() -> int:
    """Run and return the exit code: 0, 2 for a user's fault, 130 for Ctrl-C."""
    file = staged.config_file(sys.argv[1:])
    if file is not None:
        return exit_code(lambda: staged.train(file))
    # Hydra then raises its errors instead of printing them.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    register()
    return exit_code(_run)


def _run() -> int:
    words, composer = _prepared(sys.argv[1:])
    sys.argv[1:] = words
    try:
        job()
    except Translatable as error:
        raise from_hydra(error, composer.all_options()) from None
    return 0


def _prepared(words: list[str]) -> tuple[list[str], Composer]:
    """Return the command line with checked, completed overrides, and what composes like it.

    Raises:
        ConfigError: an override is unsafe or names what does not exist, or no such conf folder.
    """
    args = get_args_parser().parse_args(words)
    folders = user_conf_dirs()
    composer = Composer([*folders, *([args.config_dir] if args.config_dir else [])])
    if args.shell_completion:
        return words, composer
    check(args.overrides, composer.all_options(), for_hydra=True)
    flags = [word for word in words if word not in args.overrides]
    where = [assign("hydra.searchpath", [f"file://{folder}" for folder in folders])]
    return [*flags, *(where if folders else ()), *complete(args.overrides)], composer


if __name__ == "__main__":
    sys.exit(main())
