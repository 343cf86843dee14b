"""The machines and runtimes this workspace offers: a part of an AWS workspace's list.

Source: cloud vendors' instance pages; runtime strings as seen on live workspaces.
"""

from __future__ import annotations

from typing import Any

# node_type_id: (GPUs, cores, memory in GiB, category, NVMe disks, GB of each)
_TABLE: dict[str, tuple[int, float, int, str, int, int]] = {
    "m5d.large": (0, 2, 8, "General Purpose", 1, 75),
    "i3.xlarge": (0, 4, 30, "Storage Optimized", 1, 950),
    "g4dn.xlarge": (1, 4, 16, "GPU Accelerated", 1, 125),
    "g4dn.12xlarge": (4, 48, 192, "GPU Accelerated", 1, 900),
    "g5.xlarge": (1, 4, 16, "GPU Accelerated", 1, 250),
    "g5.2xlarge": (1, 8, 32, "GPU Accelerated", 1, 450),
    "g5.12xlarge": (4, 48, 192, "GPU Accelerated", 1, 3800),
    "g5.48xlarge": (8, 192, 768, "GPU Accelerated", 2, 3800),
    "g6.xlarge": (1, 4, 16, "GPU Accelerated", 1, 250),
    "g6.12xlarge": (4, 48, 192, "GPU Accelerated", 4, 940),
    "p4d.24xlarge": (8, 96, 1152, "GPU Accelerated", 8, 1000),
    "p5.48xlarge": (8, 192, 2048, "GPU Accelerated", 8, 3800),
}
RUNTIMES = {
    "15.4.x-cpu-ml-scala2.12": "15.4 LTS ML (includes Apache Spark 3.5.0, Scala 2.12)",
    "15.4.x-gpu-ml-scala2.12": "15.4 LTS ML (includes Apache Spark 3.5.0, GPU, Scala 2.12)",
    "16.4.x-scala2.12": "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)",
    "16.4.x-cpu-ml-scala2.12": "16.4 LTS ML (includes Apache Spark 3.5.2, Scala 2.12)",
    "16.4.x-gpu-ml-scala2.12": "16.4 LTS ML (includes Apache Spark 3.5.2, GPU, Scala 2.12)",
    "16.4.x-gpu-ml-scala2.13": "16.4 LTS ML (includes Apache Spark 3.5.2, GPU, Scala 2.13)",
    "17.3.x-scala2.13": "17.3 LTS (includes Apache Spark 4.0.0, Scala 2.13)",
    "17.3.x-cpu-ml-scala2.13": "17.3 LTS ML (includes Apache Spark 4.0.0, Scala 2.13)",
    "17.3.x-gpu-ml-scala2.13": "17.3 LTS ML (includes Apache Spark 4.0.0, GPU, Scala 2.13)",
}


def _node_type(name: str) -> dict[str, Any]:
    gpus, cores, memory_gib, category, disks, disk_gb = _TABLE[name]
    return {
        "node_type_id": name,
        "instance_type_id": name,
        "description": name,
        "memory_mb": memory_gib * 1024,
        "num_cores": cores,
        "num_gpus": gpus,
        "category": category,
        "is_deprecated": False,
        "is_hidden": False,
        "node_instance_type": {
            "instance_type_id": name,
            "local_disks": 0,
            "local_nvme_disks": disks,
            "local_nvme_disk_size_gb": disk_gb,
        },
        "node_info": {"status": []},
    }


NODE_TYPES: dict[str, dict[str, Any]] = {name: _node_type(name) for name in _TABLE}
