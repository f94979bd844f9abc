"""Comments as people and attackers write them: with the commands that are in them, or wild."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from bot.core.events import CommandLine

SPACES = [" ", "  ", "\t", "\u00a0", " \u2003", " \u200b", " \u2028"]

UNKNOWN = "\0\ue000\ufdd0"
"""What is, or may become, the reader's own sign is read as the character for what is unknown."""

# Nothing that begins or ends something in Markdown, nor a line.
tame = st.text(
    st.characters(
        codec="utf-8",
        categories=["L", "N", "Zs", "Sc", "Po"],
        exclude_characters="\\`*_<>&|#~!/:\u0085",
    ),
    max_size=12,
)
# Anything but the end of a line.
wild = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters=f"\r\n{UNKNOWN}"), max_size=12),
    st.sampled_from(
        [
            *("`", "``", "<!--", "-->", "<b>", "<a href='", "[a](", "![", "**", "\\", "&amp;"),
            *("](x)", "[x]: y", "'", '"', "\u202e", "\ufeff", "<![CDATA[", "<?", "| a |", "~~~"),
        ]
    ),
)
prose = tame.map(lambda text: f"some words {text}".rstrip())
"""A paragraph of one line that is nothing but talk."""


@dataclass(frozen=True)
class Block:
    """A piece of a comment that stands alone, and the commands that are to be read from it."""

    text: str
    commands: tuple[CommandLine, ...] = ()


@st.composite
def command_lines(draw: st.DrawFn, words: st.SearchStrategy[str] = wild) -> str:
    """A line for the bot, as it is typed."""
    indent = " " * draw(st.integers(0, 3))
    name = draw(st.sampled_from(["/depot", "/Depot", "/DEPOT"]))
    said = draw(st.sampled_from(["run ci.yml", "list", "run job='a b'", ""])) + " " + draw(words)
    return f"{indent}{name}{draw(st.sampled_from(SPACES))}{said}"


def _said(line: str) -> CommandLine:
    """What such a line is to be read as."""
    return CommandLine(line.lstrip()[len("/depot") :].removesuffix("\\").strip())


@st.composite
def live(draw: st.DrawFn) -> Block:
    """Commands that are read: in paragraphs, in items of lists, inside folds."""
    if draw(st.booleans()):
        several = draw(st.lists(command_lines(tame), min_size=2, max_size=3))
        return Block("\n".join(several), tuple(map(_said, several)))
    line = draw(command_lines())
    command = _said(line)
    match draw(st.sampled_from(["alone", "after prose", "in a list", "in a fold", "with yaml"])):
        case "after prose":
            return Block(f"{draw(prose)}\n{line}", (command,))
        case "in a list":
            return Block(f"- {draw(prose)}\n\n  {line.lstrip()}", (command,))
        case "in a fold":
            return Block(f"<details>\n\n{line}\n\n</details>", (command,))
        case "with yaml":
            block = draw(st.sampled_from(["a: 1\n", "", "/depot run\n", "> a\n\n    b\n"]))
            bar = draw(st.sampled_from(["```", "~~~", "`````"]))
            name = draw(st.sampled_from(["yaml", "yml", " YAML"]))
            text = f"{line}\n\n{bar}{name}\n{block}{bar}"
            return Block(text, (CommandLine(command.text, (block,)),))
        case _:
            return Block(line, (command,))


@st.composite
def dead(draw: st.DrawFn) -> Block:
    """Talk, and commands that are not read: code, quotes, HTML, marked-up lines."""
    line = draw(command_lines()).lstrip()
    safe = draw(command_lines(tame)).lstrip()
    forms = [
        draw(prose),
        f"```\n{line}\n```",
        f"~~~~ text\n{line}\n```\n~~~\n{line}\n~~~~",
        f"    {line}\n\n    {line}",
        f"> {line}\n>\n> {line}\nlazy {safe}",
        f"> quoted\n{safe}",
        f"{'> ' * draw(st.integers(1, 30))}{line}",
        f"<!--\n{safe}\n\n{safe}\n-->",
        f"<blockquote>\n{safe}\n</blockquote>",
        f"<pre>\n\n{safe}\n\n</pre>",
        f"`code over\n{safe}\nlines`",
        f"# {line}",
        f"- {line}",
        f"{draw(st.integers(0, 99))}. {line}",
        f"- [ ] {line}",
        f"| a |\n|---|\n| {safe} |",
        f"**{line}**",
        f"see {line}",
        f"[x]: {safe}",
        f"- > {line}\n",
        f"> - {line}\n",
    ]
    return Block(draw(st.sampled_from(forms)))


documents = st.lists(live() | dead(), min_size=1, max_size=6).map(
    # A rule ends whatever came before, so that each block means what it means alone.
    lambda blocks: Block(
        "\n\n***\n\n".join(block.text for block in blocks),
        tuple(command for block in blocks for command in block.commands),
    )
)
"""Whole comments, and what is in them for the bot."""

pieces = st.one_of(
    st.sampled_from(
        [
            *("/depot run", "\n/depot run\n", "/depot", "\n", "\n\n", "\r\n", "\r", " ", "    "),
            *("\t", "\u00a0", "\u200b", "\u2028", "\x0b", "\x0c", "\x85", "\0", "\ufeff"),
            *("> ", ">", "- ", "* ", "1. ", "# ", "===", "---", "***", "```", "~~~", "`", "``"),
            *("```yaml\n", "<!--", "-->", "--->", "<b>", "</b>", "<details>", "<pre>", "<?", "?>"),
            *("<![CDATA[", "]]>", "<!A", "<a b='", "[", "]", "](", "![", "(", ")", "[a]: b", "*"),
            *("**", "_", "\\", "&amp;", "&#0;", "&#x41;", "|", "| a |\n|---|\n", "|-", "a", "<"),
        ]
    ),
    st.text(max_size=4),
)
wild_texts = st.lists(pieces, max_size=40).map("".join)
"""Texts made of what means something to Markdown, in any order."""
