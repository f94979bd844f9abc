"""Markdown as HTML: nothing in a text can do anything."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages.html import first_words, to_html
from bot.messages.markdown import hidden

TAGS = {
    *("p", "code", "pre", "a", "strong", "em", "ul", "ol", "li", "blockquote", "hr", "br", "table"),
    *("thead", "tbody", "tr", "th", "td", "h1", "h2", "h3", "h4", "h5", "h6", "details", "summary"),
}
ATTRIBUTES = {"href", "rel", "title", "class", "start", "style"}
ALIGN = {"text-align:left", "text-align:right", "text-align:center"}


def is_harmless(html: str) -> bool:
    """Whether there are only tags that show text, and links to web addresses."""
    for tag, attributes in re.findall(r"</?([^\s>/]*)([^>]*)>", html):
        if tag not in TAGS:
            return False
        for name, value in re.findall(r'([^\s=/]+)="([^"]*)"', attributes):
            if name not in ATTRIBUTES or (name == "style" and value not in ALIGN):
                return False
            if name == "href" and not value.lower().startswith(("http://", "https://")):
                return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "![x](javascript:alert(1)) [y](javascript:alert(1)) [z](data:text/html,x) [f](file:///x)",
        "<details onclick=x><summary>a</summary>",
        "<details><summary><b>a</b></summary>",
        '<javascript:alert(1)> <https://a.example/"onclick=x>',
        "[a]: javascript:x\n\n[a]",
        '```"><script>\n</code></pre><script>\n```',
        "<!-- > --> <b>x</b> -->",
        "| <b>a</b> | `</td>` |\n|---|---|\n| <i> | x |",
        "<style>*{}</style>\n<iframe src=x>",
        "</details></main>",
    ],
)
@pytest.mark.parametrize("folds", [True, False])
def test_hostile_texts(text: str, folds: bool) -> None:
    assert is_harmless(to_html(text, folds=folds)), to_html(text, folds=folds)


@given(st.text(st.sampled_from("<>&\"'`/!-=[]()\n detailsummryjvcp:|#>*1."), max_size=80))
def test_any_text(text: str) -> None:
    for folds in (True, False):
        html = to_html(text, folds=folds)
        assert is_harmless(html), html
        assert html.count("<details>") == html.count("</details>")


def test_the_check_sees_harm() -> None:
    assert not is_harmless("<script>")
    assert not is_harmless('<a href="javascript:x">')
    assert not is_harmless('<p onclick="x">')


def test_the_bots_folds_fold() -> None:
    text = "Run.\n\n<details><summary>Why it failed</summary>\n\n**x** `<b>`\n\n</details>\n\nEnd."
    html = to_html(text, folds=True)
    assert "<details><summary>Why it failed</summary><p><strong>x</strong>" in html
    assert html.endswith("</details><p>End.</p>\n")
    assert "&lt;details&gt;" in to_html(text)


def test_links_lead_elsewhere_and_mentions_are_marked() -> None:
    html = to_html(
        "@Zoe: [here](https://a.example/x) a@zoe `@zoe` @zoe-2 @<b>",
        address=lambda url: url.removeprefix("https://a.example"),
        people={"zoe"},
    )
    assert html == (
        '<p><strong class="mention">@Zoe</strong>: <a href="/x" rel="noreferrer nofollow">here</a>'
        " a@zoe <code>@zoe</code> @zoe-2 @&lt;b&gt;</p>\n"
    )


@given(st.text(st.sampled_from("<>&\"'@z`[]() \n"), max_size=40))
def test_any_mention(text: str) -> None:
    assert is_harmless(to_html(text, people={"z"}))


def test_folds_in_a_log_are_text() -> None:
    html = to_html("```\n</details>\n<details><summary>x</summary>\n```", folds=True)
    assert "<details>" not in html


def test_an_open_fold_is_closed() -> None:
    assert to_html("<details><summary>x</summary>\n\ny", folds=True).endswith("</details>")


def test_a_fold_that_was_never_opened_is_text() -> None:
    assert "&lt;/details&gt;" in to_html("</details>\n\nx", folds=True)


def test_hidden_comments_are_not_shown() -> None:
    html = to_html("seen\n\n" + hidden("depot-bot", {"a": "-->"}) + "\n\nseen <!-- x --> too")
    assert html == "<p>seen</p>\n<p>seen  too</p>\n"


def test_links_do_not_say_where_from() -> None:
    assert 'rel="noreferrer nofollow"' in to_html("[a](https://depot.dev/x)")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("You need `write`\nhere.\n\nMore.", "You need write here."),
        ("| a |\n|---|\n| b |", ""),
        ("```\nlog\n```", ""),
        ("[`x`](https://a.example) is **over**.", "x is over."),
        ("a" * 400, "a" * 299 + "…"),
        ("> quoted", ""),
    ],
)
def test_first_words(text: str, words: str) -> None:
    assert first_words(text) == words
