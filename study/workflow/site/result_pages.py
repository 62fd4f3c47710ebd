"""The gallery of figures, the claims, and the committed tables."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Iterable
from pathlib import Path

from study.workflow.site.markdown import heading_html, plain_text
from study.workflow.site.notebook_page import figure_html, read_notebook
from study.workflow.site.page import Page
from study.workflow.site.sources import Sources

__all__ = ["claims_page", "figures_page", "tables_page"]


def figures_page(sources: Sources) -> Page | None:
    """All figures by the notebook whose number they carry; None if there are none."""
    if not sources.figures:
        return None
    told = _captions(sources.notebooks)
    notebooks = {path.stem.partition("_")[0]: path for path in reversed(sources.notebooks)}
    parts, before = ["<h1>Figures</h1>\n"], None
    for name in sources.figures:
        number = name.partition("_")[0]
        if number != before:
            label = notebooks[number].stem if number in notebooks else "Others"
            parts.append(heading_html(html.escape(label.replace("_", " ")), 2, f"of-{number}"))
            before = number
        page = sources.root / "figures" / f"{name}.html"
        text = page.read_text(encoding="utf-8") if page.is_file() else ""
        title = re.search("<title>(.*?)</title>", text, flags=re.DOTALL)
        caption, alt = told.get(name, ("", ""))
        parts.append(heading_html(title[1] if title else html.escape(name), 3, name))
        alt = alt or (html.unescape(title[1]) if title else name)
        parts.append(figure_html(name, sources.root / "figures", alt=alt, caption=caption))
    return Page("figures.html", "Figures", "".join(parts), group="Results")


def _captions(notebooks: Iterable[Path]) -> dict[str, tuple[str, str]]:
    """Caption and alternative text by figure, as the notebooks hold them."""
    told = {}
    for path in notebooks:
        for cell in read_notebook(path).cells:
            for output in cell.get("outputs", []):
                metadata = output.get("metadata", {})
                name = metadata.get("evlib", {}).get("figure")
                if name:
                    alt = metadata["evlib"].get("alt") or metadata.get("image/png", {}).get("alt", "")
                    told[name] = (output.data.get("text/plain", ""), alt)
    return told


def claims_page(sources: Sources) -> Page | None:
    """The article's claims beside the study's numbers; None if there are none."""
    path = sources.root / "figures" / "claims.csv"
    if not path.is_file():
        return None
    sources.copied.add("figures/claims.csv")
    body = (
        "<h1>Claims</h1>\n<p>What the article states, what comes out here, and by which definition. "
        f'<a href="files/figures/claims.csv">claims.csv</a></p>\n{_table(path, sources.root)}'
    )
    return Page("claims.html", "Claims", body, group="Results")


def tables_page(sources: Sources) -> Page | None:
    """The tables of ``data/results``, each with the comment lines that say how it was made; None if there are none."""
    if not sources.tables:
        return None
    parts = ["<h1>Committed tables</h1>\n<p>Results that take too long to compute each time.</p>\n"]
    for path in sources.tables:
        target = path.relative_to(sources.root).as_posix()
        sources.copied.add(target)
        parts.append(heading_html(html.escape(path.stem), 2, path.stem))
        parts.append(f'<p><a href="files/{target}">{html.escape(path.name)}</a></p>\n{_table(path, sources.root)}')
    return Page("tables.html", "Tables", "".join(parts), group="Results")


def _table(path: Path, root: Path) -> str:
    """A CSV file as HTML: comment lines first, then the table, numbers to six digits and their full text on hovering."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.lstrip("# ") for line in lines if line.startswith("#")]
    head, *rows = csv.reader([line for line in lines if line and not line.startswith("#")])
    head_html = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(_cell(text) for text in row)}</tr>" for row in rows)
    told = "".join(f"<p class='note'>{html.escape(line)}</p>" for line in comments)
    table = f'<table class="data"><thead><tr>{head_html}</tr></thead><tbody>{body}</tbody></table>'
    return f'{told}<div class="scroll tall">{table}</div>\n'


def _cell(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        return f"<td>{html.escape(text)}</td>"
    short = text if len(text) <= 9 else f"{value:.6g}"
    title = "" if short == text else f' title="{html.escape(plain_text(text))}"'
    return f'<td class="number"{title}>{short}</td>'
