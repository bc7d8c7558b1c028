"""Requests refused by the HTTP layer, before any rule of the domain applies."""

from domain.errors import LogicalError, TechnicalError


class BodyTooLarge(LogicalError):
    """Request body is too large"""


class BodyTooSlow(LogicalError):
    """Request body took too long to arrive"""


class BodiesExhausted(TechnicalError):
    """Too many large request bodies at once"""


class UnsupportedMediaType(LogicalError):
    """Send application/json without Content-Encoding"""


class UnsupportedUpload(UnsupportedMediaType):
    """Send application/json or multipart/form-data without Content-Encoding"""


class UnsupportedFile(UnsupportedMediaType):
    """Send multipart/form-data without Content-Encoding"""


class RateLimited(LogicalError):
    """Rate limit exceeded"""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds
