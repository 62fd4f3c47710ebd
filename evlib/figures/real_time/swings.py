"""How drivers swing between stations when all are told the present state."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.style import COLOURS, DASHES, INK, LEGEND_BELOW, ROOM_BELOW, clock_axis, finish, hours

__all__ = ["shares_by_step", "swing_by_gain"]


def swing_by_gain(table: pd.DataFrame, title: str) -> go.Figure:
    """Amplitude of the two-cycle over the gain: the curve that follows by hand, and what the code does.

    Parameters
    ----------
    table : DataFrame
        ``gain``, ``by_hand``, ``by_code``: largest imbalance of the shares, 0 to 1 [1]; ``by_code`` may be nan.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    figure.add_scatter(
        x=table["gain"], y=table["by_hand"], mode="lines", line={"color": COLOURS[0], "width": 2.5}, name="by hand"
    )
    marker = {"symbol": "circle-open", "size": 11, "color": INK, "line": {"width": 2}}
    run = table.dropna(subset=["by_code"])
    figure.add_scatter(x=run["gain"], y=run["by_code"], mode="markers", marker=marker, name="by the loading")
    finish(figure, title=title, height=370, margin=ROOM_BELOW, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="gain [1]")
    return figure.update_yaxes(title_text="imbalance of the shares [1]", range=[-0.05, 1.1])


def shares_by_step(table: pd.DataFrame, title: str) -> go.Figure:
    """Share of departures that goes to one station, step by step, a line for each signal.

    Parameters
    ----------
    table : DataFrame
        ``clock``, ``signal`` (at most six), ``share`` [1].
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = make_subplots(rows=1, cols=1)
    for number, (signal, rows) in enumerate(table.groupby("signal", sort=False)):
        figure.add_scatter(
            x=hours(rows["clock"]),
            y=rows["share"],
            mode="lines+markers",
            line={"color": COLOURS[(0, 5, 2, 1, 3, 4)[number]], "dash": DASHES[number], "width": 2},
            marker={"symbol": ("circle", "square", "diamond", "x", "cross", "star")[number], "size": 7},
            name=signal,
        )
    finish(figure, title=title, height=370, margin=ROOM_BELOW, legend=LEGEND_BELOW)
    clock_axis(figure, table["clock"])
    _finer(figure, table["clock"])
    return figure.update_yaxes(title_text="share of departures [1]", range=[-0.05, 1.05])


def _finer(figure: go.Figure, clock) -> None:
    """Ticks at every quarter of an hour, for days of an hour or two."""
    shown = hours(dict.fromkeys(clock))
    if shown[-1] - shown[0] <= 2.0:
        first, last = int(shown[0] * 4), int(shown[-1] * 4) + 1
        ticks = [number / 4 for number in range(first, last + 1)]
        labels = [f"{int(tick) % 24}:{int(60 * (tick % 1)):02d}" for tick in ticks]
        figure.update_xaxes(tickvals=ticks, ticktext=labels, range=[shown[0] - 0.02, shown[-1] + 0.02])
