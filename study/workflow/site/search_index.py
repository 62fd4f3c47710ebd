"""The sections of all pages, for the search in ``static/site.js``."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from study.workflow.site.markdown import plain_text
from study.workflow.site.page import Page, headings

__all__ = ["search_index", "search_page"]

_LONGEST_TEXT = 2500  # characters of a section that are searched


def search_index(pages: list[Page]) -> str:
    """A script that sets ``SEARCH_INDEX``: a list of page title, section title, link and text.

    A script rather than JSON, since a browser that reads pages from a folder refuses to fetch files beside them.
    """
    entries = []
    for page in pages:
        pieces = re.split(r"(?=<h[1-3][ >])", page.body)
        for piece in pieces:
            found = headings(piece, levels="123")
            anchor, title = (f"#{quote(found[0][1])}", found[0][2]) if found else ("", page.title)
            text = re.sub(
                r"<(style|script|math)\b.*?</\1>|<table class=\"data\".*?</table>", " ", piece, flags=re.DOTALL
            )
            text = re.sub(r"<h[1-3].*?</h[1-3]>", " ", text, flags=re.DOTALL)
            text = re.sub(
                r"\s+", " ", plain_text(re.sub(r"<(?!/?(?:b|i|em|strong|code|span|a)\b)", " <", text))
            ).strip()
            if found or text:
                entries.append([page.title, title, quote(page.name) + anchor, text[:_LONGEST_TEXT]])
    content = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return f"const SEARCH_INDEX = {content};\n"


def search_page() -> Page:
    """The page that the search form leads to."""
    body = """<h1>Search</h1>
<form id="search"><input type="search" name="q" aria-label="Search" autofocus></form>
<p id="search-count" role="status"><noscript>The search needs JavaScript.</noscript></p>
<ol id="search-results"></ol>
<script src="search_index.js"></script>
"""
    return Page("search.html", "Search", body)
