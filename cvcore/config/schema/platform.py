"""Schemas of `run`, `tracking`, `compute`, `registry`, `serving`, `monitoring`."""

from __future__ import annotations

from dataclasses import dataclass

from cvcore.config.schema.info import opt


@dataclass
class RunConf:
    """This run's identity."""

    id: str | None = opt(None, "MLflow run to continue; null: one is created.", advanced=True)
    title: str | None = opt(None, "What people call this run.")
    dir: str | None = opt(
        None, "The run's folder: log, checkpoints, reports; null: runs/<time>-<task>."
    )
    durable_dir: str | None = opt(
        None, "Where checkpoints are copied, e.g. a Volume; null: they stay in the run's folder."
    )
    resume: str = opt(
        "auto",
        "Continue from the run folder's newest whole checkpoint: if there is one, never, "
        "or refuse to start without one.",
        choices=("auto", "never", "must"),
    )


@dataclass
class TrackingConf:
    """Where metrics go."""

    uri: str | None = opt(
        None, "MLflow tracking server; null: MLFLOW_TRACKING_URI, else sqlite:///mlruns.db."
    )
    experiment: str = opt("lakesight", "MLflow experiment.")
    log_model: bool = opt(True, "Log the best model so that it loads in a clean process.")
    num_images: int = opt(
        8,
        "Fixed validation images whose predictions are logged at each evaluation.",
        bounds=(0, 256),
    )


@dataclass
class ComputeConf:
    """Where it runs. Keys are Databricks ClusterSpec names where both exist."""

    kind: str = opt("local", "Which launcher runs it.", choices=("local", "hostfile", "databricks"))
    num_devices: int = opt(
        1, "Processes, one per device; 0: as many as there are GPUs.", bounds=(0, 1024)
    )
    max_retries: int = opt(
        2,
        "Attempts after one that crashed; each goes on from the newest checkpoint.",
        bounds=(0, 100),
    )
    timeout_s: float | None = opt(
        None,
        "An attempt that takes longer is stopped and not tried again; null: no limit.",
        unit="s",
        bounds=(1, None),
        advanced=True,
    )
    cancel_grace_s: float = opt(
        120.0,
        "A canceled run has this long to save before it is killed.",
        unit="s",
        bounds=(0, 3600),
        advanced=True,
    )


@dataclass
class RegistryConf:
    """The model registry."""

    register_as: str | None = opt(
        None,
        "Register the best model under this name (Unity Catalog: catalog.schema.model); "
        "null: don't.",
    )


@dataclass
class ServingConf:
    """What a served model answers, and where. Keys are Model Serving's where it has them."""

    score_threshold: float = opt(
        0.3, "Predictions below this score are not shown. Never applied before AP.", bounds=(0, 1)
    )
    place: str = opt(
        "local",
        "Where endpoints are: this machine, or Databricks Model Serving.",
        choices=("local", "databricks"),
        of_endpoint=True,
    )
    workload_type: str = opt(
        "CPU",
        "Model Serving: the machine. GPU_SMALL: a T4, GPU_MEDIUM: an A10G, MULTIGPU_MEDIUM: four, "
        "GPU_LARGE: an A100, GPU_XLARGE: an H100; not every cloud has all.",
        choices=(
            "CPU",
            "CPU_MEDIUM",
            "CPU_LARGE",
            "GPU_SMALL",
            "GPU_MEDIUM",
            "MULTIGPU_MEDIUM",
            "GPU_LARGE",
            "GPU_XLARGE",
            "GPU_XLARGE_8",
        ),
        of_endpoint=True,
    )
    workload_size: str = opt(
        "Small",
        "Model Serving: requests at once: Small 4, Medium 8 to 16, Large 16 to 64.",
        choices=("Small", "Medium", "Large"),
        of_endpoint=True,
    )
    scale_to_zero: bool = opt(
        True,
        "Model Serving: stop while nobody asks; the first request after waits for the start.",
        of_endpoint=True,
    )
    environment_vars: dict[str, str] = opt(
        {},
        "Variables of the model's process; Model Serving takes {{secrets/scope/key}}.",
        of_endpoint=True,
    )
    inference_table: str | None = opt(
        None,
        "Model Serving: log requests to tables of this catalog.schema or catalog.schema.prefix; "
        "requests with large images may be left out.",
        of_endpoint=True,
    )
    profile: str | None = opt(
        None,
        "Credentials of the workspace, from ~/.databrickscfg; null: as the environment says.",
        of_endpoint=True,
    )
    usd_per_dbu: float = opt(
        0.07,
        "Price of a DBU of Model Serving, for the cost hint.",
        unit="USD",
        bounds=(0, 100),
        advanced=True,
        of_endpoint=True,
    )


@dataclass
class MonitoringConf:
    """What is watched while training, and what an endpoint of this machine records when it is deployed."""

    system_metrics: bool = opt(True, "Log CPU, memory, disk and GPU use.")
    sample_interval_s: float = opt(
        10.0, "Time between two samples.", unit="s", bounds=(1, 3600), advanced=True
    )
    record_share: float = opt(
        1.0,
        "Deploy: share of requests that the endpoint's flight recorder keeps; 0: none.",
        bounds=(0, 1),
        advanced=True,
        of_endpoint=True,
    )
    record_per_s: float = opt(
        2.0,
        "Deploy: most images recorded per second.",
        bounds=(0.01, 100),
        advanced=True,
        of_endpoint=True,
    )
    record_side_px: int = opt(
        640,
        "Deploy: longest side of a recorded picture; 0: only its features are kept.",
        unit="pixels",
        bounds=(0, 4096),
        advanced=True,
        of_endpoint=True,
    )
    record_mib: int = opt(
        512,
        "Deploy: most that the recorder keeps; the oldest go.",
        unit="MiB",
        bounds=(1, 1_000_000),
        advanced=True,
        of_endpoint=True,
    )
    record_days: float = opt(
        30.0,
        "Deploy: how long it keeps them.",
        unit="days",
        bounds=(0.01, 3650),
        advanced=True,
        of_endpoint=True,
    )
    drift_images: int = opt(
        500,
        "Drift is told of this many of the newest recorded images.",
        bounds=(10, 100_000),
        advanced=True,
        of_endpoint=True,
    )
    drift_least: int = opt(
        50,
        "Fewer images or answers than this are not judged.",
        bounds=(10, 100_000),
        advanced=True,
        of_endpoint=True,
    )
    psi_shifted: float = opt(
        0.1,
        "PSI from which a feature has shifted.",
        bounds=(0.01, 10),
        advanced=True,
        of_endpoint=True,
    )
    psi_drifted: float = opt(
        0.25,
        "PSI from which it has drifted; that is an alert.",
        bounds=(0.01, 10),
        advanced=True,
        of_endpoint=True,
    )
    max_error_rate: float = opt(
        0.05,
        "Alert: more answers of an hour than this share failed (5xx).",
        bounds=(0, 1),
        advanced=True,
        of_endpoint=True,
    )
    max_p95_s: float = opt(
        5.0,
        "Alert: 95 of 100 answers of an hour took up to more than this.",
        unit="s",
        bounds=(0.001, 3600),
        advanced=True,
        of_endpoint=True,
    )
    alert_requests: int = opt(
        20,
        "Fewer requests than this in an hour give no alert of errors or latency.",
        bounds=(1, 100_000),
        advanced=True,
        of_endpoint=True,
    )
    check_every_s: float = opt(
        60.0,
        "How often an endpoint looks for alerts.",
        unit="s",
        bounds=(1, 86_400),
        advanced=True,
        of_endpoint=True,
    )
