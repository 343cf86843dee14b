"""Keeps freed image buffers in the process, where the C library would give each back."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_KEEP_BYTES = 2**31 - 1


def keep_freed_memory() -> None:
    """Make malloc reuse image-sized buffers instead of asking the kernel for fresh, zeroed ones.

    An image pipeline allocates the same megabytes for every image; that each comes as new pages
    costs as much as decoding. The process keeps its peak. No effect without glibc.

    Source: mallopt(3).
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
