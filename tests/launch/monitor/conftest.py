"""Endpoints of the stub model, as the tests of serving have them."""

from tests.launch.serving.conftest import endpoints, registered, stub

__all__ = ["endpoints", "registered", "stub"]
