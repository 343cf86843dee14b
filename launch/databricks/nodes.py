"""Which machines a workspace has, and the smallest one that has what is asked for.

The API says how many GPUs a node type has, not which; families of names say that.

Source: the cloud vendors' pages of instance types; ids as Databricks lists them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.compute import NodeType

from launch.databricks.client import EDGE
from launch.errors import SubmitError

_log = logging.getLogger(__name__)

# GPUs from the cheaper to the dearer: the order in which one is taken.
GPU_ORDER = ("T4", "V100", "L4", "A10", "A10G", "L40S", "A100", "H100", "H200", "B200")

_FAMILIES: tuple[tuple[str, str, int], ...] = (
    (r"g4dn\.", "T4", 16),
    (r"g5\.", "A10G", 24),
    (r"g6\.", "L4", 24),
    (r"g6e\.", "L40S", 48),
    (r"p3\.", "V100", 16),
    (r"p4d\.", "A100", 40),
    (r"p4de\.", "A100", 80),
    (r"p5\.", "H100", 80),
    (r"p5en?\.", "H200", 141),
    (r"Standard_NC\d+as_T4_v3", "T4", 16),
    (r"Standard_NV\d+a[dm]*s_A10_v5", "A10", 24),
    (r"Standard_NC\d+ads_A100_v4", "A100", 80),
    (r"Standard_ND96asr_v4", "A100", 40),
    (r"Standard_ND96amsr_A100_v4", "A100", 80),
    (r"Standard_NC\d+adi?s_H100_v5", "H100", 94),
    (r"Standard_ND96isr_H100_v5", "H100", 80),
    (r"g2-standard-", "L4", 24),
    (r"a2-highgpu-", "A100", 40),
    (r"a2-ultragpu-", "A100", 80),
    (r"a3-highgpu-", "H100", 80),
)
"""(pattern of the id, GPU, memory of each GPU in GiB)."""


@dataclass(frozen=True)
class Node:
    """A node type; memory of the machine and of each GPU in GiB, `gpu` "" if it has none."""

    node_type_id: str
    num_gpus: int
    memory_gib: float
    num_cores: float = 0.0
    gpu: str = ""
    gpu_memory_gib: float = 0.0

    def __str__(self) -> str:
        if not self.num_gpus:
            return f"{self.node_type_id} (no GPU)"
        return f"{self.node_type_id} ({self.num_gpus} x {self.gpu or 'GPU'})"


def _nodes(*rows: tuple[str, int, float, float]) -> tuple[Node, ...]:
    return tuple(Node(i, n, memory, cores, *gpu_of(i)) for i, n, memory, cores in rows)


def gpu_of(node_type_id: str) -> tuple[str, float]:
    """Return GPU and its memory in GiB of a node type; ("", 0) for an unknown family."""
    for pattern, gpu, memory in _FAMILIES:
        if re.match(pattern, node_type_id):
            return gpu, float(memory)
    return "", 0.0


BUILT_IN: dict[str, tuple[Node, ...]] = {
    "aws": _nodes(
        ("m5d.xlarge", 0, 16, 4),
        ("g4dn.xlarge", 1, 16, 4),
        ("g4dn.12xlarge", 4, 192, 48),
        ("g5.xlarge", 1, 16, 4),
        ("g5.2xlarge", 1, 32, 8),
        ("g5.12xlarge", 4, 192, 48),
        ("g5.48xlarge", 8, 768, 192),
        ("g6.xlarge", 1, 16, 4),
        ("g6.12xlarge", 4, 192, 48),
        ("g6.48xlarge", 8, 768, 192),
        ("p4d.24xlarge", 8, 1152, 96),
        ("p5.48xlarge", 8, 2048, 192),
    ),
    "azure": _nodes(
        ("Standard_D4ds_v5", 0, 16, 4),
        ("Standard_NC4as_T4_v3", 1, 28, 4),
        ("Standard_NC64as_T4_v3", 4, 440, 64),
        ("Standard_NV36ads_A10_v5", 1, 440, 36),
        ("Standard_NC24ads_A100_v4", 1, 220, 24),
        ("Standard_NC48ads_A100_v4", 2, 440, 48),
        ("Standard_NC96ads_A100_v4", 4, 880, 96),
        ("Standard_ND96asr_v4", 8, 900, 96),
        ("Standard_NC40ads_H100_v5", 1, 320, 40),
        ("Standard_NC80adis_H100_v5", 2, 640, 80),
    ),
    "gcp": _nodes(
        ("n2-standard-4", 0, 16, 4),
        ("g2-standard-8", 1, 32, 8),
        ("g2-standard-24", 2, 96, 24),
        ("g2-standard-48", 4, 192, 48),
        ("g2-standard-96", 8, 384, 96),
        ("a2-highgpu-1g", 1, 85, 12),
        ("a2-highgpu-8g", 8, 680, 96),
        ("a2-ultragpu-8g", 8, 1360, 96),
        ("a3-highgpu-8g", 8, 1872, 208),
    ),
}
"""Cloud -> node types, for when the workspace can't be asked."""


def cloud_of(client: WorkspaceClient) -> str:
    """Return the workspace's cloud: aws, azure or gcp."""
    return "azure" if client.config.is_azure else "gcp" if client.config.is_gcp else "aws"


def discover(client: WorkspaceClient) -> list[Node]:
    """Return the node types that a workspace has now; the built-in ones if it does not say."""
    try:
        listed = client.clusters.list_node_types().node_types or []
    except EDGE as error:
        _log.warning(
            "the workspace does not list its machines (%s); a built-in list is used", error
        )
        listed = []
    found = [_node(item) for item in listed if _is_offered(item)]
    return found or list(BUILT_IN[cloud_of(client)])


def _node(item: NodeType) -> Node:
    gpus = item.num_gpus or 0
    gpu = gpu_of(item.node_type_id) if gpus else ("", 0.0)
    return Node(item.node_type_id, gpus, item.memory_mb / 1024, item.num_cores, *gpu)


def _is_offered(item: NodeType) -> bool:
    status = (item.node_info.status if item.node_info else None) or []
    return not (item.is_deprecated or item.is_hidden or status)


def choose(
    nodes: Iterable[Node],
    num_gpus: int,
    gpu: str | None = None,
    min_gpu_memory_gib: float = 0.0,
) -> Node:
    """Return the smallest node type that has what is asked for.

    Args:
        nodes: to choose from.
        num_gpus: at least so many; 0 for a machine without.
        gpu: of this kind only, e.g. "A10G".
        min_gpu_memory_gib: of each GPU.

    Raises:
        SubmitError: there is none; says what there is.
    """
    nodes = list(nodes)
    fitting = [
        node
        for node in nodes
        if (node.num_gpus >= num_gpus if num_gpus else node.num_gpus == 0)
        and (gpu is None or node.gpu.lower() == gpu.lower())
        and (not min_gpu_memory_gib or node.gpu_memory_gib >= min_gpu_memory_gib)
        and (num_gpus or (node.memory_gib >= 16 and node.num_cores >= 4))
    ]
    if not fitting:
        raise SubmitError(_none(nodes, num_gpus, gpu, min_gpu_memory_gib))
    return min(fitting, key=_size)


def _size(node: Node) -> tuple[int, int, float, float, str]:
    order = GPU_ORDER.index(node.gpu) if node.gpu in GPU_ORDER else len(GPU_ORDER)
    return (
        node.num_gpus,
        order,
        node.gpu_memory_gib,
        node.memory_gib,
        node.node_type_id,
    )


def _none(nodes: Sequence[Node], num_gpus: int, gpu: str | None, memory: float) -> str:
    asked = f"{num_gpus} GPU{'s' if num_gpus > 1 else ''}"
    asked += f" {gpu}" if gpu else ""
    asked += f" of {memory:g} GiB or more" if memory else ""
    there = ", ".join(str(node) for node in sorted(nodes, key=_size) if node.num_gpus) or "none"
    return (
        f"this workspace has no machine with {asked}. Machines with GPUs: {there}. Change "
        "compute.num_devices, compute.gpu or compute.min_gpu_memory_gib, use several machines with "
        "compute.num_workers, or give compute.node_type_id."
    )
