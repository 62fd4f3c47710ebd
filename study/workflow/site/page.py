"""The frame around every page: navigation, contents of the page, previous and next."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from urllib.parse import quote

from study.workflow.site.formulas import has_converter
from study.workflow.site.markdown import plain_text

__all__ = ["Page", "frame", "headings"]


@dataclass(frozen=True)
class Page:
    """One page of the site.

    Attributes
    ----------
    name : str
        File name.
    title : str
    body : str
        HTML of its content, with one ``h1``.
    group : str
        Heading of the navigation under which it stands; empty if it does not stand there.
    label : str
        Its name in the navigation.
    before, after : Page or None
        Names of the previous and the next page in a course.
    """

    name: str
    title: str
    body: str
    group: str = ""
    label: str = ""
    before: str = ""
    after: str = ""


def headings(body: str, levels: str = "2") -> list[tuple[int, str, str]]:
    """Level, anchor and text of the headings with an anchor, in order."""
    found = re.findall(rf'<h([{levels}]) id="([^"]*)">(.*?)</h\1>', body, flags=re.DOTALL)
    return [(int(level), html.unescape(anchor), _heading_text(content)) for level, anchor, content in found]


def _heading_text(content: str) -> str:
    return plain_text(re.sub(r'<a class="anchor".*?</a>', "", content)).strip()


def frame(page: Page, pages: list[Page]) -> str:
    """The whole HTML of a page.

    Parameters
    ----------
    page : Page
    pages : list of Page
        All pages in the order of the navigation.
    """
    titles = {other.name: other.label or other.title for other in pages}
    contents = "".join(
        f'<li><a href="#{quote(anchor)}">{html.escape(text)}</a></li>' for _, anchor, text in headings(page.body)
    )
    if contents:
        contents = f'<details class="contents" open><summary>On this page</summary><ul>{contents}</ul></details>'
    course = "".join(
        f'<a rel="{rel}" href="{quote(name)}">{arrow[0]}{html.escape(titles[name])}{arrow[1]}</a>'
        for rel, name, arrow in (("prev", page.before, ("← ", "")), ("next", page.after, ("", " →")))
        if name
    )
    course = course and f'<nav class="course" aria-label="Previous and next">{course}</nav>'
    as_tex = "" if has_converter() else " Formulas are shown as TeX: the package latex2mathml was not installed."
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(page.title)}</title>
<link rel="stylesheet" href="site.css">
<link rel="icon" href="data:,">
</head>
<body>
<a class="skip" href="#main">To the text</a>
<header>
<a class="home" href="index.html">Electric vehicles between road and grid</a>
<form action="search.html" role="search"><input type="search" name="q" aria-label="Search" placeholder="Search"></form>
</header>
<div class="columns">
<details class="menu" open><summary>Menu</summary><nav aria-label="Site">{_menu(page, pages)}</nav></details>
<main id="main">
{course}
{contents}
{page.body}
{course}
<footer>Made by <code>make site</code> from what is committed; nothing on it is loaded from the net.{as_tex}</footer>
</main>
</div>
<script src="site.js"></script>
</body>
</html>
"""


def _menu(page: Page, pages: list[Page]) -> str:
    groups: dict[str, list[str]] = {}
    for other in pages:
        if other.group:
            here = ' aria-current="page"' if other.name == page.name else ""
            link = f'<li><a href="{quote(other.name)}"{here}>{html.escape(other.label or other.title)}</a></li>'
            groups.setdefault(other.group, []).append(link)
    return "".join(f"<p>{html.escape(group)}</p><ul>{''.join(links)}</ul>" for group, links in groups.items())
