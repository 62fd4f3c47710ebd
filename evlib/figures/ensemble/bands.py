"""Bands of numbers beside those of the article, shares of draws in which claims hold, and ranges of the unknowns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from evlib.errors import InputError
from evlib.figures.style import COLOURS, INK, LEGEND_BELOW, ROOM_BELOW, finish

__all__ = ["claim_shares_bars", "knob_ranges", "number_bands"]

_BAND = {"color": COLOURS[0], "width": 7}
# Column -> name, colour, symbol, and how far below the band's line: marks of one number do not hide each other.
_MARKS = {
    "fair": ("base case", COLOURS[1], "diamond", -0.27),
    "median": ("median", "white", "circle", 0.0),
    "article": ("article", COLOURS[5], "x", 0.27),
}
_ERROR = {"color": INK, "thickness": 1.5, "width": 5}


def number_bands(bands: pd.DataFrame, title: str, *, most: float = 400.0) -> go.Figure:
    """A line from the 5th to the 95th percentile of each number, with its median, the article's number and the base case.

    Parameters
    ----------
    bands : DataFrame
        ``name`` (drawn on the axis), ``low``, ``median``, ``high`` and their errors as
        :func:`evlib.results.ensemble.bands.band_of` makes them, ``article`` and ``fair`` [%]; rows from top to bottom.
    title : str
        States the finding.
    most : float
        Where the axis ends on either side [%]; what lies beyond is written at the edge.

    Returns
    -------
    Figure
        The thin whiskers at the ends of a band are 90 % of its own sampling error. The base case stands above the line and the
        article's number below it.
    """
    needed = ("name", "low", "median", "high", "low_error", "median_error", "high_error", "article", "fair")
    missing = [column for column in needed if column not in bands]
    if missing:
        raise InputError(f"bands: column {missing[0]!r} is missing; must have {', '.join(needed)}")
    places, figure = np.arange(len(bands), dtype=float), go.Figure()
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    low, high = (bands[end].clip(-most, most) for end in ("low", "high"))
    gap = np.full(len(bands), np.nan)
    x, y = np.column_stack([low, high, gap]).ravel(), np.repeat(places, 3)
    figure.add_scatter(x=x, y=y, mode="lines", line=_BAND, name="5-95 % of draws")
    for end in ("low", "high"):
        inside = (bands[end].abs() <= most).to_numpy()
        figure.add_scatter(
            x=bands[end][inside],
            y=places[inside],
            error_x=_ERROR | {"array": 1.645 * bands[f"{end}_error"][inside]},
            mode="markers",
            marker={"color": INK, "size": 9, "symbol": "line-ns", "line": {"color": INK, "width": 1.5}},
            name="sampling error of its ends",
            legendgroup="error",
            showlegend=end == "low",
        )
    for column, (name, colour, symbol, side) in _MARKS.items():
        marker = {"color": colour, "symbol": symbol, "size": 11, "line": {"color": INK, "width": 1.5}}
        figure.add_scatter(x=bands[column], y=places + side, mode="markers", marker=marker, name=name)
    for place, row in zip(places, bands.itertuples(), strict=True):
        for value, side in ((row.low, -1), (row.high, 1)):
            if abs(value) > most:
                text = f"{value:.0f} →" if side > 0 else f"← {value:.0f}".replace("-", "−")
                at = {"x": side * most, "xanchor": "right" if side > 0 else "left", "yshift": 14}
                figure.add_annotation(text=text, y=place, showarrow=False, **at)
    finish(
        figure, title=title, height=160 + 62 * len(bands), margin=ROOM_BELOW | {"l": 215, "b": 105}, legend=LEGEND_BELOW
    )
    figure.update_xaxes(title_text="number of the claim [%]")
    return figure.update_yaxes(
        title_text="claim", tickvals=places, ticktext=list(bands["name"]), range=[len(bands) - 0.4, -0.6]
    )


def claim_shares_bars(shares: pd.DataFrame, names: dict, title: str) -> go.Figure:
    """Share of draws in which each claim holds, with its 90 % interval, and in which its number does.

    Parameters
    ----------
    shares : DataFrame
        As :func:`evlib.results.ensemble.probability.claim_shares` makes it.
    names : dict of str -> str
        Claim -> a few words.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    rows = shares[shares["n"] > 0]
    unknown = sorted(set(rows["claim"]) - set(names))
    if unknown:
        raise InputError(f"shares: claim {unknown[0]} has no name; there are {', '.join(names)}")
    labels = [f"{claim}: {names[claim]}" for claim in rows["claim"]]
    numbers = rows["claim"].isin(["A3", "A4", "A5", "A6", "A7"])
    figure = go.Figure()
    percent = {name: 100 * rows[name] for name in ("holds", "holds_low", "holds_high", "number")}
    ends = {"array": percent["holds_high"] - percent["holds"], "arrayminus": percent["holds"] - percent["holds_low"]}
    bar = {"orientation": "h", "y": labels}
    marker = {"color": COLOURS[4], "line": {"color": INK, "width": 0.5}}
    figure.add_bar(x=percent["holds"], error_x=_ERROR | ends, name="direction holds", marker=marker, **bar)
    marker = {"color": COLOURS[0], "line": {"color": INK, "width": 0.5}}
    within = percent["number"].where(numbers)
    figure.add_bar(x=within, name="number within 20 %", marker=marker, width=0.35, **bar)
    finish(figure, title=title, height=130 + 30 * len(rows), margin=ROOM_BELOW | {"l": 255}, legend=LEGEND_BELOW)
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(title_text="share of the draws that decide the claim [%]", range=[0, 102])
    return figure.update_yaxes(title_text="claim", autorange="reversed")


def knob_ranges(ranges: pd.DataFrame, title: str) -> go.Figure:
    """Where each unknown lies among draws that meet a condition, as shares of its range; and in one draw.

    Parameters
    ----------
    ranges : DataFrame
        ``label``, ``low``, ``median``, ``high``, ``draw`` as shares of the knob's range, 0 to 1; rows from top to bottom.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure, labels = go.Figure(), list(ranges["label"])
    gap = np.full(len(ranges), np.nan)
    x = 100 * np.column_stack([ranges["low"], ranges["high"], gap]).ravel()
    figure.add_scatter(x=x, y=np.repeat(labels, 3), mode="lines", line=_BAND, name="5-95 % of these draws")
    marks = {"median": ("median", "white", "circle"), "draw": ("nearest draw", COLOURS[1], "diamond")}
    for column, (name, colour, symbol) in marks.items():
        marker = {"color": colour, "symbol": symbol, "size": 11, "line": {"color": INK, "width": 1.5}}
        figure.add_scatter(x=100 * ranges[column], y=labels, mode="markers", marker=marker, name=name)
    height = 140 + 28 * len(labels)
    finish(figure, title=title, height=height, margin=ROOM_BELOW | {"l": 225}, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="place in the range [%]: 0 = its low end, 100 = its high end", range=[-2, 102])
    return figure.update_yaxes(title_text="unknown", autorange="reversed")
