"""Trainings as real processes: what the tests of this folder run, import and kill."""

from __future__ import annotations

import functools
import gc
import json
import multiprocessing as mp
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from cvcore.config.schema import Config
from tests.warm_python import LIBRARIES

VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
    "hidden_dropout_prob": 0.2,
}
D_FINE = {
    "backbone_config": {
        "model_type": "hgnet_v2",
        "stem_channels": [3, 8, 8],
        "hidden_sizes": [16, 32, 64, 64],
        "stage_in_channels": [8, 16, 32, 64],
        "stage_mid_channels": [8, 8, 16, 32],
        "stage_out_channels": [16, 32, 64, 64],
        "stage_num_blocks": [1, 1, 1, 1],
        "stage_downsample": [False, True, True, True],
        "stage_light_block": [False, False, True, True],
        "stage_kernel_size": [3, 3, 5, 5],
        "stage_numb_of_layers": [1, 1, 1, 1],
        "out_features": ["stage2", "stage3", "stage4"],
    },
    "encoder_in_channels": [32, 64, 64],
    "encoder_hidden_dim": 32,
    "decoder_in_channels": [32, 32, 32],
    "d_model": 32,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "decoder_layers": 2,
    "num_queries": 10,
    "num_denoising": 4,
    "freeze_backbone_batch_norms": False,
}
RESNET = {
    "embedding_size": 16,
    "hidden_sizes": [16, 32, 64],
    "depths": [1, 1, 1],
    "layer_type": "basic",
}
SMALL = [
    "data.num_train=48",
    "data.num_val=10",
    "data.num_test=10",
    "trainer.logging_steps=1",
    "trainer.per_device_train_batch_size=4",
    "trainer.dataloader_num_workers=0",
    "trainer.bootstrap_samples=0",
    "tracking.num_images=2",
    "tracking.log_model=false",
    "monitoring.system_metrics=false",
    "optim.learning_rate=0.003",
]


def make_config(folder: Path, overrides: list[str], model: str = "vit") -> Config:
    """Return a small training on digits, all of whose files are in `folder`."""
    from cvcore.config.composer import load

    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_empty_database(), folder / "mlflow.db")
    task = ["task=classification", f"model.model_type={model}", "model.image_size=[32,32]"]
    if model == "d_fine":
        task = ["task=detection", "model.model_type=d_fine", "model.image_size=[64,64]"]
        task.append("data.scene_size=64")
    places = [
        f"run.dir={folder / 'run'}",
        f"tracking.uri=sqlite:///{folder / 'mlflow.db'}",
        f"data.cache_dir={folder / 'cache'}",
    ]
    config = load([*task, *SMALL, *places, *overrides])
    config.model.config = dict({"vit": VIT, "resnet": RESNET, "d_fine": D_FINE}[model])
    return config


@functools.cache
def _empty_database() -> Path:
    """Return an MLflow database with its tables: making them takes longer than a small training.

    Its experiment keeps artifacts beside it, not in the folder the tests are started in.
    """
    from mlflow import MlflowClient

    path = Path(tempfile.mkdtemp()) / "mlflow.db"
    client = MlflowClient(f"sqlite:///{path}")
    client.create_experiment("lakesight", artifact_location=str(path.parent / "artifacts"))
    return path


def start(
    config: Config,
    *,
    env: dict[str, str] | None = None,
    at_step: dict[int, str] | None = None,
    prepare: Callable[[], None] | None = None,
) -> BaseProcess:
    """Start a training in a process of its own; its exit code is the command line's.

    Args:
        config: what to train.
        env: further environment variables.
        at_step: signals the process sends itself after a step, e.g. {7: "SIGKILL"}.
        prepare: called in the process first.
    """
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["cvcore.train.run", *LIBRARIES])
    process = context.Process(target=_train, args=(config, env or {}, at_step or {}, prepare))
    process.start()
    return process


def run(config: Config, timeout_s: float = 240.0, **options: Any) -> int:
    """Run a training in a process of its own and return its exit code."""
    return wait(start(config, **options), timeout_s)


def run_ranks(config: Config, count: int = 2, **options: Any) -> list[int]:
    """Run a training in `count` processes, as torchrun would start them."""
    from cvcore.train.distributed import free_port

    common = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1"}
    common["MASTER_PORT"] = str(free_port())
    processes = [
        start(config, env={**common, "RANK": str(r), "LOCAL_RANK": str(r)}, **options)
        for r in range(count)
    ]
    return [wait(p) for p in processes]


def wait(process: BaseProcess, timeout_s: float = 240.0) -> int:
    process.join(timeout_s)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError("the training did not end")
    return process.exitcode


def _train(
    config: Config,
    env: dict[str, str],
    at_step: dict[int, str],
    prepare: Callable[[], None] | None,
) -> None:
    gc.freeze()  # a training collects garbage: not in what is shared with the fork server
    os.environ.update({"OMP_NUM_THREADS": "1", **env})
    # What a command line has; this process inherited the fork server of the tests.
    mp.set_start_method("fork", force=True)
    from cvcore.errors import LakesightError
    from cvcore.train.callbacks.state import OwnState
    from cvcore.train.run import train

    if prepare is not None:
        prepare()
    update = OwnState.on_step_end

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        update(self, args, state, control, **kwargs)
        if state.global_step in at_step:
            os.kill(os.getpid(), getattr(signal, at_step[state.global_step]))

    OwnState.on_step_end = on_step_end  # type: ignore[method-assign]
    code = 0
    try:
        train(config)
    except LakesightError as error:
        sys.stderr.write(f"error: {error}\n")
        (Path(config.run.dir or ".") / f"error{env.get('RANK', '')}.txt").write_text(str(error))
        code = 2
    except KeyboardInterrupt:
        code = 130
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.stderr.flush()
    os._exit(code)


def state(config: Config) -> dict[str, Any]:
    """Return HF's state of the newest checkpoint."""
    from cvcore.train.checkpoint import step_of

    paths = (Path(config.run.dir or ".") / "checkpoints").glob("checkpoint-*")
    newest = max(paths, key=step_of)
    return dict(json.loads((newest / "trainer_state.json").read_text()))


def history(config: Config) -> list[dict[str, float]]:
    """Return HF's log of the newest checkpoint."""
    return list(state(config)["log_history"])


def losses(config: Config) -> dict[int, float]:
    """Return the logged loss of each step."""
    return {int(h["step"]): h["loss"] for h in history(config) if "loss" in h}


def evaluations(config: Config) -> dict[int, dict[str, float]]:
    """Return the metrics of each evaluation, without its duration."""
    return {
        int(h["step"]): {k: v for k, v in h.items() if k.startswith("eval_") and "time" not in k}
        for h in history(config)
        if "eval_num_images" in h
    }


def command_line(config: Config) -> tuple[list[str], dict[str, str]]:
    """Return overrides and environment with which a command trains `config`'s small ViT.

    Its options other than `SMALL` and the places are not carried over.
    """
    folder = Path(config.run.dir or "").parent
    option = folder / "conf" / "model" / "classification" / "vit_small_test.yaml"
    option.parent.mkdir(parents=True, exist_ok=True)
    model = {"model_type": "vit", "image_size": [32, 32], "config": config.model.config}
    option.write_text(json.dumps({**model, "licence": "Apache-2.0", "params_m": 0.1}))
    places = [f"run.dir={config.run.dir}", f"tracking.uri={config.tracking.uri}"]
    places.append(f"data.cache_dir={config.data.cache_dir}")
    places.append(f"optim.weight_decay={config.optim.weight_decay}")  # the default model's recipe
    words = ["task=classification", "model=classification/vit_small_test", *SMALL, *places]
    return words, {**os.environ, "LAKESIGHT_CONF_PATH": str(folder / "conf")}
