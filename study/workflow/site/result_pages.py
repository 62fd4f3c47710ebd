"""The explorer, the gallery of figures, the claims, and the committed tables."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from evlib.figures.interactive.day_map import day_map
from evlib.figures.interactive.loop_diagram import loop_diagram
from evlib.figures.interactive.stored_runs import (
    charging_frames,
    follower_frames,
    plug_frames,
    stored_runs,
    variant_frames,
)
from study.workflow.site.markdown import heading_html, plain_text
from study.workflow.site.notebook_page import figure_html, read_notebook
from study.workflow.site.page import Page
from study.workflow.site.sources import Sources

__all__ = ["claims_page", "explorer_page", "figures_page", "tables_page"]

_MOST_ROWS, _MOST_COLUMNS = 200, 40  # of a committed table on its page
_MAP, _DAYS = "figures/01_networks.csv", "data/results/day_nguyen.csv"
# Table in data/results -> heading, what there is to see, what is varied, how its rows become frames, and the first one.
_STORED = {
    "waterfall_nguyen": (
        "How many drivers follow",
        "From the nearest station to the coordinated day, one step of information at a time; the others drive to the "
        "nearest station.",
        ("drivers who follow",),
        follower_frames,
        ("100 %",),
    ),
    "plugs_capacity_nguyen": (
        "Plugs and roads",
        "Fewer plugs make queues, narrower roads make jams; both are assumptions of the base case.",
        ("plugs of each station", "capacity of each road"),
        plug_frames,
        ("170", "150 veh/h"),
    ),
    "runs_nguyen": (
        "Charging",
        "When vehicles charge, and whether they may give energy back.",
        ("charging",),
        charging_frames,
        ("smart, with V2G",),
    ),
    "variants_nguyen": (
        "Other assumptions",
        "The article's claims, one definition each, where one assumption is another one.",
        ("assumption",),
        variant_frames,
        ("base",),
    ),
}


def explorer_page(sources: Sources) -> Page | None:
    """Two days to play, and sliders over stored runs, from the committed tables that there are; None without any."""
    parts = []
    files = [sources.root / name for name in (_MAP, _DAYS)]
    if all(file.is_file() for file in files):
        items, days = (pd.read_csv(file, comment="#") for file in files)
        parts.append(heading_html("One day, twice", 2, "day"))
        parts.append(
            f"<p>The same vehicles, wind and sun, step by step. {_source('day_nguyen')}</p>{day_map(items, days)}"
        )
    for name, (heading, told, controls, frames, start) in _STORED.items():
        file = sources.root / "data" / "results" / f"{name}.csv"
        if file.is_file():
            parts.append(heading_html(heading, 2, name))
            piece = stored_runs(heading, controls, frames(pd.read_csv(file, comment="#")), start)
            parts.append(f"<p>{told} {_source(name)}</p>{piece}")
    if not parts:
        return None
    loop = f'<div class="scroll">{loop_diagram()}</div><figcaption>The loop: all that crosses.</figcaption>'
    opening = f"<h1>Explorer</h1>\n<figure>{loop}</figure>"
    return Page("explorer.html", "Explorer", "".join([opening, *parts]), group="Results")


def _source(table: str) -> str:
    return f'<a href="tables.html#{table}">Where the numbers come from.</a>'


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
        f'<a href="files/figures/claims.csv">claims.csv</a></p>\n{_table(path)}'
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
        parts.append(f'<p><a href="files/{target}">{html.escape(path.name)}</a></p>\n{_table(path, tall=True)}')
    return Page("tables.html", "Tables", "".join(parts), group="Results")


def _table(path: Path, *, tall: bool = False) -> str:
    """A CSV file as HTML: comment lines first, then the table, numbers to six digits and their full text on hovering.

    A ``tall`` table scrolls in a box of its own.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.lstrip("# ") for line in lines if line.startswith("#")]
    head, *rows = csv.reader([line for line in lines if line and not line.startswith("#")])
    if len(rows) > _MOST_ROWS or len(head) > _MOST_COLUMNS:
        comments.append(
            f"{len(rows)} rows of {len(head)} columns; the first {_MOST_ROWS} and {_MOST_COLUMNS} are shown"
        )
        head, rows = head[:_MOST_COLUMNS], [row[:_MOST_COLUMNS] for row in rows[:_MOST_ROWS]]
    head_html = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(_cell(text) for text in row)}</tr>" for row in rows)
    told = "<br>".join(map(html.escape, comments))
    told = told and f"<p class='note'>{told}</p>"
    table = f'<table class="data"><thead><tr>{head_html}</tr></thead><tbody>{body}</tbody></table>'
    return f'{told}<div class="scroll{" tall" if tall else ""}">{table}</div>\n'


def _cell(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        return f"<td>{html.escape(text)}</td>"
    short = text if len(text) <= 9 else f"{value:.6g}"
    title = "" if short == text else f' title="{html.escape(plain_text(text))}"'
    return f'<td class="number"{title}>{short}</td>'
