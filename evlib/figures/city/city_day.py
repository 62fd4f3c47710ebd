"""A city's day in numbers: how the run settled, vehicles and prices step by step, and what each day costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.city.city_map import DAYS
from evlib.figures.style import COLOURS, DASHES, FILLS, LEGEND_BELOW, ROOM_BELOW, finish

__all__ = ["city_costs", "city_settling", "city_steps"]


def city_settling(iterations: pd.DataFrame, wanted_cny_veh: float, title: str) -> go.Figure:
    """Excess and price gap by iteration, on logarithmic axes.

    Parameters
    ----------
    iterations : DataFrame
        ``iteration``, ``excess_cny_veh``, ``price_gap``.
    wanted_cny_veh : float
        Excess to draw a line at [CNY/veh].
    title : str

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    shown = (
        ("excess_cny_veh", "excess [CNY/veh]"),
        ("price_gap", "price gap [share of the grid's cost without vehicles]"),
    )
    for (column, name), colour, dash in zip(shown, COLOURS, DASHES, strict=False):
        figure.add_scatter(
            x=iterations["iteration"],
            y=iterations[column].clip(lower=1e-8),
            mode="lines+markers",
            name=name,
            line={"color": colour, "dash": dash},
        )
    figure.add_hline(y=wanted_cny_veh, line={"color": "#888888", "dash": "dot"})
    finish(figure, title=title, legend=LEGEND_BELOW, margin=ROOM_BELOW)
    figure.update_xaxes(title_text="iteration")
    figure.update_yaxes(title_text="excess, gap", type="log", exponentformat="power")
    return figure


def city_steps(steps: pd.DataFrame, start_h: float, step_min: float, title: str) -> go.Figure:
    """Vehicles that wait, and power and prices of the stations, over the day.

    Parameters
    ----------
    steps : DataFrame
        ``day``, ``step``, ``waiting_veh``, ``station_mw``, ``largest_price_cny_kwh``.
    start_h : float
        Hour of the day at which the first step begins.
    step_min : float
    title : str

    Returns
    -------
    Figure
    """
    rows = (
        ("waiting_veh", "waiting [veh]"),
        ("station_mw", "stations [MW]"),
        ("largest_price_cny_kwh", "highest price<br>[CNY/kWh]"),
    )
    figure = make_subplots(len(rows), 1, shared_xaxes=True, vertical_spacing=0.06)
    for day, colour, dash in zip(DAYS, COLOURS, DASHES, strict=False):
        own = steps[steps["day"] == day]
        clock = (start_h + step_min / 60.0 * (own["step"].to_numpy() + 0.5)).round(3)
        for row, (column, _) in enumerate(rows, start=1):
            figure.add_scatter(
                x=clock, y=own[column], mode="lines", name=DAYS[day], legendgroup=day, showlegend=row == 1,
                line={"color": colour, "dash": dash}, row=row, col=1,
            )  # fmt: skip
    finish(figure, title=title, height=620, legend=LEGEND_BELOW, margin=ROOM_BELOW)
    for row, (_, label) in enumerate(rows, start=1):
        figure.update_yaxes(title_text=label, row=row, col=1)
    figure.update_xaxes(title_text="hour of the day", row=len(rows), col=1)
    return figure


def city_costs(days: pd.DataFrame, title: str) -> go.Figure:
    """Time and waiting, and the grid's cost, of each day.

    Parameters
    ----------
    days : DataFrame
        ``day``, ``time_cny``, ``grid_cny``.
    title : str

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    own = days.set_index("day").loc[list(DAYS)]
    for column, name, colour, fill in (
        ("time_cny", "time and waiting", COLOURS[1], FILLS[1]),
        ("grid_cny", "grid", COLOURS[0], FILLS[0]),
    ):
        figure.add_bar(
            x=list(DAYS.values()),
            y=np.round(own[column] / 1000.0, 1),
            name=name,
            marker={"color": colour, "pattern": {"shape": fill}},
        )
    finish(figure, title=title, barmode="stack", legend=LEGEND_BELOW, margin=ROOM_BELOW)
    figure.update_xaxes(title_text="day")
    figure.update_yaxes(title_text="cost of the day [thousand CNY]")
    return figure
