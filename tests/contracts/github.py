"""GitHub's published description of its REST API, as a judge of single requests and answers.

It says in words what is wrong; with an empty list, nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import msgspec

from tests.contracts import npm
from tests.contracts.schemas import Json, Schemas


@dataclass(frozen=True)
class Correction:
    """A known defect of GitHub's description: what stands in another place of it is right."""

    why: str
    place: tuple[str, ...]
    right: tuple[str, ...]


_OK = ("get", "responses", "200", "content", "application/json", "schema")
CORRECTIONS = (
    Correction(
        "The list spells an installation out once more: its account is all of a user and an"
        " enterprise (`allOf`), where it is one of them, and `client_id` is missing.",
        ("paths", "/app/installations", *_OK, "items"),
        ("components", "schemas", "installation"),
    ),
    Correction(
        "The root of a repository is listed by a request without a path, which a template cannot"
        " say.",
        ("paths", "/repos/{owner}/{repo}/contents"),
        ("paths", "/repos/{owner}/{repo}/contents/{path}"),
    ),
)

_NAMES = re.compile(r"\{([^}]+)\}")

_ERROR = {"$ref": "#/components/schemas/basic-error"}
_INVALID = {
    "anyOf": [
        {"$ref": "#/components/schemas/validation-error"},
        {"$ref": "#/components/schemas/validation-error-simple"},
    ]
}
GENERAL: Mapping[int, Json] = {
    400: _ERROR,
    401: _ERROR,
    403: _ERROR,
    404: _ERROR,
    422: _INVALID,
    429: _ERROR,
}
"""What may be answered to any request, listed or not (docs.github.com, "Troubleshooting the REST
API" and "Rate limits for the REST API"). So may a server error, in any form."""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    name: str
    path: re.Pattern[str]
    """One group for each of `names`."""
    names: list[str]
    parameters: list[Json]
    body: Json | None
    answers: Mapping[str, Json]
    prose: str

    def query(self) -> dict[str, Json]:
        """The parameters that may stand in the query."""
        return {one["name"]: one for one in self.parameters if one["in"] == "query"}


class Api:
    """The REST API."""

    def __init__(self, document: Json) -> None:
        for one in CORRECTIONS:
            _at(document, one.place[:-1])[one.place[-1]] = _at(document, one.right)
        self._components = document["components"]
        self._schemas = Schemas(document)
        self._operations: dict[str, list[Operation]] = {}
        self._called: dict[tuple[str, str], Operation | None] = {}
        # The template with the most words of its own is the one that is meant.
        for template in sorted(document["paths"], key=_own_words, reverse=True):
            for method, described in document["paths"][template].items():
                operation = self._operation(method.upper(), template, described)
                self._operations.setdefault(method.upper(), []).append(operation)

    def names(self) -> set[str]:
        """Method and path of each operation."""
        return {one.name for operations in self._operations.values() for one in operations}

    def operation(self, request: httpx.Request) -> Operation | None:
        """The operation that a request calls; none when GitHub has no such."""
        called = request.method, _path(request)
        if called not in self._called:
            method, path = called
            operations = self._operations.get(method, [])
            fitting = (one for one in operations if one.path.fullmatch(path))
            self._called[called] = next(fitting, None)
        return self._called[called]

    def request(self, request: httpx.Request) -> list[str]:
        """What is wrong with a request. Its body must have been read."""
        operation = self.operation(request)
        if operation is None:
            return [f"{request.method} {_path(request)}: GitHub has no such operation"]
        return self._parameters(operation, request) + self._body(operation, request)

    def response(self, request: httpx.Request, response: httpx.Response) -> list[str]:
        """What is wrong with an answer to this request. Both bodies must have been read."""
        operation = self.operation(request)
        if operation is None:
            return []  # said of the request
        status = response.status_code
        place = f"{operation.name}: {status}"
        if status == HTTPStatus.NOT_MODIFIED and "if-none-match" not in request.headers:
            return [f"{place}: answers no condition"]
        listed = operation.answers.get(str(status))
        if listed is None:
            return self._general(place, response)
        contents = listed.get("content", {})
        if not contents:
            return [f"{place}: has a body"] if response.content else []
        media_type = _media_type(response.headers)
        if media_type not in contents:
            # GitHub's own media types stand in the prose only, and carry anything.
            raw = media_type == request.headers.get("accept") and media_type in operation.prose
            return [] if raw else [f"{place}: is {media_type or 'of no type'}"]
        # GitHub adds `status` to errors, of which some of their schemas do not know.
        closed = response.is_success
        schema = contents[media_type]["schema"]
        return self._judge(f"{place} {media_type}", schema, response.content, closed)

    def _general(self, place: str, response: httpx.Response) -> list[str]:
        if response.status_code in GENERAL:
            schema = GENERAL[response.status_code]
            return self._judge(place, schema, response.content, closed=False)
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            return [f"{place}: has a body"] if response.content else []
        return [] if response.is_server_error else [f"{place}: GitHub does not answer so"]

    def _parameters(self, operation: Operation, request: httpx.Request) -> list[str]:
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        in_path = operation.path.fullmatch(_path(request))
        assert in_path is not None, "the operation was found by its path"
        given = dict(zip(operation.names, map(unquote, in_path.groups()), strict=True))
        known = operation.query()
        breaches = [f"{operation.name}: does not know ?{name}" for name in query.keys() - known]
        for one in operation.parameters:
            name, values = one["name"], query if one["in"] == "query" else given
            place = f"{operation.name}: {name}"
            if name in values:
                value = _typed(values[name], one["schema"])
                breaches += self._schemas.breaches(place, one["schema"], value, closed=False)
            elif name in known and one.get("required"):
                breaches.append(f"{place}: is missing")
        return breaches

    def _body(self, operation: Operation, request: httpx.Request) -> list[str]:
        place = f"{operation.name}: body"
        if not request.content:
            required = operation.body is not None and operation.body.get("required")
            return [f"{place}: is missing"] if required else []
        contents = operation.body["content"] if operation.body else {}
        media_type = _media_type(request.headers)
        if media_type not in contents:
            return [f"{place}: is {media_type or 'of no type'}"]
        schema = contents[media_type]["schema"]
        return self._judge(f"{place} {media_type}", schema, request.content, closed=True)

    def _judge(self, place: str, schema: Json, content: bytes, closed: bool) -> list[str]:
        try:
            value = msgspec.json.decode(content)
        except msgspec.DecodeError as error:
            return [f"{place}: {error}"]
        return self._schemas.breaches(place, schema, value, closed=closed)

    def _operation(self, method: str, template: str, described: Json) -> Operation:
        parameters = [self._resolved(one) for one in described.get("parameters", [])]
        long = {one["name"] for one in parameters if one.get("x-multi-segment")}
        return Operation(
            name=f"{method} {template}",
            path=_pattern(template, long),
            names=_NAMES.findall(template),
            parameters=parameters,
            body=described.get("requestBody"),
            answers={
                status: self._resolved(answer) for status, answer in described["responses"].items()
            },
            prose=described.get("description", ""),
        )

    def _resolved(self, item: Json) -> Json:
        if "$ref" not in item:
            return item
        kind, name = item["$ref"].removeprefix("#/components/").split("/")
        resolved: Json = self._components[kind][name]
        return resolved


@cache
def api() -> Api:
    """The description of api.github.com; AssertionError when it cannot be had."""
    return Api(npm.read("@octokit/openapi", "generated/api.github.com.json"))


def _at(document: Json, place: tuple[str, ...]) -> Any:
    for step in place:
        document = document[step]
    return document


def _own_words(template: str) -> int:
    return sum("{" not in segment for segment in template.split("/"))


def _pattern(template: str, long: set[str]) -> re.Pattern[str]:
    """A path template as an expression; *long* parameters may have slashes in them."""
    words, names = _NAMES.split(template)[::2], _NAMES.findall(template)
    groups = ["(.+)" if name in long else "([^/]+)" for name in names]
    parts = zip(map(re.escape, words), [*groups, ""], strict=True)
    return re.compile("".join(word + group for word, group in parts))


def _path(request: httpx.Request) -> str:
    return request.url.raw_path.decode().partition("?")[0]


def _media_type(headers: httpx.Headers) -> str:
    media_type: str = headers.get("content-type", "")
    return media_type.partition(";")[0].strip()


def _typed(text: str, schema: Json) -> Any:
    """A parameter's text as the value that is meant, if it is one of its type."""
    kind = schema.get("type")
    if kind == "integer" and text.isdecimal():
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text
