"""Untrusted YAML: only strings, lists and mappings, limited in depth and size.

Pure. Every scalar stays a string, so `on` is not a boolean and `1.10` not a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

_MAX_DEPTH = 50

MAX_SIZE = 1_000_000
"""Characters and values of a document with every alias expanded."""


class BadYaml(Exception):
    """The text is not YAML, or too deep or large; the message says where."""


class _Loader(yaml.CBaseLoader):
    """Refuses a mapping with a repeated key: one of the two values would be dropped silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise BadYaml(f"a key twice in line {key.start_mark.line + 1}")
                seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def load(text: str) -> Any:
    """The document; raises BadYaml."""
    with _yaml_errors():
        _check_size(text)
        return yaml.load(text, Loader=_Loader)


@contextmanager
def _yaml_errors() -> Iterator[None]:
    """Makes PyYAML's errors BadYaml."""
    try:
        yield
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BadYaml(f"not YAML{where}") from None


def _check_size(text: str, max_size: int = MAX_SIZE) -> None:
    # The C loader builds nested nodes by unlimited recursion, and a file of brackets crashes the
    # process. Its events are produced without recursion, so they are checked first. The loader
    # shares the value of an alias, but code that walks the document visits it each time.
    total = 0
    sizes: dict[str, int] = {}
    open_collections: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_collections.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_collections.pop()
            if anchor:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.ScalarEvent):
            total += 1 + len(event.value)
            if event.anchor:
                sizes[event.anchor] = 1 + len(event.value)
        elif isinstance(event, yaml.AliasEvent):
            total += sizes.get(event.anchor or "", 1)
        if len(open_collections) > _MAX_DEPTH:
            raise BadYaml("nested too deeply")
        if total > max_size:
            raise BadYaml("its aliases stand for too much")


Path = tuple[str | int, ...]
"""Where a value stands in a document: keys and places, from the outside in."""


def load_with_lines(text: str, max_size: int = MAX_SIZE) -> tuple[Any, dict[Path, int]]:
    """The document, and the line on which each of its values begins, a key's value on that of the
    key; raises BadYaml."""
    with _yaml_errors():
        _check_size(text, max_size)
        node = yaml.compose(text, Loader=yaml.CBaseLoader)
    lines: dict[Path, int] = {}
    value = _value(node, (), lines, ()) if node is not None else None
    return value, lines


def _value(node: yaml.Node, path: Path, lines: dict[Path, int], inside: tuple[int, ...]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if id(node) in inside:
        raise BadYaml(f"a value that holds itself in line {line}")
    inside = (*inside, id(node))
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            where = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise BadYaml(f"a key that is no text in line {where}")
            if key.value in mapping:
                raise BadYaml(f"a key twice in line {where}")
            below = (*path, key.value)
            lines[below] = where
            mapping[key.value] = _value(value, below, lines, inside)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, i), lines, inside) for i, item in enumerate(node.value)]
    return node.value
