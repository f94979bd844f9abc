"""Texts that come from outside and mean no good, to be planned into names, logs and diagnoses."""

LONG_NAME = "a very long name " * 400
MARKDOWN = "**bold** | [link](https://example.org) | `code` | ~~gone~~ | # heading"
MENTIONS = "@octocat and @octo/everybody, see #1 and octo/hello#1, cc @alice"
HTML = "</details><script>alert(1)</script><!-- <img src=x onerror=alert(1)>"
CONTROL = "bell\x07 null\x00 back\x08 escape\x1b[2J right-to-left\u202e zero\u200b width"
FENCES = "```\n````\n~~~~~\n``````````"

ALL = (LONG_NAME, MARKDOWN, MENTIONS, HTML, CONTROL, FENCES)
