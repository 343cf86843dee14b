"""The typed schema of a run: one dataclass per config group, all under `Config`.

Core code takes these dataclasses (`OmegaConf.to_object` of a composed config), never dicts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cvcore.config.schema.compute import (
    COMPUTE_SCHEMAS,
    DatabricksClusterConf,
    DatabricksConf,
    DatabricksJobConf,
    DatabricksServerlessConf,
    HostfileConf,
    compute_schema,
)
from cvcore.config.schema.data import (
    TASKS,
    AugmentConf,
    CocoConf,
    CocoPanopticConf,
    DataConf,
    DigitsConf,
    HfDatasetConf,
    ImageFolderConf,
    SemanticMasksConf,
    TableConf,
)
from cvcore.config.schema.info import FieldInfo, default_of, info_of, opt
from cvcore.config.schema.model import ModelConf, RecipeConf, TaskConf
from cvcore.config.schema.platform import (
    ComputeConf,
    MonitoringConf,
    RegistryConf,
    RunConf,
    ServingConf,
    TrackingConf,
)
from cvcore.config.schema.train import DeepspeedConf, OptimConf, TrainerConf


@dataclass
class Config:
    """A whole run."""

    run: RunConf = field(default_factory=RunConf)
    seed: int = opt(
        42, "Of weights, order of the images and augmentation.", bounds=(0, 4_294_967_295)
    )
    task: TaskConf = field(default_factory=TaskConf)
    model: ModelConf = field(default_factory=ModelConf)
    data: DataConf = field(default_factory=DataConf)
    augment: AugmentConf = field(default_factory=AugmentConf)
    optim: OptimConf = field(default_factory=OptimConf)
    trainer: TrainerConf = field(default_factory=TrainerConf)
    deepspeed: DeepspeedConf = field(default_factory=DeepspeedConf)
    tracking: TrackingConf = field(default_factory=TrackingConf)
    compute: ComputeConf = field(default_factory=ComputeConf)
    registry: RegistryConf = field(default_factory=RegistryConf)
    serving: ServingConf = field(default_factory=ServingConf)
    monitoring: MonitoringConf = field(default_factory=MonitoringConf)


__all__ = [
    "COMPUTE_SCHEMAS",
    "TASKS",
    "AugmentConf",
    "CocoConf",
    "CocoPanopticConf",
    "ComputeConf",
    "Config",
    "DataConf",
    "DatabricksClusterConf",
    "DatabricksConf",
    "DatabricksJobConf",
    "DatabricksServerlessConf",
    "DeepspeedConf",
    "DigitsConf",
    "FieldInfo",
    "HfDatasetConf",
    "HostfileConf",
    "ImageFolderConf",
    "ModelConf",
    "MonitoringConf",
    "OptimConf",
    "RecipeConf",
    "RegistryConf",
    "RunConf",
    "SemanticMasksConf",
    "ServingConf",
    "TableConf",
    "TaskConf",
    "TrackingConf",
    "TrainerConf",
    "compute_schema",
    "default_of",
    "info_of",
]
