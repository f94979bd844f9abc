"""Lines for the bot's own commands, built of what such lines are made of."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hypothesis import strategies as st

from bot.commands import COMMANDS
from bot.core.errors import Misreading
from bot.parsing.arguments import arguments_of, parse_command
from tests.fuzz.markdown_texts import UNKNOWN

VERBS: dict[str, type] = {verb: command.arguments for verb, command in COMMANDS.items()}

_NAMES = sorted({name for command in VERBS.values() for name in arguments_of(command)})
_SPACES = [" ", "  ", "\t", "\u00a0", "\u2003", "\u200b", " \u202f", "\x1f"]
_VALUES = [
    *("ci.yml", ".depot/workflows/ci.yml", "0" * 40, "A" * 40, "run_1", "07qwbk1s76", "12", "0"),
    *("yes", "no", "force", "FORCE", "--force", "--", "-", "=", "a=b", "==", "job", "İ", "ﬁ", "٣"),
    *("", "a b", "—", "—a", "–job", "a —b", "--job=x", "#x", "$(x)", "a;b", "*", "~", "{a,b}"),
]
_plain = st.sampled_from(_VALUES) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=f"\r\n{UNKNOWN}"),
    max_size=8,
)


def _escaped(text: str) -> str:
    return "".join(f"\\{character}" for character in text)


_value = st.one_of(
    _plain,
    _plain.map(lambda text: f"'{text}'"),
    _plain.map(lambda text: f'"{text}"'),
    _plain.map(lambda text: f"`{text}`"),
    _plain.map(lambda text: f"“{text}”"),
    _plain.map(_escaped),
    st.tuples(_plain, _plain).map(lambda two: f"{two[0]}'{two[1]}'"),
)
_name = st.sampled_from(_NAMES) | st.sampled_from(["A", "b-c", "_x", "JOB", "dry-run", "é", "1"])
_argument = st.one_of(
    _value,
    st.builds("{}={}".format, _name, _value),
    st.builds("--{}={}".format, _name, _value),
    st.builds("--{} {}".format, _name, _value),
    st.builds("—{} {}".format, _name, _value),
    st.builds("{}:{}".format, _name, _value),
)
_verb = st.sampled_from(sorted(VERBS)) | st.sampled_from(["RUN", "rum", "ci.yml", "'run'", ""])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """What may stand behind `/depot`: often a command, or nearly one."""
    parts: list[str] = [draw(_verb), *draw(st.lists(_argument, max_size=3))]
    line = parts[0]
    for part in parts[1:]:
        line += draw(st.sampled_from([" ", " ", *_SPACES])) + part
    return line


@st.composite
def commands(draw: st.DrawFn) -> Any:
    """What was read from a line: from several, where the first ones are misread."""
    for _ in range(5):
        command = parse_command(draw(lines()), VERBS)
        if not isinstance(command, Misreading):
            return command
    return parse_command("run ci.yml job='a b' force", VERBS)


def values(command: Any) -> list[str]:
    """All texts in a command."""
    own = [getattr(command, field.name) for field in fields(command)]
    inputs = [text for value in own if isinstance(value, dict) for text in value.values()]
    return inputs + [value for value in own if isinstance(value, str)]


def verb_of(command: object) -> str:
    return next(verb for verb, one in VERBS.items() if type(command) is one)
