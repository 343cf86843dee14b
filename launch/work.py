"""Runs that are no training, e.g. a batch or an evaluation: how each is described, and handed over."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from cvcore.config.schema import Config
from launch import tags
from launch.base import Launcher, RunHandle, RunSpec, RunStatus
from launch.errors import LaunchError
from launch.ledger import Ledger
from launch.stage import code_version, environment
from launch.states import RunState


def described(
    kind: str, launcher: Launcher, folder: Path, overrides: Sequence[str], at: float, user: str
) -> dict[str, str]:
    """Return the tags that each of them has in the ledger.

    Args:
        kind: what it is.
        launcher: that gets it.
        folder: of the run.
        overrides: as they were given.
        at: when it was submitted, seconds since 1970 (UTC).
        user: who submitted it.
    """
    return {
        tags.KIND: kind,
        tags.LAUNCHER: launcher.kind,
        tags.FOLDER: str(folder),
        tags.OVERRIDES: tags.overrides_tag(overrides),
        tags.CODE_VERSION: code_version(),
        tags.GENERATION: "0",
        tags.SUBMITTED_AT: f"{at:.3f}",
        tags.USER: user,
    }


def spec(
    kind: str,
    config: Config,
    folder: Path,
    run_id: str,
    module: str,
    argument: Path,
    *,
    title: str,
    uri: str,
    user: str,
) -> RunSpec:
    """Return `python -m <module> <argument>` as what a launcher takes: one process, limits of `compute`."""
    return RunSpec(
        run_id=run_id,
        folder=str(folder),
        module=module,
        arguments=(str(argument),),
        workdir=str(Path.cwd()),
        title=title,
        user=user,
        num_devices=1,
        use_cpu=config.trainer.use_cpu,
        max_retries=config.compute.max_retries,
        timeout_s=config.compute.timeout_s,
        cancel_grace_s=config.compute.cancel_grace_s,
        tracking_uri=uri,
        environment=environment(),
        tags={"lakesight.run_id": run_id, tags.KIND: kind},
        compute=dataclasses.asdict(config.compute),
    )


def hand_over(launcher: Launcher, spec: RunSpec, ledger: Ledger) -> RunHandle:
    """Submit it; the ledger knows by which name the launcher finds it.

    Raises:
        LaunchError: it was refused; the ledger has the reason.
    """
    try:
        handle = launcher.submit(spec)
    except LaunchError as error:
        ledger.settle(spec.run_id, RunStatus(RunState.FAILED, f"not submitted: {error}"))
        raise
    ledger.tag(spec.run_id, {tags.EXTERNAL_ID: handle.external_id})
    return handle
