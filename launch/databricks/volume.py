"""Files on a Volume, through the Files API: whole files only."""

from __future__ import annotations

import io
import json
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError

from launch.databricks.client import is_missing


class Volume:
    """Reads and writes /Volumes paths of one workspace."""

    def __init__(self, client: WorkspaceClient) -> None:
        """Take the client."""
        self._files = client.files

    def write(self, path: str, data: bytes) -> None:
        """Write a file, and the folders above it."""
        try:
            self._files.upload(path, io.BytesIO(data), overwrite=True)
        except DatabricksError as error:
            if not is_missing(error):
                raise
            self._files.create_directory(path.rpartition("/")[0])
            self._files.upload(path, io.BytesIO(data), overwrite=True)

    def write_json(self, path: str, values: dict[str, Any]) -> None:
        """Write values."""
        self.write(path, json.dumps(values, indent=1).encode())

    def read(self, path: str) -> bytes | None:
        """Return a file's content, None if there is none."""
        try:
            contents = self._files.download(path).contents
        except DatabricksError as error:
            if is_missing(error):
                return None
            raise
        assert contents is not None
        with contents:
            return bytes(contents.read())

    def read_json(self, path: str) -> dict[str, Any] | None:
        """Return a file's values; None where there is none, or it is just being written."""
        data = self.read(path)
        try:
            values = json.loads(data or b"null")
        except ValueError:
            return None
        return values if isinstance(values, dict) else None

    def size(self, path: str) -> int | None:
        """Return how many bytes a file has, None if there is none."""
        try:
            return self._files.get_metadata(path).content_length
        except DatabricksError as error:
            if is_missing(error):
                return None
            raise

    def list(self, folder: str) -> dict[str, int] | None:
        """Return name -> bytes of the files in a folder; None if there is no such folder."""
        try:
            entries = list(self._files.list_directory_contents(folder))
        except DatabricksError as error:
            if is_missing(error):
                return None
            raise
        return {str(e.name): int(e.file_size or 0) for e in entries if not e.is_directory}
