"""The one way in which a call fails: a Connect error code and a text."""

from collections.abc import Mapping
from types import MappingProxyType

HTTP_STATUS: Mapping[str, int] = MappingProxyType(
    {
        "invalid_argument": 400,
        "out_of_range": 400,
        "unauthenticated": 401,
        "permission_denied": 403,
        "not_found": 404,
        "aborted": 409,
        "already_exists": 409,
        "failed_precondition": 412,
        "resource_exhausted": 429,
        "canceled": 499,
        "internal": 500,
        "unknown": 500,
        "data_loss": 500,
        "unimplemented": 501,
        "unavailable": 503,
        "deadline_exceeded": 504,
    }
)


class ConnectError(Exception):
    """A refusal, as `{"code": …, "message": …}`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def as_fields(self) -> dict[str, str]:
        """As it is sent."""
        return {"code": self.code, "message": self.message}
