"""Markdown to HTML: anchors as in Jupyter, links between pages, tables that scroll on a narrow screen."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable

import mistune
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from study.workflow.site.formulas import cut_out, put_back

__all__ = ["Markdown", "anchor_of", "code_html", "plain_text"]


def plain_text(fragment: str) -> str:
    """The text of a piece of HTML."""
    return html.unescape(re.sub(r"<[^>]*>", "", fragment))


def anchor_of(heading: str, *, github: bool = False) -> str:
    """The anchor of a heading: Jupyter takes its text with hyphens for spaces, GitHub only small letters and digits."""
    text = re.sub(r"[^\w\s-]", "", heading.lower()) if github else heading
    return re.sub(r"\s", "-", text.strip())


def code_html(text: str, language: str = "python") -> str:
    """Highlighted code in a ``pre`` element; as plain text if the language is unknown."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return f"<pre>{html.escape(text)}</pre>\n"
    return f"<pre>{highlight(text, lexer, HtmlFormatter(nowrap=True)).rstrip()}</pre>\n"


class Markdown:
    """Converts the Markdown texts of one page, so that no anchor comes twice.

    Parameters
    ----------
    link : callable
        Takes a link as written and returns where it leads on the site.
    github : bool
        Anchors as on GitHub, for documents; otherwise as in Jupyter, for notebooks.
    """

    def __init__(self, link: Callable[[str], str], *, github: bool = False) -> None:
        self._convert = mistune.create_markdown(renderer=_Renderer(link, github), plugins=["table", "strikethrough"])

    def __call__(self, text: str) -> str:
        """HTML of a text."""
        marked, formulas = cut_out(text)
        return put_back(self._convert(marked), formulas)


class _Renderer(mistune.HTMLRenderer):
    def __init__(self, link: Callable[[str], str], github: bool) -> None:
        super().__init__(escape=False)
        self._link, self._github, self._anchors = link, github, Counter()

    def heading(self, text: str, level: int, **_: object) -> str:
        anchor = anchor_of(plain_text(text), github=self._github)
        self._anchors[anchor] += 1
        if self._anchors[anchor] > 1:
            anchor += f"-{self._anchors[anchor]}"
        return heading_html(text, level, anchor)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, self._link(url), title)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return super().image(text, self._link(url), title)

    def block_code(self, code: str, info: str | None = None) -> str:
        return code_html(code, (info or "text").split()[0])

    def table(self, text: str) -> str:
        return f'<div class="scroll"><table>{text}</table></div>\n'


def heading_html(content: str, level: int, anchor: str) -> str:
    """A heading with an anchor and a link to itself."""
    anchor = html.escape(anchor)
    mark = f'<a class="anchor" href="#{anchor}" aria-label="Link to this section">#</a>'
    return f'<h{level} id="{anchor}">{content} {mark}</h{level}>\n'
