"""Lines of a gzipped JSON-lines file by image, in any order, without holding them in memory.

The file is unpacked once into a temporary one that has no name; only where each image's lines begin
and end is kept. Torch-free.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import threading
import zlib
from pathlib import Path
from typing import Any

from cvcore.errors import DataError
from cvcore.evaluate.table import ImageId

_START = b'{"image_id": '


class ImageLines:
    """The lines of a file of `predictions` or `truths`. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Unpack it: blocks.

        Raises:
            DataError: it is not there, torn, or no such file.
        """
        self._file = tempfile.TemporaryFile(prefix="lakesight-lines-")  # noqa: SIM115 (kept open)
        self._lock = threading.Lock()
        self._places: dict[ImageId, list[tuple[int, int]]] = {}
        decoder = json.JSONDecoder()
        at = 0
        try:
            with gzip.open(path, "rb") as lines:
                for line in lines:
                    if not line.startswith(_START):
                        raise DataError(f"{path.name} has a line without an image. Evaluate again.")
                    # An id is a number or a short text: no need to read the line's masks.
                    head = line[len(_START) : len(_START) + 2_000].decode("utf-8", "replace")
                    own, _ = decoder.raw_decode(head)
                    self._file.write(line)
                    end = at + len(line)
                    places = self._places.setdefault(own, [])
                    if places and places[-1][1] == at:
                        places[-1] = (places[-1][0], end)
                    else:
                        places.append((at, end))
                    at = end
        except (OSError, EOFError, zlib.error, ValueError) as error:
            self._file.close()
            raise DataError(
                f"{path.name} can't be read ({type(error).__name__}): the evaluation is from before it "
                "was kept, or its folder is torn. Evaluate again."
            ) from error

    def of(self, image_id: ImageId) -> list[dict[str, Any]]:
        """Return the lines of an image, empty where there is none."""
        texts = []
        with self._lock:
            for start, end in self._places.get(image_id, ()):
                self._file.seek(start)
                texts += self._file.read(end - start).splitlines()
        return [json.loads(text) for text in texts]
