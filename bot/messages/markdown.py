"""Untrusted text, made safe to show in a comment.

Pure. Text from outside (names, logs, messages) is shown only in a code span or a fenced block,
where mentions, references, Markdown and HTML have no effect. These functions keep the text from
ending the span or the fence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

_ANSI = re.compile(
    r"\x1b\[[0-?]*+[ -/]*+[@-~]"  # CSI: colours, cursor moves
    r"|\x1b\][^\x07\x1b]*+(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|\x1b[PX^_][^\x1b]*+(?:\x1b\\)?"  # strings that a terminal swallows
    r"|\x1b[ -/]*+[0-~]?"  # two-character sequences, and a lone escape
    r"|\x9b[0-?]*+[ -/]*+[@-~]"
)
_LOOKS_LIKE_OURS = re.compile(r"^(?:/|<!--)", re.MULTILINE)
# Control characters, and those that reorder, hide or annotate text.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\ue000-\uf8ff\ud800-\udfff\U000e0000-\U000e007f]"
)


def clean(text: str) -> str:
    """*text* without terminal sequences, control characters and characters that reorder text."""
    text = _ANSI.sub("", text.replace("\r\n", "\n"))
    # A progress bar rewrites its line: a terminal shows what was written last.
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _INVISIBLE.sub("", "\n".join(lines))


def code(text: str, limit: int = 120) -> str:
    """*text* as a code span on one line, cut to *limit* characters."""
    text = " ".join(clean(text).split())
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if not text:
        return "` `"
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def cell(text: str, limit: int = 120) -> str:
    """A code span for the cell of a table, where a bar ends the cell even inside code."""
    return code(text, limit).replace("|", "\\|")


def fence(text: str, language: str = "") -> str:
    """*text* as a fenced block that nothing in it can end.

    It is indented where a line of it would begin as a command or a marker does: programs that read
    our comment line by line, other bots among them, may not look for fences.
    """
    text = re.sub("`{50,}", "`" * 50, clean(text).strip("\n"))
    if _LOOKS_LIKE_OURS.search(text):
        text = "\n".join(f"  {line}" if line else line for line in text.split("\n"))
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def link(text: str, *parts: str, base: str, query: Mapping[str, str] | None = None) -> str:
    """A link to *base*, the path *parts*, each quoted as one part, and *query*. *text* is
    Markdown."""
    path = "/".join(quote(part, safe="") for part in parts)
    asked = f"?{urlencode(query)}" if query else ""
    return f"[{text}]({base}/{path}{asked})"


def hidden(name: str, value: Any) -> str:
    """*value* as JSON in an HTML comment: for programs, invisible to people."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    # Escaped so that nothing ends the comment; it is still JSON.
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("--", "-\\u002d")
    return f"<!-- {name} {text} -->"


def find_hidden(name: str, text: str) -> Any | None:
    """The value that `hidden` put at the end of *text*; none when there is none.

    Only the last one counts, and only on a line of its own: anything else that looks like one is
    quoted, untrusted text.
    """
    found = re.findall(rf"^<!-- {re.escape(name)} ([^<>\n]+) -->$", text, re.MULTILINE)
    try:
        return json.loads(found[-1]) if found else None
    except ValueError:
        return None


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
