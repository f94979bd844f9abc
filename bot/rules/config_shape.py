"""Whether a document has the shape of a model: all that is wrong with it, not the first alone.

Pure. The model is a `msgspec.Struct`, from which the file's JSON Schema is made as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import inspect

from bot.parsing.arguments import closest_match
from bot.parsing.safe_yaml import Path

Found = Iterator[tuple[Path, str]]
"""Where in the document something is wrong, and what."""


def faults(document: object, model: type) -> Found:
    """What keeps a document of strings, lists and mappings from being converted to *model*."""
    return _faults(document, inspect.type_info(model), ())


def _faults(value: object, kind: inspect.Type, path: Path) -> Found:
    match kind:
        case inspect.Metadata(type=inner):
            yield from _faults(value, inner, path)
        case inspect.StructType(fields=fields):
            yield from _struct_faults(value, fields, path)
        case inspect.DictType(value_type=inner):
            if not isinstance(value, dict):
                yield path, f"a mapping goes here, not {_named(value)}"
                return
            for key, one in value.items():
                yield from _faults(one, inner, (*path, key))
        case inspect.ListType(item_type=inner, min_length=least, max_length=most):
            if not isinstance(value, list):
                yield path, f"a list goes here, not {_named(value)}"
                return
            if most is not None and len(value) > most:
                yield path, f"at most {most} go here"
                return
            if least is not None and len(value) < least:
                yield path, f"at least {least} goes here"
                return
            for place, one in enumerate(value):
                yield from _faults(one, inner, (*path, place))
        case inspect.UnionType(types=kinds):
            is_list = isinstance(value, list)
            fits = (one for one in kinds if isinstance(one, inspect.ListType) == is_list)
            yield from _faults(value, next(fits, kinds[0]), path)
        case inspect.LiteralType(values=allowed):
            names = [str(one) for one in allowed]
            if not isinstance(value, str):
                yield path, f"one of {', '.join(names)} goes here, not {_named(value)}"
            elif value not in names:
                hint = did_you_mean(value, names)
                yield path, f"{value!r} is none of {', '.join(names)}{hint}"
        case _:
            if not isinstance(value, str):
                yield path, f"a text goes here, not {_named(value)}"


def _struct_faults(value: object, fields: Sequence[inspect.Field], path: Path) -> Found:
    if not isinstance(value, dict):
        yield path, f"a mapping goes here, not {_named(value)}"
        return
    known = {one.encode_name: one for one in fields}
    for key, one in value.items():
        if key in known:
            yield from _faults(one, known[key].type, (*path, key))
        else:
            hint = did_you_mean(key, list(known))
            yield (*path, key), f"there is no key {key!r} among {', '.join(known)}{hint}"
    for name, wanted in known.items():
        if wanted.required and name not in value:
            yield path, f"the key {name!r} is missing"


def _named(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"{value!r}"


def did_you_mean(typed: str, known: Sequence[str]) -> str:
    """The nearest of what is allowed, as the end of a sentence; empty when nothing is near."""
    closest = closest_match(typed, known)
    return f"; did you mean {closest!r}?" if closest else ""
