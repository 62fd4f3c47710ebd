"""Forecasts of a day as they change, what a driver's screen shows, and what days cost by signal."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.errors import InputError
from evlib.figures.style import COLOURS, DASHES, INK, LEGEND_BELOW, ROOM_BELOW, clock_axis, finish, hours

__all__ = ["cost_by_signal", "forecast_fan", "screen"]

_SYMBOLS = ("circle", "square", "diamond", "x", "triangle-up", "cross")


def forecast_fan(table: pd.DataFrame, title: str) -> go.Figure:
    """What is measured, and what is expected at several times of the day.

    Parameters
    ----------
    table : DataFrame
        ``clock``, ``line`` (the first is drawn boldly), ``power_pu`` [per unit of rating].
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = make_subplots(rows=1, cols=1)
    for number, (name, rows) in enumerate(table.groupby("line", sort=False)):
        line = {"color": INK, "width": 3.5} if number == 0 else {"color": COLOURS[(0, 5, 2, 1, 3)[(number - 1) % 5]]}
        line |= {} if number == 0 else {"dash": DASHES[number % len(DASHES)], "width": 2}
        figure.add_scatter(x=hours(rows["clock"]), y=rows["power_pu"], mode="lines", line=line, name=name)
    finish(figure, title=title, height=400, margin=ROOM_BELOW | {"b": 110}, legend=LEGEND_BELOW)
    clock_axis(figure, table["clock"])
    return figure.update_yaxes(title_text="power [per unit of rating]", rangemode="tozero")


def screen(table: pd.DataFrame, title: str) -> go.Figure:
    """Cost that a driver is told for each station, by the minute of leaving.

    Parameters
    ----------
    table : DataFrame
        ``minute`` (clock ``HH:MM``), ``station`` (at most six), ``cost_cny`` [CNY].
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    for number, (station, rows) in enumerate(table.groupby("station", sort=False)):
        figure.add_scatter(
            x=rows["minute"],
            y=rows["cost_cny"],
            mode="lines+markers",
            line={"color": COLOURS[(0, 5, 2, 1, 3, 4)[number]], "dash": DASHES[number], "width": 2},
            marker={"symbol": _SYMBOLS[number], "size": 7},
            name=station,
        )
    finish(figure, title=title, height=380, margin=ROOM_BELOW | {"b": 105}, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="leaves at", type="category", nticks=8)
    return figure.update_yaxes(title_text="told for the whole trip [CNY]")


def cost_by_signal(table: pd.DataFrame, title: str) -> go.Figure:
    """Total cost over that of perfect foresight, a dot for each day, a bar at the median.

    Parameters
    ----------
    table : DataFrame
        ``signal`` (in the order of the rows from top), ``day``, ``over_perfect`` [1].
    title : str
        States the finding.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If a value is not positive: it is drawn on a logarithmic axis.
    """
    wrong = table[~(table["over_perfect"] > 0)]
    if len(wrong):
        row = wrong.iloc[0]
        raise InputError(f"{row['signal']}, {row['day']}: over_perfect = {row['over_perfect']}; must be above 0")
    figure = go.Figure()
    signals = list(dict.fromkeys(table["signal"]))
    marker = {"symbol": "circle-open", "size": 9, "color": COLOURS[0], "line": {"width": 1.5}}
    figure.add_scatter(x=table["over_perfect"], y=table["signal"], mode="markers", marker=marker, name="a day")
    median = table.groupby("signal", sort=False)["over_perfect"].median()
    marker = {"symbol": "line-ns-open", "size": 26, "color": INK, "line": {"width": 3.5}}
    figure.add_scatter(x=median, y=median.index, mode="markers", marker=marker, name="median")
    margin = ROOM_BELOW | {"l": 125}
    finish(figure, title=title, height=150 + 45 * len(signals), margin=margin, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="total cost, times that of perfect foresight", type="log")
    ticks = [value for value in (0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 3, 5, 8, 12) if value < 2 * table["over_perfect"].max()]
    figure.update_xaxes(tickvals=ticks, ticktext=[f"{value:g}" for value in ticks])
    return figure.update_yaxes(title_text="signal", categoryorder="array", categoryarray=signals[::-1])
