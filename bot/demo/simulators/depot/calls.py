"""What came in: every call with its exact bytes, and how it was answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Call:
    """A call as it came in, and how it was answered."""

    at: float
    method: str
    headers: Mapping[str, str]
    body: bytes
    """As it was sent, perhaps compressed."""
    request: Mapping[str, Any] = field(default_factory=dict)
    """What the body says, as JSON would; empty when it cannot be read."""
    status: int | None = None
    """None while there is no answer, or when it was lost."""
    code: str = ""
    """The Connect error code; empty on success, and for answers that are not Depot's."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and under which address the simulator was reached."""

    org_id: str
    base_url: str
