"""Errors as the platform answers them: an HTTP status, `error_code` and `message`."""

from __future__ import annotations


class ApiError(Exception):
    """What a handler raises to answer with an error body."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: int | None = None):
        """Take the HTTP status, the platform's error code and a sentence."""
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, object]:
        """Return the JSON of the answer."""
        return {"error_code": self.code, "message": self.message, "details": []}


def invalid(message: str) -> ApiError:
    """400: the request itself is wrong."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def bad_state(message: str) -> ApiError:
    """400: right request, wrong moment."""
    return ApiError(400, "INVALID_STATE", message)


def missing(message: str) -> ApiError:
    """404: no such thing."""
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)


def exists(message: str) -> ApiError:
    """409: it is there already."""
    return ApiError(409, "RESOURCE_ALREADY_EXISTS", message)


def denied(message: str) -> ApiError:
    """403: known, but not allowed."""
    return ApiError(403, "PERMISSION_DENIED", message)
