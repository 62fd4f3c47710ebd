"""Roads and queues: departures, cumulative curves, impedances, volume over capacity, occupied plugs, time signals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.style import (
    COLOURS,
    INK,
    LEGEND_BELOW,
    ROOM_BELOW,
    finish,
    heat_scale,
    legend_entry,
    line_look,
)
from evlib.figures.style import hours as hours_of

__all__ = [
    "clock_axis",
    "cumulative_curves",
    "departures",
    "hours_of",
    "impedances",
    "station_occupancy",
    "time_signals",
    "volume_over_capacity",
]


def departures(table: pd.DataFrame, title: str) -> go.Figure:
    """Departures of each vehicle class over the day, drawn as steps.

    Parameters
    ----------
    table : DataFrame
        ``vehicle_class``, ``clock`` (start of the step), ``departures_veh`` (in that step).
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    for number, (name, rows) in enumerate(table.groupby("vehicle_class", sort=False)):
        hours, values = hours_of(rows["clock"]), rows["departures_veh"].to_numpy()
        figure.add_scatter(
            x=np.append(hours, 2 * hours[-1] - hours[-2]),  # up to the end of the last step
            y=np.append(values, values[-1]),
            mode="lines",
            line={"shape": "hv", **line_look(number, 2)},
            name=name,
        )
    finish(figure, title=title, height=370, margin=ROOM_BELOW, legend=LEGEND_BELOW)
    figure.update_yaxes(title_text="departures [veh per step]", rangemode="tozero")
    return clock_axis(figure, table["clock"])


def cumulative_curves(curves: pd.DataFrame, at_min: float, title: str) -> go.Figure:
    """Vehicles that have entered and left a road, with the gaps between the two curves marked at one moment.

    Parameters
    ----------
    curves : DataFrame
        ``minute_min``, ``entered_veh``, ``left_veh``.
    at_min : float
        Moment at which to read the number of vehicles on the road (vertical line), and the time that a vehicle entering
        then spends there (horizontal line) [min].
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    for number, (column, name) in enumerate((("entered_veh", "entered"), ("left_veh", "left"))):
        line = line_look(number)
        figure.add_scatter(x=curves["minute_min"], y=curves[column], mode="lines", line=line, name=name)
    minute, entered, left = (curves[name].to_numpy() for name in ("minute_min", "entered_veh", "left_veh"))
    high, low = np.interp(at_min, minute, entered), np.interp(at_min, minute, left)
    exit_min = minute[np.flatnonzero(left >= high - 1e-9)[0]]
    for x, y, name in (
        ([at_min, at_min], [low, high], f"{high - low:g} veh on the road at {at_min:g} min"),
        ([at_min, exit_min], [high, high], f"{exit_min - at_min:g} min on the road for who enters at {at_min:g} min"),
    ):
        ends = {"size": 9, "symbol": "circle-open" if x[0] == x[1] else "diamond-open"}
        line = {"color": INK, "width": 1.5, "dash": "dot"}
        white = {"color": "#ffffff", "width": 5}  # below the dots, where they lie on a curve
        figure.add_scatter(x=x, y=y, mode="lines", line=white, showlegend=False, hoverinfo="skip")
        figure.add_scatter(x=x, y=y, mode="lines+markers", marker=ends, line=line, name=name)
    finish(figure, title=title, height=400, legend={"x": 0.98, "xanchor": "right", "y": 0.04, "yanchor": "bottom"})
    figure.update_layout(margin={**ROOM_BELOW, "b": 60})
    figure.update_xaxes(title_text="time since the first vehicle [min]")
    figure.update_yaxes(title_text="vehicles, cumulated [veh]", rangemode="tozero")
    return figure


def impedances(table: pd.DataFrame, most_min: float, title: str) -> go.Figure:
    """Travel time of one road against the vehicles on it, one line for each impedance.

    Parameters
    ----------
    table : DataFrame
        ``function``, ``vehicles_veh``, ``travel_min``.
    most_min : float
        Upper end of the axis [min]; longer times are cut off.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    for number, (name, rows) in enumerate(table.groupby("function", sort=False)):
        line = line_look(number)
        figure.add_scatter(x=rows["vehicles_veh"], y=rows["travel_min"], mode="lines", line=line, name=name)
    finish(figure, title=title, height=390, margin=ROOM_BELOW, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="vehicles on the road [veh]")
    figure.update_yaxes(title_text="travel time [min]", range=[0, most_min])
    return figure


def volume_over_capacity(arcs: pd.DataFrame, title: str) -> go.Figure:
    """Inflow over capacity of every road over the day; a road stays white while nobody enters it.

    Parameters
    ----------
    arcs : DataFrame
        ``arc``, ``clock``, ``inflow_over_capacity``; roads are drawn from top to bottom in their order.
    title : str
        States the finding.

    Returns
    -------
    Figure
        A dot marks each step in which the inflow exceeds the capacity.
    """
    grid = arcs.pivot(index="arc", columns="clock", values="inflow_over_capacity")
    grid = grid.loc[list(dict.fromkeys(arcs["arc"])), list(dict.fromkeys(arcs["clock"]))]
    hours = hours_of(grid.columns)
    half_step = (hours[1] - hours[0]) / 2
    figure = go.Figure()
    figure.add_heatmap(
        x=hours + half_step,
        y=grid.index,
        z=grid.where(grid > 0).round(4),
        zmin=0,
        zmax=float(grid.max(axis=None).round(4)),
        colorscale=heat_scale(),
        hoverongaps=False,
        ygap=3,
        colorbar={"title": {"text": "inflow / capacity [1]", "side": "right"}, "x": 1.01, "len": 1.0, "thickness": 14},
    )
    row, column = np.nonzero(grid.to_numpy() > 1 + 1e-9)
    figure.add_scatter(
        x=(hours + half_step)[column],
        y=grid.index[row],
        mode="markers",
        marker={"color": "#000000", "size": 4},
        name="above capacity",
    )
    height = min(480, 240 + 40 * len(grid))
    finish(figure, title=title, height=height, margin={**ROOM_BELOW, "r": 90}, legend=LEGEND_BELOW, showlegend=True)
    figure.update_yaxes(title_text="road (from-to)", type="category", autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False)
    return clock_axis(figure, arcs["clock"])


def station_occupancy(stations: pd.DataFrame, plugs_by_station: dict, title: str) -> go.Figure:
    """Occupied plugs and queue of stations over the day, one panel for each station.

    Parameters
    ----------
    stations : DataFrame
        ``station``, ``clock``, ``occupied_plugs``, ``queue_veh``.
    plugs_by_station : dict of str -> float
        Stations to draw, each with its number of plugs, drawn as a horizontal line.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    names = list(plugs_by_station)
    figure = make_subplots(
        cols=len(names),
        shared_yaxes=True,
        horizontal_spacing=0.08,
        subplot_titles=[f"station {name}" for name in names],
    )
    for number, name in enumerate(names):
        rows = stations[stations["station"] == name]
        hours = hours_of(rows["clock"])
        place = {"row": 1, "col": number + 1}
        lines = (
            (
                [hours[0], hours[-1]],
                [plugs_by_station[name]] * 2,
                "plugs",
                {"color": INK, "dash": "dash", "width": 1.5},
            ),
            (hours, rows["occupied_plugs"], "occupied plugs", {"color": COLOURS[0], "width": 2.5}),
            (hours, rows["queue_veh"], "vehicles waiting", {"color": COLOURS[5], "dash": "dot", "width": 2.5}),
        )
        for x, y, label, line in lines:
            figure.add_scatter(x=x, y=y, mode="lines", line=line, **legend_entry(label, number == 0), **place)
    finish(figure, title=title, height=400, margin={**ROOM_BELOW, "t": 80}, legend=LEGEND_BELOW)
    figure.update_yaxes(title_text="vehicles [veh]", rangemode="tozero", col=1)
    return clock_axis(figure, stations["clock"], every_h=2)


def time_signals(path: pd.DataFrame, title: str) -> go.Figure:
    """Times that drivers on one path are told at departure, and those they then experience: road and waiting time.

    Parameters
    ----------
    path : DataFrame
        ``clock`` (of departure) and ``experienced_road_min``, ``experienced_waiting_min``, ``instantaneous_road_min``,
        ``instantaneous_waiting_min``, as in a result's table ``paths``.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    for part, colour in (("road", COLOURS[0]), ("waiting", COLOURS[1])):
        for signal, dash, width in (("experienced", "solid", 2.5), ("instantaneous", "dash", 2)):
            figure.add_scatter(
                x=hours_of(path["clock"]),
                y=path[f"{signal}_{part}_min"],
                mode="lines",
                line={"color": colour, "dash": dash, "width": width},
                name=f"{part}, {signal}",
            )
    finish(
        figure,
        title=title,
        height=400,
        margin=ROOM_BELOW,
        legend={**LEGEND_BELOW, "entrywidthmode": "fraction", "entrywidth": 0.4},
    )
    figure.update_yaxes(title_text="time [min]", rangemode="tozero")
    return clock_axis(figure, path["clock"], text="clock time of departure")


def clock_axis(figure: go.Figure, clock, every_h: int = 1, text: str = "clock time") -> go.Figure:
    """Label a time axis in hours with the full hours of the clock, from the first of these times to the last."""
    hours = hours_of(dict.fromkeys(clock))
    ticks = np.arange(np.floor(hours[0]), np.ceil(hours[-1]) + 1, every_h)
    labels = [f"{int(hour) % 24:02d}:00" for hour in ticks]
    figure.update_xaxes(title_text=text, tickvals=ticks, ticktext=labels, range=[hours[0], ticks[-1]])
    return figure
