"""A run's entry in MLflow, as the training sees it: only the first process has one that writes."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from cvcore.config.schema import Config
from cvcore.data.labels import LabelSpace
from cvcore.metrics import server
from cvcore.metrics.mlflow_run import RunIdentity, flat, identity_of, open_run, tracking_uri
from cvcore.metrics.system import SystemSampler
from cvcore.metrics.tracker import Tracker, finite
from cvcore.train.environment import environment
from cvcore.train.frozen import OVERRIDES

log = logging.getLogger(__name__)

REASON_TAG = "lakesight.reason"
GIB = float(1 << 30)


class Ledger:
    """The MLflow run of one training: described, fed, and closed with its status."""

    def __init__(self, config: Config, run_dir: Path) -> None:
        """Find or create the run.

        Raises:
            ConfigError: the given run does not exist, or the server can't be used.
        """
        identity = open_run(config, run_dir)
        self.config = config
        self.run_dir = run_dir
        self.run_id = identity.run_id
        self.tracker = Tracker(run_dir, identity.uri, identity.run_id)
        log.info("MLflow run %s in %s", identity.run_id, server.without_password(identity.uri))
        if config.run.resume == "never" and self.tracker.last_step("train/loss") >= 0:
            log.warning(
                "run %s has the curves of an earlier training up to step %d: no step is logged "
                "twice. Leave run.id out to give this one a run of its own.",
                identity.run_id,
                self.tracker.last_step("train/loss"),
            )
        self._sampler: SystemSampler | None = None
        if config.monitoring.system_metrics:
            self._sampler = SystemSampler(
                self.tracker, run_dir, config.monitoring.sample_interval_s, _device_use
            )

    def describe(self, labels: LabelSpace, fingerprint: str, num_images: Mapping[str, int]) -> None:
        """Log parameters, configuration, overrides, label space, environment and data set."""
        described = environment()
        (self.run_dir / "environment.json").write_text(json.dumps(described, indent=1))
        tracker, data = self.tracker, self.config.data
        tracker.params(flat(asdict(self.config)))
        for name in ("config.yaml", OVERRIDES, "labels.json", "environment.json"):
            tracker.artifact(self.run_dir / name)
        source = {"reader": data.reader, "root": data.root, "num_images": dict(num_images)}
        tracker.dataset(Path(data.root or data.reader).name, fingerprint, json.dumps(source))
        tags = {
            "lakesight.task": self.config.task.kind,
            "lakesight.labels": labels.hash,
            "lakesight.data": fingerprint,
            "mlflow.source.git.commit": described["git_commit"] or "unknown",
        }
        tracker.tags(tags)

    def log_model(self, folder: Path) -> None:
        """Log a saved model so that it loads in a clean process; register it if configured.

        A server that does not take it now gets it later; the model is in the run's folder anyway.
        """
        from cvcore.serve.pyfunc import MODEL_URI_TAG, log_model

        register_as = self.config.registry.register_as
        try:
            uri = log_model(folder, self.tracker.uri, self.run_id, register_as)
        except Exception as error:  # noqa: BLE001 (an edge: no fault of a server may end a training)
            log.warning(
                "the model could not be logged to %s (%s); it is in %s and is logged when the "
                "server takes it.",
                server.without_password(self.tracker.uri),
                server.in_words(error),
                folder,
            )
            self.tracker.model(folder, register_as)
        else:
            self.tracker.tags({MODEL_URI_TAG: uri})

    def log_folder(self, folder: Path) -> None:
        """Log a folder of the run under its own name."""
        self.tracker.artifact(folder, folder.name)

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Log figures; undefined ones (NaN) are left out."""
        self.tracker.log(finite(values), step)

    def close(self, status: str, reason: str = "") -> None:
        """End the run: FINISHED, FAILED or KILLED; deliver what is left within bounds."""
        if self._sampler is not None:
            self._sampler.stop()
        # A run that was resumed and went well has no reason of an earlier failure left.
        self.tracker.tags({REASON_TAG: reason})
        log_file = self.run_dir / "log.txt"
        if log_file.is_file():
            self.tracker.artifact(log_file)
        self.tracker.finish(status)


def record_failure(config: Config, run_dir: Path | None, reason: str) -> None:
    """Record the failure of a training whose own entry was not opened, or whose process is gone.

    Of the run that was given, else the one of the folder; none is made for it.
    """
    known = None if run_dir is None else identity_of(run_dir)
    if config.run.id is not None:
        known = RunIdentity(config.run.id, tracking_uri(config))
    if known is None:
        return
    try:
        client = server.client(known.uri)
        client.set_tag(known.run_id, REASON_TAG, reason[:5000])
        client.set_terminated(known.run_id, "FAILED")
    except Exception as error:  # noqa: BLE001 (an edge: the reason itself is reported, not this)
        log.warning("the failure could not be recorded in MLflow: %s", server.in_words(error))


def _device_use() -> dict[str, float]:
    if not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return {}
    free, total = torch.cuda.mem_get_info()
    values = {"system/gpu_memory_used_gib": (total - free) / GIB}
    # torch asks NVML through a package that need not be there.
    with contextlib.suppress(ModuleNotFoundError, RuntimeError):
        values["system/gpu_pct"] = float(torch.cuda.utilization())
    return values
