"""Errors of the model registry."""

from __future__ import annotations

from launch.errors import LaunchError


class RegistryError(LaunchError):
    """A model that can't be registered, or a version or alias that is not there."""
