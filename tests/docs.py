"""The parts of the documents that are made from the code. `make docs` writes them anew.

In README.md each stands between `<!-- name -->` and `<!-- /name -->`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bot.commands import COMMANDS
from bot.commands.help import table
from bot.reasons import Reason

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def reasons() -> str:
    """The table of reason codes."""
    return _table(("code", "meaning"), ((f"`{one.value}`", one.meaning) for one in Reason))


def readme_parts() -> dict[str, str]:
    """What is generated in README.md, by the name of its markers."""
    return {"commands": table(COMMANDS), "reasons": reasons()}


def with_parts(document: str, parts: Mapping[str, str]) -> str:
    """The document with these parts in place of what stands there; ValueError without markers."""
    for name, text in parts.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->\n"
        if document.count(begin) != 1 or document.count(end) != 1:
            raise ValueError(f"README.md has no place for the part {name!r}")
        before, rest = document.split(begin)
        document = f"{before}{begin}{text}{end}{rest.split(end)[1]}"
    return document


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head, *body = (f"| {' | '.join(line)} |" for line in (heads, *rows))
    return "\n".join((head, f"{'|---' * len(heads)}|", *body))


def main() -> None:
    README.write_text(with_parts(README.read_text(), readme_parts()))


if __name__ == "__main__":
    main()
