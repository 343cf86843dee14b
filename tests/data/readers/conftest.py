"""Small data sets of every format, written by the tests."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image


def picture(height=24, width=32, value=100):
    """An RGB picture of one grey value."""
    return np.full((height, width, 3), value, np.uint8)


def encoded(pixels, image_format="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, image_format)
    return buffer.getvalue()


class Files:
    """Writes files below a root."""

    def __init__(self, root):
        self.root = root

    def image(self, name, **options):
        return self.write(name, encoded(picture(**options)))

    def mask(self, name, ids):
        return self.write(name, encoded(np.asarray(ids, np.uint8)))

    def panoptic(self, name, ids):
        ids = np.asarray(ids, np.int32)
        rgb = np.dstack([ids % 256, ids // 256 % 256, ids // 65536]).astype(np.uint8)
        return self.write(name, encoded(rgb))

    def json(self, name, content):
        return self.write(name, json.dumps(content).encode())

    def write(self, name, data):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


@pytest.fixture
def files(tmp_path):
    root = tmp_path / "set"
    root.mkdir()
    return Files(root)
