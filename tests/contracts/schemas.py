"""OpenAPI's schemas as JSON Schema: what is valid, and what a schema has never heard of.

OpenAPI 3.1 speaks JSON Schema itself; 3.0 has `nullable: true` in place of the type `null`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

Json = dict[str, Any]

_COMPONENTS = "#/components/schemas/"
_DEFINITIONS = "#/$defs/"
_ALTERNATIVES = ("anyOf", "oneOf")


class Schemas:
    """The schemas of one OpenAPI document, each compiled when it is first asked for."""

    def __init__(self, document: Json) -> None:
        self._named: Json = document["components"]["schemas"]
        self._compiled: dict[tuple[str, bool], Draft202012Validator] = {}

    def breaches(self, place: str, schema: Json, value: Any, *, closed: bool) -> list[str]:
        """What does not fit, in words. *place* is the schema's own name, for them and the cache.

        Most of GitHub's schemas let anything pass besides what they list; when *closed*, a
        property that is not listed is a breach.
        """
        validator = self._compiled.get((place, closed))
        if validator is None:
            validator = self._compiled[place, closed] = self._compile(schema, closed)
        if validator.is_valid(value):
            return []
        errors = list(validator.iter_errors(value))
        # Where a part is wrong for another reason, all of it counts as unknown, too: no news.
        telling = [one for one in errors if not _says_unknown(one)] or errors
        return [f"{place}: {text}" for error in telling for text in _words(error)]

    def _compile(self, schema: Json, closed: bool) -> Draft202012Validator:
        """The schema with all that it refers to; GitHub's whole document would take seconds."""
        translated = _value(schema, closed)
        definitions: Json = {}
        wanted = list(_references(translated))
        while wanted:
            name = wanted.pop()
            if name not in definitions:
                definitions[name] = _part(self._named[name], closed)
                wanted += _references(definitions[name])
        whole = {**translated, "$defs": definitions}
        return Draft202012Validator(whole, validate_formats=True, offline=True)


def _value(schema: Json, closed: bool) -> Json:
    """The schema of a whole value: here unknown properties can be told from others' parts."""
    found = _part(schema, closed)
    lists_properties = not {"$ref", "properties", "allOf", *_ALTERNATIVES}.isdisjoint(found)
    return {**found, "unevaluatedProperties": False} if closed and lists_properties else found


def _part(schema: Json, closed: bool) -> Json:
    """A schema that may be one of several for the same value."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace(_COMPONENTS, _DEFINITIONS)}
    found = {key: value for key, value in schema.items() if key != "nullable"}
    if "properties" in schema:
        properties = schema["properties"].items()
        found["properties"] = {name: _value(inner, closed) for name, inner in properties}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            found[key] = _value(schema[key], closed)
    for key in _ALTERNATIVES:
        if key in schema:
            found[key] = [_part(inner, closed) for inner in schema[key]]
    if "allOf" in schema:
        # Parts may list the same property, and one of them more of what is in it.
        found["allOf"] = [_part(inner, closed=False) for inner in schema["allOf"]]
    return _or_null(found) if schema.get("nullable") else found


def _or_null(schema: Json) -> Json:
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    nullable = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        # GitHub's nullable enumerations do not always list null.
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def _references(schema: Any) -> Iterator[str]:
    """The names of all definitions that a translated schema names."""
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_DEFINITIONS)
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _says_unknown(error: ValidationError) -> bool:
    return isinstance(error.kind, ValidationErrorKind.UnevaluatedProperties)


def _words(error: ValidationError) -> Iterator[str]:
    """An error in words; where no alternative fits, those of the one that came nearest."""
    alternatives: list[list[ValidationError]] = getattr(error.kind, "context", [])
    if any(alternatives):
        # The one that was meant fails deep inside, the others at once.
        nearest = max(alternatives, key=lambda errors: min(map(_depth, errors), default=0))
        for inner in nearest:
            yield from _words(inner)
        return
    place = "/".join(str(step) for step in error.instance_path)
    yield f"{place or 'as a whole'}: {error.message[:300]}"


def _depth(error: ValidationError) -> int:
    return len(error.instance_path)
