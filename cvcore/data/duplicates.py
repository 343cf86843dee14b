"""Copies of images: the same file twice, nearly the same picture twice, and both across splits.

A picture's signature is a 128-bit difference hash: the picture is shrunk to 9 x 8 and to 8 x 9
pixels; a bit says whether a pixel is brighter than its right (lower) neighbour. Two pictures are
near duplicates when at most `NEAR_BITS` of 128 bits differ. Re-encoding, scaling and slight changes
of brightness keep that; mirroring, rotation and cropping do not.

Torch-free. Letters: N = images; H, W = height, width.
Source: N. Krawetz, "Kind of Like That" (difference hash), hackerfactor.com, 2013.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

NEAR_BITS = 7
"""Most differing bits of near duplicates. Of 8 bands of 16 bits one is then equal in both."""

_BANDS = 8
_SMALL = 64
_MIN_CONTRAST = 4.0


@dataclass(frozen=True, slots=True)
class Picture:
    """One image to compare.

    Attributes:
        split: its split.
        image_id: its id.
        file: for messages.
        digest: SHA-256 of its bytes.
        signature: 16 bytes of `signature_of`, or None for a picture without structure.
    """

    split: str
    image_id: int | str
    file: str
    digest: bytes
    signature: bytes | None


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Images that are copies of each other.

    Attributes:
        kind: exact (equal bytes) or near (equal looks).
        images: (split, image id, file) of each.
        leak: they are in more than one split: what is measured on one was trained on.
    """

    kind: str
    images: tuple[tuple[str, int | str, str], ...]
    leak: bool

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return asdict(self)


def find_copies(pictures: Sequence[Picture]) -> list[CopyGroup]:
    """Return all groups of copies, leaks first, then by size.

    An exact group is reported once; a near group holds at least two different files.
    """
    by_digest: defaultdict[bytes, list[Picture]] = defaultdict(list)
    for picture in pictures:
        by_digest[picture.digest].append(picture)
    groups = [_group("exact", same) for same in by_digest.values() if len(same) > 1]
    by_signature: defaultdict[bytes, list[Picture]] = defaultdict(list)
    for same in by_digest.values():
        if same[0].signature is not None:
            by_signature[same[0].signature] += same
    signatures = list(by_signature)
    for members in _near_sets(signatures):
        alike = [picture for m in members for picture in by_signature[signatures[m]]]
        if len({picture.digest for picture in alike}) > 1:
            groups.append(_group("near", alike))
    return sorted(groups, key=lambda g: (not g.leak, -len(g.images), g.images[0][2]))


def leaks(groups: Iterable[CopyGroup]) -> Mapping[tuple[str, str], int]:
    """Return how many images of one split have a copy in another: (in, copied from) -> count."""
    counts: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for group in groups:
        splits = {split for split, _, _ in group.images}
        for split, _, file in group.images:
            for other in splits - {split}:
                counts[split, other].add(file)
    return {pair: len(files) for pair, files in sorted(counts.items())}


def grey_of(image_HW3: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture in grey and small, uint8 [64, 64]: what all of this looks at."""
    small = cv2.resize(image_HW3, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def signature_of(grey_HW: NDArray[np.uint8]) -> bytes | None:
    """Return the 16 bytes of a picture's hash, or None if it has hardly any structure."""
    if grey_HW.std() < _MIN_CONTRAST:
        return None
    grey = grey_HW.astype(np.float32)
    wide = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    high = cv2.resize(grey, (8, 9), interpolation=cv2.INTER_AREA)
    bits = np.concatenate([(wide[:, 1:] > wide[:, :-1]).ravel(), (high[1:] > high[:-1]).ravel()])
    return np.packbits(bits).tobytes()


def _near_sets(signatures: Sequence[bytes]) -> Iterator[list[int]]:
    """Yield sets of indices connected by near pairs, lone ones too.

    Only signatures that share one of their 8 bands are compared: with at most 7 differing bits
    one band is always equal, so none is missed and it stays far from N^2.
    """
    parent = list(range(len(signatures)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    if signatures:
        bytes_N16 = np.frombuffer(b"".join(signatures), np.uint8).reshape(-1, 16)
        bands_N8 = bytes_N16.view(np.uint16)
        for band in range(_BANDS):
            for i, j in _near_pairs(bytes_N16, bands_N8[:, band]):
                parent[root(i)] = root(j)
    sets: defaultdict[int, list[int]] = defaultdict(list)
    for i in range(len(signatures)):
        sets[root(i)].append(i)
    yield from sets.values()


def _near_pairs(
    bytes_N16: NDArray[np.uint8], band_N: NDArray[np.uint16]
) -> Iterator[tuple[int, int]]:
    order_N = np.argsort(band_N, kind="stable")
    starts = np.flatnonzero(np.diff(band_N[order_N], prepend=-1, append=-1).astype(bool))
    for start, end in itertools.pairwise(starts.tolist()):
        bucket = order_N[start:end]
        for k in range(len(bucket) - 1):
            different = np.bitwise_xor(bytes_N16[bucket[k + 1 :]], bytes_N16[bucket[k]])
            near = np.bitwise_count(different).sum(axis=1) <= NEAR_BITS
            for other in bucket[k + 1 :][near]:
                yield int(bucket[k]), int(other)


def _group(kind: str, pictures: Sequence[Picture]) -> CopyGroup:
    images = sorted(((p.split, p.image_id, p.file) for p in pictures), key=lambda x: (x[0], x[2]))
    return CopyGroup(kind, tuple(images), len({p.split for p in pictures}) > 1)
