"""A run's log, read from the parts that its node leaves on the Volume."""

from __future__ import annotations

from launch.databricks.volume import Volume
from launch.node.layout import chunk_name, chunk_offset
from launch.node.log import whole


def read_log(volume: Volume, folder: str, cursor: int) -> tuple[str, int]:
    """Return the rest of the part that holds a byte, and the byte after it.

    Args:
        volume: of the workspace.
        folder: of the parts.
        cursor: byte to start at.
    """
    for name, size in sorted((volume.list(folder) or {}).items()):
        start = chunk_offset(name)
        if start is None or not start <= cursor < start + size:
            continue
        data = volume.read(f"{folder}/{chunk_name(start)}") or b""
        rest = data[cursor - start :]
        # The file may be read while it is being written.
        if len(data) < size:
            rest = rest[: whole(rest)]
        return rest.decode("utf-8", "replace"), cursor + len(rest)
    return "", cursor
