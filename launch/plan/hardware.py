"""GPUs and machines that a plan knows: what they hold, how fast they are, what an hour costs.

GPU figures: vendors' data sheets, dense (without sparsity). Prices: the clouds' public list prices,
on demand, Linux, without the Databricks charge; noted by hand, see `PRICES_SOURCE`. A plan shows
them as assumptions; `--prices` puts others in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cvcore.errors import ConfigError, did_you_mean

PRICES_SOURCE = (
    "public on-demand list prices of the clouds (AWS us-east-1, Azure East US, GCP us-central1), "
    "noted 2026-11, without the Databricks charge (DBU) and without discounts"
)
GIB = float(1 << 30)


@dataclass(frozen=True)
class Gpu:
    """A kind of GPU.

    Attributes:
        title: what people call it.
        memory_gib: what the driver reports.
        tflops: dense peak by number format, 10^12 operations per second.
    """

    title: str
    memory_gib: float
    tflops: Mapping[str, float]

    @property
    def has_bf16(self) -> bool:
        """Whether it computes in bf16 itself."""
        return "bf16" in self.tflops


@dataclass(frozen=True)
class Node:
    """A kind of machine.

    Attributes:
        node_type: the cloud's name, which is Databricks' `node_type_id`.
        cloud: aws, azure or gcp.
        gpu: key of `GPUS`.
        num_gpus: in one machine.
        num_cores: virtual CPUs.
        usd_per_hour: of one machine; None if not known.
    """

    node_type: str
    cloud: str
    gpu: str
    num_gpus: int
    num_cores: int
    usd_per_hour: float | None


GPUS = {
    "T4": Gpu("T4 16 GB", 15.0, {"fp32": 8.1, "fp16": 65}),
    "V100": Gpu("V100 16 GB", 15.8, {"fp32": 15.7, "fp16": 125}),
    "A10G": Gpu("A10G 24 GB", 22.5, {"fp32": 31.5, "fp16": 70, "bf16": 70}),
    "A10": Gpu("A10 24 GB", 22.5, {"fp32": 31.2, "fp16": 125, "bf16": 125}),
    "L4": Gpu("L4 24 GB", 22.5, {"fp32": 30.3, "fp16": 121, "bf16": 121}),
    "L40S": Gpu("L40S 48 GB", 45.0, {"fp32": 91.6, "fp16": 362, "bf16": 362}),
    "A100-40": Gpu("A100 40 GB", 39.5, {"fp32": 19.5, "fp16": 312, "bf16": 312}),
    "A100-80": Gpu("A100 80 GB", 79.3, {"fp32": 19.5, "fp16": 312, "bf16": 312}),
    "H100": Gpu("H100 80 GB", 79.6, {"fp32": 67, "fp16": 989, "bf16": 989}),
    "H100-NVL": Gpu("H100 NVL 94 GB", 93.6, {"fp32": 60, "fp16": 835, "bf16": 835}),
    "H200": Gpu("H200 141 GB", 139.8, {"fp32": 67, "fp16": 989, "bf16": 989}),
}

NODES = (
    Node("g4dn.xlarge", "aws", "T4", 1, 4, 0.526),
    Node("g4dn.12xlarge", "aws", "T4", 4, 48, 3.912),
    Node("g5.xlarge", "aws", "A10G", 1, 4, 1.006),
    Node("g5.4xlarge", "aws", "A10G", 1, 16, 1.624),
    Node("g5.12xlarge", "aws", "A10G", 4, 48, 5.672),
    Node("g5.48xlarge", "aws", "A10G", 8, 192, 16.288),
    Node("g6.xlarge", "aws", "L4", 1, 4, 0.805),
    Node("g6.4xlarge", "aws", "L4", 1, 16, 1.323),
    Node("g6.12xlarge", "aws", "L4", 4, 48, 4.602),
    Node("g6.48xlarge", "aws", "L4", 8, 192, 13.350),
    Node("p4d.24xlarge", "aws", "A100-40", 8, 96, 21.958),
    Node("p4de.24xlarge", "aws", "A100-80", 8, 96, 27.447),
    Node("p5.48xlarge", "aws", "H100", 8, 192, 55.040),
    Node("Standard_NC4as_T4_v3", "azure", "T4", 1, 4, 0.526),
    Node("Standard_NC64as_T4_v3", "azure", "T4", 4, 64, 4.352),
    Node("Standard_NV36ads_A10_v5", "azure", "A10", 1, 36, 3.200),
    Node("Standard_NC24ads_A100_v4", "azure", "A100-80", 1, 24, 3.673),
    Node("Standard_NC48ads_A100_v4", "azure", "A100-80", 2, 48, 7.346),
    Node("Standard_NC96ads_A100_v4", "azure", "A100-80", 4, 96, 14.692),
    Node("Standard_NC40ads_H100_v5", "azure", "H100-NVL", 1, 40, 6.980),
    Node("Standard_NC80adis_H100_v5", "azure", "H100-NVL", 2, 80, 13.960),
    Node("g2-standard-8", "gcp", "L4", 1, 8, 0.854),
    Node("g2-standard-48", "gcp", "L4", 4, 48, 4.001),
    Node("a2-highgpu-1g", "gcp", "A100-40", 1, 12, 3.673),
    Node("a2-highgpu-8g", "gcp", "A100-40", 8, 96, 29.387),
    Node("a2-ultragpu-1g", "gcp", "A100-80", 1, 12, 5.069),
    Node("a3-highgpu-8g", "gcp", "H100", 8, 208, 88.490),
)
CLOUDS = ("aws", "azure", "gcp")


def nodes(
    names: list[str], cloud: str, prices: Mapping[str, float] | None = None
) -> tuple[Node, ...]:
    """Return the machines a plan is about, with the user's prices.

    Args:
        names: node types; empty: all of the cloud.
        cloud: aws, azure, gcp or all; for an empty `names`.
        prices: node type -> US dollars per hour, instead of the table's.

    Raises:
        ConfigError: a node type that is not in the table, or a price that is not one.
    """
    known = {node.node_type: node for node in NODES}
    for name in [*names, *(prices or {})]:
        if name not in known:
            raise ConfigError(
                f"{name!r} is not a node type this plan knows. Known: {', '.join(known)}."
                + did_you_mean(name, known)
            )
    chosen = [known[name] for name in names] or [n for n in NODES if cloud in (n.cloud, "all")]
    return tuple(
        replace(node, usd_per_hour=(prices or {}).get(node.node_type, node.usd_per_hour))
        for node in chosen
    )
