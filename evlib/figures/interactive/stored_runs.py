"""Sliders over stored runs: bars of cost, or a table of verdicts, for each combination that was solved."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.figures.style import COLOURS

__all__ = ["Frame", "charging_frames", "follower_frames", "plug_frames", "stored_runs", "variant_frames"]

_SCRIPT = Path(__file__).with_suffix(".js")
# Part of a cost -> colour and pattern, so that neighbours differ in grey too.
_PARTS = {
    "time and queue": (COLOURS[0], ""),
    "time on roads": (COLOURS[0], ""),
    "waiting for plugs": (COLOURS[4], "repeating-linear-gradient(45deg, #0000 0 4px, #0004 4px 6px)"),
    "electricity supply": (COLOURS[1], ""),
}
_STEPS = {
    "shortest_path": "nearest station",
    "informed": "and knows roads and queues",
    "informed_tou": "and a tariff by the hour",
    "user": "and local prices",
    "coordinated": "and tolls and rents: coordinated",
}
_CHARGING = {"uncontrolled": "at once", "smart": "smart", "v2g": "smart, with V2G"}
_STYLE = f"""
.stored-runs {{ margin: 1rem 0; }}
.stored-runs .controls {{ display: grid; grid-template-columns: minmax(9rem, auto) 1fr minmax(6rem, auto); gap: 0.4rem 0.8rem; }}
.stored-runs .controls output {{ font-weight: 600; font-variant-numeric: tabular-nums; }}
.stored-runs .run {{ display: grid; grid-template-columns: 16rem 1fr; gap: 0.2rem 0.8rem; margin: 0.5rem 0; }}
.stored-runs .bar {{ display: flex; height: 1.6rem; }}
.stored-runs .bar span {{ display: block; border-right: 1px solid #ffffff; }}
.stored-runs .total {{ padding-left: 0.4rem; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.stored-runs .key {{ display: inline-block; width: 1.1rem; height: 0.8rem; margin: 0 0.3rem 0 0.8rem; }}
.stored-runs .part {{ white-space: nowrap; }}
.stored-runs .unsettled {{ border-left: 4px solid {COLOURS[5]}; padding-left: 0.6rem; }}
@media (max-width: 40rem) {{
  .stored-runs .run, .stored-runs .controls {{ grid-template-columns: 1fr; }}
}}
"""


@dataclass(frozen=True)
class Frame:
    """What is shown for one combination.

    Attributes
    ----------
    settings : tuple of str
        A value for each control, as it is written beside it.
    bars : tuple of (str, tuple of (str, float))
        Name of a run, and its parts: name and cost [CNY].
    text : str
        What there is to say, with the certificate.
    rows : tuple of tuple of str
        A table in place of bars; the first row is its head.
    settled : bool
    """

    settings: tuple[str, ...]
    bars: tuple = ()
    text: str = ""
    rows: tuple = ()
    settled: bool = field(default=True)


def stored_runs(title: str, controls: Iterable[str], frames: list[Frame], start: tuple[str, ...]) -> str:
    """A piece of a page with a slider for each control, which shows the frame of their combination.

    Parameters
    ----------
    title : str
        Name of the group of controls.
    controls : iterable of str
        What each slider sets. Its values are those of the frames, in the order in which they come.
    frames : list of Frame
    start : tuple of str
        Settings of the frame that is shown first, also where there is no JavaScript.

    Returns
    -------
    str

    Raises
    ------
    InputError
        No frame has the settings of the start, two frames have the same ones, or not one for each control.
    """
    controls = tuple(controls)
    if start not in [frame.settings for frame in frames]:
        raise InputError(f"stored_runs {title!r}: start {start}: no frame has these settings; there are {len(frames)}")
    for number, frame in enumerate(frames):
        if len(frame.settings) != len(controls):
            raise InputError(f"stored_runs {title!r}: frame {number}: settings {frame.settings} for {controls}")
        if frame.settings in [other.settings for other in frames[:number]]:
            raise InputError(f"stored_runs {title!r}: frame {number}: settings {frame.settings} come twice")
    longest = max((sum(cost for _, cost in parts) for frame in frames for _, parts in frame.bars), default=1.0)
    values = [list(dict.fromkeys(frame.settings[place] for frame in frames)) for place in range(len(controls))]
    sliders = "".join(
        f'<label for="{_anchor(title, place)}">{html.escape(control)}</label>'
        f'<input type="range" id="{_anchor(title, place)}" min="0" max="{len(values[place]) - 1}" '
        f'value="{values[place].index(start[place])}"><output>{html.escape(start[place])}</output>'
        for place, control in enumerate(controls)
    )
    shown = "".join(_frame_html(frame, longest, hidden=frame.settings != start) for frame in frames)
    content = json.dumps(values, ensure_ascii=False).replace("</", "<\\/")
    return f"""<div class="stored-runs" role="group" aria-label="{html.escape(title)}">
<style>{_STYLE}</style>
<div class="controls">{sliders}</div>
<div aria-live="polite">{shown}<p class="none" hidden>This combination was not solved.</p></div>
<script type="application/json">{content}</script>
<script>{_SCRIPT.read_text(encoding="utf-8")}</script>
</div>
"""


def follower_frames(table: pd.DataFrame) -> list[Frame]:
    """Share of drivers who follow, from ``waterfall_nguyen.csv``: bars from the nearest station to the coordinated day."""
    frames = []
    for share, rows in sorted(table[table["charging"] == "v2g"].groupby("follow")):
        by_step = rows.set_index("strategy")
        bars = tuple((name, _two_parts(by_step.loc[step])) for step, name in _STEPS.items())
        nearest, best = by_step.loc["shortest_path"], by_step.loc["coordinated"]
        saving = nearest["total_cny"] - best["total_cny"]
        text = f"Coordination saves {saving:,.0f} CNY, {100 * saving / nearest['total_cny']:.0f} % of the nearest station's. "
        if "snapshot" in by_step.index:
            text += (
                f"One snapshot of prices, told to the same drivers: {by_step.loc['snapshot', 'total_cny']:,.0f} CNY. "
            )
        settled = (by_step["converged"].dropna() == 1).all()
        text += _certificate(best["relative_gap"], settled)
        frames.append(Frame((f"{100 * share:.0f} %",), bars, text, settled=settled))
    return frames


def plug_frames(table: pd.DataFrame) -> list[Frame]:
    """Plugs of a station and capacity of a road, from ``plugs_capacity_nguyen.csv``: nearest beside coordinated."""
    frames = []
    for row in table.sort_values(["plugs", "capacity_veh_h"]).to_dict("records"):
        bars = []
        for name, day in (("nearest station", "nearest"), ("coordinated", "coordinated")):
            road, waiting, total = (row[f"{day}_{part}_cny"] for part in ("road", "waiting", "total"))
            parts = (
                ("time on roads", road),
                ("waiting for plugs", waiting),
                ("electricity supply", total - road - waiting),
            )
            bars.append((name, parts))
        text = (
            f"Coordination saves {row['saving_cny']:,.0f} CNY. The nearest station costs {row['a3_time_queue']:.0f} % more "
            f"in time and queue. {_certificate(row['relative_gap'], row['settled'] == 1)}"
        )
        settings = f"{row['plugs']:.0f}", f"{row['capacity_veh_h']:.0f} veh/h"
        frames.append(Frame(settings, tuple(bars), text, settled=row["settled"] == 1))
    return frames


def charging_frames(table: pd.DataFrame) -> list[Frame]:
    """How vehicles charge, from ``runs_nguyen.csv``: nearest station beside coordinated."""
    frames = []
    rows = table[(table["compliance"] == 1) & (table["signal"] == "experienced")]
    for charging, label in _CHARGING.items():
        by_strategy = rows[rows["charging"] == charging].set_index("strategy")
        days = (("nearest station", "shortest_path"), ("coordinated", "coordinated"))
        bars = tuple((name, _two_parts(by_strategy.loc[strategy])) for name, strategy in days)
        best = by_strategy.loc["coordinated"]
        settled = best["converged"] == 1
        frames.append(Frame((label,), bars, _certificate(best["relative_gap"], settled), settled=settled))
    return frames


def variant_frames(table: pd.DataFrame) -> list[Frame]:
    """The article's claims under other assumptions, from ``variants_nguyen.csv``: a table of verdicts for each."""
    frames = []
    for variant, rows in table.groupby("variant", sort=False):
        head = ("claim", "definition", "article", "here", "unit", "verdict")
        shown = rows[["claim", "definition", "article", "ours", "unit", "verdict"]]
        cells = tuple(tuple(_number(value) for value in row) for row in shown.itertuples(index=False))
        settled = bool((rows["state"] == "settled").all())
        text = _certificate(rows["relative_gap"].iloc[0], settled)
        frames.append(Frame((str(variant),), text=text, rows=(head, *cells), settled=settled))
    return frames


def _two_parts(row: pd.Series) -> tuple:
    late = 0.0 if pd.isna(row["after_horizon_cny"]) else row["after_horizon_cny"]
    return ("time and queue", row["time_queue_cny"]), ("electricity supply", row["grid_cny"] + late)


def _certificate(gap: float, settled: bool) -> str:
    told = "" if pd.isna(gap) else f" (relative gap {gap:.1g})"
    return f"The coordinated run has {'settled' if settled else 'not settled: read it with care'}{told}."


def _number(value) -> str:
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else f"{value:.3g}"


def _frame_html(frame: Frame, longest: float, *, hidden: bool) -> str:
    settings = html.escape(json.dumps(frame.settings, ensure_ascii=False))
    parts = [_bar_html(name, bar, longest) for name, bar in frame.bars]
    names = dict.fromkeys(name for _, bar in frame.bars for name, _ in bar)
    if names:
        keys = "".join(
            f'<span class="part"><span class="key" style="{_look(name)}"></span>{html.escape(name)}</span> '
            for name in names
        )
        parts.append(f'<p class="note">Costs of the day in CNY: {keys}</p>')
    if frame.rows:
        head, *rows = frame.rows
        cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        parts.append(f'<div class="scroll"><table class="data"><tr>{cells}</tr>{body}</table></div>')
    mark = "" if frame.settled else ' class="unsettled"'
    parts.append(f"<p{mark}>{html.escape(frame.text)}</p>")
    return f'<div class="frame" data-settings="{settings}"{" hidden" if hidden else ""}>{"".join(parts)}</div>'


def _bar_html(name: str, parts: tuple, longest: float) -> str:
    total = sum(cost for _, cost in parts)
    # Four fifths of the width for the longest bar leave room for its number.
    pieces = "".join(
        f'<span style="width: {80 * max(cost, 0.0) / longest:.2f}%; {_look(part)}" '
        f'title="{html.escape(part)}: {cost:,.0f} CNY"></span>'
        for part, cost in parts
    )
    return (
        f'<div class="run"><span>{html.escape(name)}</span>'
        f'<span class="bar">{pieces}<b class="total">{total:,.0f}</b></span></div>'
    )


def _look(part: str) -> str:
    colour, pattern = _PARTS[part]
    return f"background: {pattern + ', ' if pattern else ''}{colour}"


def _anchor(title: str, place: int) -> str:
    return html.escape(f"set-{place}-{'-'.join(title.lower().split())}")
