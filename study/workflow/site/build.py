"""The whole site: sources gathered, pages rendered and checked, the finished folder put in place."""

from __future__ import annotations

import html
import logging
import re
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from pygments.formatters import HtmlFormatter

from evlib.errors import StudyError
from evlib.files import replacing_folder
from study.workflow.render import plotly_library
from study.workflow.site.glossary import GLOSSARY, glossary_page, linked, terms
from study.workflow.site.links import complaints
from study.workflow.site.markdown import Markdown
from study.workflow.site.notebook_page import missing_outputs, notebook_page, read_notebook
from study.workflow.site.page import Page, frame
from study.workflow.site.result_pages import claims_page, explorer_page, figures_page, tables_page
from study.workflow.site.room_pages import room_pages
from study.workflow.site.search_index import search_index, search_page
from study.workflow.site.sources import Sources, first_heading

__all__ = ["build_site"]

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
_MOST_COMPLAINTS = 20


def build_site(sources: Sources, out: Path) -> list[str]:
    """Render a study into a folder of static pages.

    Parameters
    ----------
    sources : Sources
        What is committed.
    out : Path
        The folder; replaced as a whole once everything is written and checked.

    Returns
    -------
    list of str
        Warnings: notebooks whose outputs are missing.

    Raises
    ------
    StudyError
        There is no notebook, one cannot be read or holds an error, a link leads nowhere, or a page would load something
        from another machine; all such links are named.
    """
    if not sources.notebooks:
        raise StudyError(f"{sources.root / 'notebooks'}: no notebook; a site is made of at least one")
    warnings = [
        f"notebooks/{path.name}: {missing}; make refresh writes them"
        for path in sources.notebooks
        if (missing := missing_outputs(read_notebook(path)))
    ]
    for warning in warnings:
        log.warning(warning)
    pages = _pages(sources)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(out, keep=lambda _: False) as folder:
        folder.mkdir()
        for page in pages:
            (folder / page.name).write_text(frame(page, pages), encoding="utf-8", newline="\n")
        _write_files(sources, pages, folder)
        found = complaints(folder)
        if found:
            more = [f"and {len(found) - _MOST_COMPLAINTS} more"] if len(found) > _MOST_COMPLAINTS else []
            raise StudyError("\n".join(["The site has faults:", *found[:_MOST_COMPLAINTS], *more]))
    log.info("%d pages in %s", len(pages), out)
    return warnings


def _pages(sources: Sources) -> list[Page]:
    """All pages, in the order of the navigation."""
    text = GLOSSARY.read_text(encoding="utf-8")
    glossary = terms(text)
    notebooks = [notebook_page(path, sources) for path in sources.notebooks]
    names = ["", *(page.name for page in notebooks), ""]
    notebooks = [
        replace(page, body=linked(page.body, glossary), before=before, after=after)
        for page, before, after in zip(notebooks, names, names[2:], strict=False)
    ]
    makers = (explorer_page, figures_page, claims_page, tables_page)
    results = [page for page in (maker(sources) for maker in makers) if page]
    study = [_document(sources, path, *place) for path, place in sources.documents.items()]
    rooms = room_pages(sources)
    contents = _contents(sources, notebooks, results, rooms)
    return [contents, *notebooks, *results, glossary_page(sources, text), *study, *rooms, search_page()]


def _document(sources: Sources, path: str, name: str, label: str) -> Page:
    text = (sources.root / path).read_text(encoding="utf-8")
    body = Markdown(lambda href: sources.link(href, path), github=True)(text)
    return Page(name, first_heading(text) or label, body, group="Study", label=label)


def _contents(sources: Sources, notebooks: list[Page], results: list[Page], rooms: list[Page]) -> Page:
    """The first page: what the read-me says before its first section, then what there is to read."""
    readme = sources.root / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else "# A study\n"
    title = first_heading(text) or "A study"
    opening = re.split(r"^(?:## |```)", text, maxsplit=1, flags=re.MULTILINE)[0]
    parts = [Markdown(lambda href: sources.link(href, "README.md"), github=True)(opening)]
    if sources.figures and "<img" not in parts[0]:
        parts.append(f'<p><img src="{quote(f"figures/{sources.figures[0]}.png")}" alt="{sources.figures[0]}"></p>')
    for heading, pages in (("Notebooks", notebooks), ("Results", results), ("Code", rooms)):
        items = "".join(
            f'<li><a href="{quote(page.name)}">{html.escape(page.title)}</a>{_question(page)}</li>' for page in pages
        )
        if items:
            parts.append(f'<h2 id="{heading}">{heading}</h2>\n<ul class="cards">{items}</ul>\n')
    return Page("index.html", title, "".join(parts), group="Study", label="Contents")


def _question(page: Page) -> str:
    """The question that a notebook asks in its first cell, if it does so in bold as the others."""
    found = re.search(r"<strong>The question of this notebook\.</strong>\s*(.*?)</p>", page.body, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", "", found[1]) if found else ""
    return f"<p>{text}</p>" if text else ""


def _write_files(sources: Sources, pages: list[Page], folder: Path) -> None:
    """Everything beside the pages: figures, files that are linked to, style, script and index."""
    figures = sources.root / "figures"
    (folder / "figures").mkdir()
    for path in sorted(figures.glob("*")) if figures.is_dir() else []:
        if path.is_file() and path.name != "plotly.min.js":
            shutil.copyfile(path, folder / "figures" / path.name)
    if any(figures.glob("*.html")):
        shutil.copyfile(plotly_library(), folder / "figures" / "plotly.min.js")
    for target in sorted(sources.copied):
        (folder / "files" / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources.root / target, folder / "files" / target)
    for target in sorted(sources.listed):
        names = sorted(path.name for path in (folder / "files" / target).iterdir() if path.is_file())
        items = "".join(f'<li><a href="{quote(name)}">{html.escape(name)}</a></li>' for name in names)
        page = f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{target}</title></head>'
        page += f"<body><h1>{target}</h1><ul>{items}</ul></body></html>\n"
        (folder / "files" / target / "index.html").write_text(page, encoding="utf-8", newline="\n")
    style = (STATIC / "site.css").read_text(encoding="utf-8") + HtmlFormatter(style="friendly").get_style_defs("pre")
    (folder / "site.css").write_text(style + "\n", encoding="utf-8", newline="\n")
    shutil.copyfile(STATIC / "site.js", folder / "site.js")
    (folder / "search_index.js").write_text(search_index(pages), encoding="utf-8", newline="\n")
