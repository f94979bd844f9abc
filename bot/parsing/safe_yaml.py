"""YAML from outside: only strings, lists and mappings, and never deep or large enough to hurt.

Pure. Every scalar stays a string, so `on` is no truth value and `1.10` no number.
"""

from __future__ import annotations

from typing import Any

import yaml

_MAX_DEPTH = 50

MAX_SIZE = 1_000_000
"""Characters and values of a document in which each alias is written out."""


class BadYaml(Exception):
    """The text is not YAML that we take; says where."""


class _Loader(yaml.CBaseLoader):
    """Refuses a mapping in which a key stands twice: one of the two would vanish silently."""

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
    try:
        _check_size(text)
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BadYaml(f"not YAML{where}") from None


def _check_size(text: str) -> None:
    # The C loader builds nested nodes by recursion without a limit, and a file of brackets ends the
    # whole process. Its events come without recursion, so they are looked at first. An alias costs
    # it nothing, but whoever reads the document comes by what it stands for each time.
    total = 0
    sizes: dict[str, int] = {}
    above: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            above.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = above.pop()
            if anchor:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.ScalarEvent):
            total += 1 + len(event.value)
            if event.anchor:
                sizes[event.anchor] = 1 + len(event.value)
        elif isinstance(event, yaml.AliasEvent):
            total += sizes.get(event.anchor or "", 1)
        if len(above) > _MAX_DEPTH:
            raise BadYaml("nested too deeply")
        if total > MAX_SIZE:
            raise BadYaml("its aliases stand for too much")
