"""One short hash of a data set: the same wherever the data lie, another when they change.

It covers, in order: the label space; each split's name; of each record its id, declared size, class,
objects, segments, ignore value, and the content of its image and mask. It leaves out what decides no
figure: paths, times, and further columns of a table.

Files of up to 256 KiB are hashed whole. Of larger ones the size and the first and last 64 KiB are:
an edited picture differs there (encoders rewrite the file, and a PNG ends with its checksums), while
a data set of terabytes can still be hashed at the start of each run. Torch-free.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from cvcore.data.labels import LabelSpace
from cvcore.data.records import ImageRef, Record, Split

WHOLE_BYTES = 256 << 10
ENDS_BYTES = 64 << 10
"""Files above `WHOLE_BYTES` are hashed by size and this much of both ends."""

_CHUNK = 64


def fingerprint(splits: Mapping[str, Split], labels: LabelSpace) -> str:
    """Return 16 hex digits; see this module. A file that can't be read counts as missing."""
    digest = hashlib.sha256(labels.hash.encode())
    for name in sorted(splits):
        split = splits[name]
        digest.update(repr((name, len(split))).encode())
        for part in _in_order(split):
            digest.update(part)
    return digest.hexdigest()[:16]


def record_digest(record: Record) -> bytes:
    """Return the SHA-256 of all of a record that decides a figure."""
    said = (
        record.image_id,
        record.size_hw,
        record.annotations,
        record.source_category,
        record.segments,
        record.ignore_value,
    )
    digest = hashlib.sha256(repr(said).encode())
    for ref in (record.image, record.mask):
        digest.update(b"none" if ref is None else content_digest(ref))
    return digest.digest()


def content_digest(ref: ImageRef) -> bytes:
    """Return the SHA-256 of a file's bytes, or of the size and both ends of a large one."""
    try:
        if ref.path is None:
            return hashlib.sha256(ref.read()).digest()
        with ref.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= WHOLE_BYTES:
                return hashlib.sha256(file.read()).digest()
            head = file.read(ENDS_BYTES)
            file.seek(-ENDS_BYTES, os.SEEK_END)
            return hashlib.sha256(size.to_bytes(8, "big") + head + file.read()).digest()
    except OSError:
        return b"missing"


def _in_order(split: Split) -> Iterator[bytes]:
    """Yield the records' digests; files are read by threads, a few chunks ahead."""

    def chunk_digest(chunk: range) -> bytes:
        return b"".join(record_digest(split[index]) for index in chunk)

    chunks = (range(i, min(i + _CHUNK, len(split))) for i in range(0, len(split), _CHUNK))
    threads = min(16, 4 * (os.cpu_count() or 1))
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[Future[bytes]] = [
            pool.submit(chunk_digest, chunk) for chunk in islice(chunks, 2 * threads)
        ]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [pool.submit(chunk_digest, chunk) for chunk in islice(chunks, 1)]
