"""The terms of ``glossary.md``: a page, and links where a notebook first uses them."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import quote

from study.workflow.site.markdown import Markdown, anchor_of, plain_text
from study.workflow.site.page import Page
from study.workflow.site.sources import Sources

__all__ = ["GLOSSARY", "glossary_page", "linked", "terms"]

GLOSSARY = Path(__file__).with_name("glossary.md")
# Where no link belongs: code, formulas, headings, other links, tables' heads.
_SKIPPED = {
    "a",
    "code",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "label",
    "math",
    "pre",
    "script",
    "summary",
    "th",
}


def glossary_page(sources: Sources, text: str) -> Page:
    """The glossary as a page."""
    body = Markdown(lambda href: sources.link(href, "README.md"), github=True)(text)
    return Page("glossary.html", "Glossary", body, group="Study")


def terms(text: str) -> dict[str, tuple[str, str]]:
    """Term in small letters to anchor and first sentence. A heading ``A (B)`` gives both names."""
    found = {}
    for heading, content in re.findall(r"^## (.+)\n+(.+)", text, flags=re.MULTILINE):
        sentence = plain_text(re.sub(r"[*`$]", "", content)).split(". ")[0].rstrip(".") + "."
        first, _, second = heading.partition(" (")
        for name in filter(None, (first, second.rstrip(")"))):
            found[name.lower()] = (anchor_of(heading, github=True), sentence)
    return found


def linked(body: str, glossary: dict[str, tuple[str, str]]) -> str:
    """A page's HTML in which the first use of each term is a link to the glossary.

    Parameters
    ----------
    body : str
    glossary : dict
        Of `terms`.
    """
    if not glossary:
        return body
    names = "|".join(re.escape(name) for name in sorted(glossary, key=len, reverse=True))
    word = re.compile(rf"(?<![\w-])({names})(?:s|es)?(?![\w-])", re.IGNORECASE)
    used: set[str] = set()

    def link(match: re.Match) -> str:
        anchor, sentence = glossary[match[1].lower()]
        if anchor in used:
            return match[0]
        used.add(anchor)
        title = html.escape(sentence)
        return f'<a class="term" href="glossary.html#{quote(anchor)}" title="{title}">{match[0]}</a>'

    parts, depth = [], 0
    for part in re.split(r"(<[^>]*>)", body):
        tag = re.match(r"<(/?)([a-zA-Z0-9]+)", part)
        if tag and tag[2].lower() in _SKIPPED:
            depth += -1 if tag[1] else 1
        parts.append(word.sub(link, part) if not part.startswith("<") and depth == 0 else part)
    return "".join(parts)
