"""The parts of the documents that are made from the code. `make docs` writes them anew.

In README.md each stands between `<!-- name -->` and `<!-- /name -->`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from bot.commands import COMMANDS
from bot.commands.help import table
from bot.core.reasons import Reason
from bot.ops import metrics as metrics_
from bot.ops.audit import EVENTS, OF_STEP
from bot.ops.variables import TABLE

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
EXAMPLE = ROOT / "config" / "env.example"

ENV_HEAD = (
    "Copy to .env in the directory the bot is started in, or set these as environment variables. "
    "Variables of the environment go before those of .env.",
    "Each secret may be in a file that the variable with _FILE behind its name names, e.g. "
    "DEPOT_TOKEN_FILE=/run/secrets/depot-token. White space at the ends of values does not count.",
    "Without the credentials of GitHub below, `depot-bot serve` serves /setup, which makes an App "
    "and writes them here; it needs PUBLIC_URL.",
    "Written by `make docs` from bot/ops/variables.py.",
)


def reasons() -> str:
    """The table of reason codes."""
    return _table(("code", "meaning"), ((f"`{one.value}`", one.meaning) for one in Reason))


def variables() -> str:
    """The table of environment variables."""
    return _table(
        ("variable", "default", "secret", "SIGHUP", "what"),
        (
            (
                f"`{one.name}`",
                f"`{one.default}`" if one.default else "",
                "yes" if one.secret else "",
                "yes" if one.is_reread else "",
                one.help,
            )
            for one in TABLE
        ),
    )


def events() -> str:
    """The table of log events; what is in every line of a step stands above it."""
    rows = []
    for event in EVENTS:
        own = [name for name in event.fields if name not in OF_STEP]
        begin = ["…"] if set(OF_STEP) <= set(event.fields) else []
        fields = ", ".join([*begin, *(f"`{name}`" for name in own)])
        rows.append((f"`{event.name}`", event.meaning, fields))
    return _table(("event", "meaning", "fields"), rows)


def metrics() -> str:
    """The table of metrics."""
    return _table(
        ("metric", "kind", "labels", "what"),
        (
            (
                f"`{one.name}`",
                one.kind.__name__.lower(),
                ", ".join(f"`{label}`" for label in one.labels),
                f"{one.meaning}.",
            )
            for one in metrics_.TABLE
        ),
    )


def env_example() -> str:
    """config/env.example: each variable with its help above it."""
    variables = [f"{_comment(one.help)}\n{one.name}={one.default}" for one in TABLE]
    return "\n\n".join([*map(_comment, ENV_HEAD), *variables]) + "\n"


def _comment(text: str) -> str:
    return textwrap.indent(textwrap.fill(text, 98, break_on_hyphens=False), "# ")


def readme_parts() -> dict[str, str]:
    """What is generated in README.md, by the name of its markers."""
    return {
        "commands": table(COMMANDS),
        "events": events(),
        "metrics": metrics(),
        "reasons": reasons(),
        "variables": variables(),
    }


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
    EXAMPLE.write_text(env_example())
    README.write_text(with_parts(README.read_text(), readme_parts()))


if __name__ == "__main__":
    main()
