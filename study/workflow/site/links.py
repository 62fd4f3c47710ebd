"""Checks of a finished site: every link leads somewhere, and no page loads anything from another machine."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["complaints"]

# What a browser loads by itself, without a click, and what site.js loads.
_LOADED = {"src", "srcset", "poster", "data", "background", "data-src"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name in _LOADED and tag != "a":
                self.loaded.append(value)
            elif name == "href":
                (self.loaded if tag in ("link", "image", "use", "base") else self.links).append(value)
            elif name == "style":
                self.loaded += _urls(value)
            elif name == "id":
                self.anchors.append(value)


def _urls(css: str) -> list[str]:
    return re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", css)


def complaints(site: Path) -> list[str]:
    """What is wrong with a site, one line each, in order.

    Parameters
    ----------
    site : Path
        Its folder.

    Returns
    -------
    list of str
        ``page: link``, with the reason: a file or an anchor that is not there, an anchor that comes twice, or something
        loaded from elsewhere. Links that a reader must click may lead to the web.
    """
    readers = {}
    for path in sorted(site.rglob("*.html")):
        reader = _Reader()
        reader.feed(path.read_text(encoding="utf-8"))
        readers[path.resolve()] = reader
    found = []
    for path, reader in readers.items():
        page = path.relative_to(site.resolve()).as_posix()
        twice = sorted({anchor for anchor in reader.anchors if reader.anchors.count(anchor) > 1})
        found += [f"{page}: anchor {anchor!r} comes twice" for anchor in twice]
        for link in reader.loaded:
            if not link.startswith("data:"):
                found += _reasons(page, link, path, readers, may_leave=False)
        for link in reader.links:
            found += _reasons(page, link, path, readers, may_leave=True)
    for path in sorted(site.rglob("*.css")):
        page = path.relative_to(site).as_posix()
        for link in _urls(path.read_text(encoding="utf-8")):
            found += [] if link.startswith("data:") else _reasons(page, link, path.resolve(), readers, may_leave=False)
    return found


def _reasons(page: str, link: str, path: Path, readers: dict[Path, _Reader], *, may_leave: bool) -> list[str]:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        harmless = may_leave and parts.scheme in ("http", "https", "mailto")
        return [] if harmless else [f"{page}: {link} would be loaded from another machine"]
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return [f"{page}: {link} leads to no file"]
    anchor = unquote(parts.fragment)
    if anchor and target in readers and anchor not in readers[target].anchors:
        return [f"{page}: {link} leads to no section"]
    return []
