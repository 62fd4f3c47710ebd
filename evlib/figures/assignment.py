"""What drivers choose: two routes, tolls, and how an iteration approaches the equilibrium."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from evlib.figures.style import COLOURS, DASHES, INK, LEGEND_BELOW, ROOM_BELOW, finish, line_look

__all__ = ["equilibrium_iterations", "marginal_delay", "tolls", "two_routes"]

_ROOM = {**ROOM_BELOW, "b": 105}
_MARKERS = ("circle", "diamond", "square", "triangle-up")


def two_routes(table: pd.DataFrame, meeting: dict[str, tuple[float, float]], title: str) -> go.Figure:
    """Cost of two routes against the number of vehicles on the first, without and with the toll.

    Parameters
    ----------
    table : DataFrame
        ``on_route_1_veh``, ``route_1_cny``, ``route_2_cny``, ``route_1_with_toll_cny``, ``route_2_with_toll_cny``.
    meeting : dict of str -> (float, float)
        Points to mark: name -> vehicles on the first route [veh], cost [CNY].
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    lines = (
        ("route_1_cny", "route 1, own cost", 0, "solid"),
        ("route_2_cny", "route 2, own cost", 5, "dot"),
        ("route_1_with_toll_cny", "route 1, with toll", 0, "dash"),
        ("route_2_with_toll_cny", "route 2, with toll", 5, "dashdot"),
    )
    for column, name, colour, dash in lines:
        line = {"color": COLOURS[colour], "dash": dash, "width": 2.5}
        figure.add_scatter(x=table["on_route_1_veh"], y=table[column], mode="lines", line=line, name=name)
    for number, (name, (vehicles, cost)) in enumerate(meeting.items()):
        marker = {"symbol": _MARKERS[number], "size": 12, "color": INK}
        figure.add_scatter(x=[vehicles], y=[cost], mode="markers", marker=marker, showlegend=False)
        side = 1 if number == 0 else -1  # the first label below the lines, the others above them
        figure.add_annotation(x=vehicles, y=cost, text=name, ax=0, ay=48 * side, arrowwidth=1, standoff=8)
    finish(figure, title=title, margin=_ROOM, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="vehicles on route 1 [veh]")
    figure.update_yaxes(title_text="cost of a vehicle [CNY]", rangemode="tozero")
    return figure


def tolls(table: pd.DataFrame, title: str) -> go.Figure:
    """A driver's own cost, the same with the toll, and the measured derivative of everybody's cost, by departure.

    Parameters
    ----------
    table : DataFrame
        ``minute_min`` (middle of the departure step), ``own_cny``, ``own_and_toll_cny``, ``difference_cny``.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    for number, (column, name) in enumerate((("own_cny", "own cost"), ("own_and_toll_cny", "own cost and toll"))):
        line = line_look(number)
        figure.add_scatter(x=table["minute_min"], y=table[column], mode="lines", line=line, name=name)
    marker = {"symbol": "circle-open", "size": 11, "color": INK, "line": {"width": 2}}
    figure.add_scatter(
        x=table["minute_min"],
        y=table["difference_cny"],
        mode="markers",
        marker=marker,
        name="one more vehicle: change of everybody's cost",
    )
    finish(figure, title=title, margin=_ROOM, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="departure [min]")
    figure.update_yaxes(title_text="cost [CNY per vehicle]", rangemode="tozero")
    return figure


def marginal_delay(table: pd.DataFrame, title: str) -> go.Figure:
    """A driver's own travel time, and the delay that one more vehicle causes the others, by the load of the road.

    Parameters
    ----------
    table : DataFrame
        ``inflow_over_capacity``, ``own_min``, ``others_min`` (by the formula), ``loaded_min`` (by the loading; nan
        where nothing was loaded).
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    lines = (("own_min", "own travel time"), ("others_min", "delay of all others, by the formula"))
    for number, (column, name) in enumerate(lines):
        line = {"color": COLOURS[(0, 5)[number]], "dash": DASHES[number], "width": 2.5}
        figure.add_scatter(x=table["inflow_over_capacity"], y=table[column], mode="lines", line=line, name=name)
    loaded = table.dropna(subset="loaded_min")
    marker = {"symbol": "circle-open", "size": 11, "color": INK, "line": {"width": 2}}
    figure.add_scatter(
        x=loaded["inflow_over_capacity"],
        y=loaded["loaded_min"],
        mode="markers",
        marker=marker,
        cliponaxis=False,
        name="the same, from the toll of a loading",
    )
    finish(figure, title=title, margin=_ROOM, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="inflow / capacity [1]", range=[0, 1])
    figure.update_yaxes(title_text="time [min]", rangemode="tozero")
    return figure


def equilibrium_iterations(table: pd.DataFrame, title: str) -> go.Figure:
    """Excess cost by iteration, one line for each reply of the drivers to the costs.

    Parameters
    ----------
    table : DataFrame
        ``reply``, ``iteration``, ``excess_cny_veh``.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    for number, (name, rows) in enumerate(table.groupby("reply", sort=False)):
        figure.add_scatter(
            x=rows["iteration"],
            y=rows["excess_cny_veh"],
            mode="lines+markers",
            line={"color": COLOURS[(0, 5)[number % 2]], "dash": DASHES[number], "width": 2.5},
            marker={"symbol": _MARKERS[number], "size": 8},
            name=name,
        )
    finish(figure, title=title, margin=_ROOM, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="iteration", dtick=2)
    figure.update_yaxes(title_text="excess cost [CNY per vehicle]", type="log", dtick=1)
    return figure
