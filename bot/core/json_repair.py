"""JSON that is nearly right, made right: half a surrogate becomes U+FFFD, null the default."""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\.",
    re.DOTALL,
)


def repaired(body: bytes) -> bytes:
    """The same JSON text without half surrogates, and in UTF-8."""
    whole = _ESCAPE.sub(lambda found: rb"\ufffd" if found.group("half") else found[0], body)
    return whole.decode("utf-8", "replace").encode()


def readable(value: object) -> object:
    """A JSON value without nulls, which stand for what is left out, and without half surrogates."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [readable(one) for one in value if one is not None]
        case dict():
            return {readable(key): readable(one) for key, one in value.items() if one is not None}
        case _:
            return value
