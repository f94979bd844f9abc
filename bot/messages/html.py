"""Markdown as safe HTML, with line breaks kept as GitHub keeps them.

Pure. HTML in a text is shown as text, except for the `<details>` of the bot's own replies. Hidden
comments are left out, images become links, and links have http(s) addresses only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, MutableMapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

_FOLD = re.compile(r"<details><summary>([^<>\n]*)</summary>\n?")
_FOLD_END = re.compile(r"</details>\n?")
_HIDDEN = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_MENTION = re.compile(r"(?<![\w@/.-])@([A-Za-z0-9-]+)")


def to_html(
    text: str,
    *,
    folds: bool = False,
    address: Callable[[str], str] = str,
    people: Collection[str] = (),
) -> Markup:
    """A text in Markdown as HTML. With *folds*, `<details>` as the bot writes it is kept.

    *address* makes the address of a link, which is an http(s) one, another; mentions of these
    *people*, by login in lower case, are shown as such.
    """
    parser = _parser()
    parser.add_render_rule("link_open", _links(address))
    parser.add_render_rule("text", _mentions(people))
    state: MutableMapping[str, Any] = {"open": 0, "folds": folds}
    html: str = parser.render(text, state)
    return Markup(html + "</details>" * state.get("open", 0))


def first_words(text: str, limit: int = 300) -> str:
    """The first paragraph of a text in Markdown as plain text; empty when the text begins with
    something else."""
    for token in _parser().parse(text):
        if token.type == "inline":
            paragraph = "".join(_plain(token.children or [])).strip()
            return paragraph if len(paragraph) <= limit else paragraph[: limit - 1] + "…"
        if token.type != "paragraph_open":
            break
    return ""


def _plain(tokens: Sequence[Token]) -> list[str]:
    breaks = {"softbreak": " ", "hardbreak": " "}
    return [breaks.get(token.type, token.content) for token in tokens]


def _parser() -> MarkdownIt:
    parser = (
        MarkdownIt("commonmark", {"html": True, "breaks": True}).enable("table").disable("image")
    )
    parser.validateLink = _is_web_address  # type: ignore[method-assign]
    parser.add_render_rule("html_block", _block)
    parser.add_render_rule("html_inline", _inline)
    return parser


def _is_web_address(url: str) -> bool:
    return url.lower().startswith(("https://", "http://"))


def _block(
    _: RendererHTML,
    tokens: Sequence[Token],
    position: int,
    __: Any,
    state: MutableMapping[str, Any],
) -> str:
    text = _HIDDEN.sub("", tokens[position].content)
    if state.get("folds"):
        if fold := _FOLD.fullmatch(text):
            state.update(open=state.get("open", 0) + 1)
            return Markup("<details><summary>{}</summary>").format(fold[1])
        if state.get("open") and _FOLD_END.fullmatch(text):
            state.update(open=state.get("open", 0) - 1)
            return Markup("</details>")
    return Markup("<p>{}</p>\n").format(text) if text.strip() else ""


def _inline(
    _: RendererHTML, tokens: Sequence[Token], position: int, __: Any, ___: MutableMapping[str, Any]
) -> str:
    return escape(_HIDDEN.sub("", tokens[position].content))


_Rule = Callable[
    [RendererHTML, Sequence[Token], int, Any, MutableMapping[str, Any]],
    str,
]


def _links(address: Callable[[str], str]) -> _Rule:
    def shown(
        renderer: RendererHTML,
        tokens: Sequence[Token],
        position: int,
        options: Any,
        state: MutableMapping[str, Any],
    ) -> str:
        token = tokens[position]
        token.attrSet("href", address(str(token.attrGet("href"))))
        token.attrSet("rel", "noreferrer nofollow")
        return renderer.renderToken(tokens, position, options, state)

    return shown


def _mentions(people: Collection[str]) -> _Rule:
    def marked(found: re.Match[str]) -> str:
        is_mention = found[1].lower() in people
        return f'<strong class="mention">{found[0]}</strong>' if is_mention else found[0]

    def shown(
        _: RendererHTML,
        tokens: Sequence[Token],
        position: int,
        __: Any,
        ___: MutableMapping[str, Any],
    ) -> str:
        return _MENTION.sub(marked, escape(tokens[position].content))

    return shown
