"""The case study on the road: two strategies side by side, on roads, on the map and at stations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.errors import InputError
from evlib.figures.style import (
    COLOURS,
    INK,
    LEGEND_BELOW,
    LOOKS,
    ROOM_BELOW,
    clock_axis,
    finish,
    heat_scale,
    hours,
    legend_entry,
    span,
)

__all__ = ["difference_map", "station_panels", "volume_pair"]

_FEWER, _MORE = COLOURS[5], COLOURS[0]


def volume_pair(arcs: pd.DataFrame, title: str) -> go.Figure:
    """Inflow over capacity by road and time: one panel for each case, all on one scale.

    Parameters
    ----------
    arcs : DataFrame
        ``case``, ``arc``, ``clock``, ``inflow_over_capacity``; roads are drawn from top to bottom in the table's order.
    title : str
        States the finding.

    Returns
    -------
    Figure
        A road stays white while nobody enters it; a dot marks each step in which the inflow exceeds the capacity.
    """
    cases, roads = list(dict.fromkeys(arcs["case"])), list(dict.fromkeys(arcs["arc"]))
    figure = make_subplots(1, len(cases), subplot_titles=cases, shared_yaxes=True, horizontal_spacing=0.04)
    for column, case in enumerate(cases, start=1):
        rows = arcs[arcs["case"] == case]
        grid = rows.pivot(index="arc", columns="clock", values="inflow_over_capacity")
        grid = grid.loc[roads, list(dict.fromkeys(rows["clock"]))]
        x = hours(grid.columns)
        x = x + (x[1] - x[0]) / 2
        ratio = grid.where(grid > 1e-6).round(4)
        heat = go.Heatmap(x=x, y=roads, z=ratio, coloraxis="coloraxis", hoverongaps=False)
        figure.add_trace(heat, row=1, col=column)
        above, when = np.nonzero(grid.to_numpy() > 1 + 1e-9)
        dots = go.Scatter(
            x=x[when],
            y=grid.index[above],
            mode="markers",
            marker={"color": "#000000", "size": 4},
            name="above capacity",
            showlegend=column == 1,
        )
        figure.add_trace(dots, row=1, col=column)
    bar = {"title": {"text": "inflow / capacity [1]", "side": "right"}, "x": 1.01, "len": 1.0, "thickness": 14}
    most = float(arcs["inflow_over_capacity"].max().round(4))
    finish(figure, title=title, height=430, margin={**ROOM_BELOW, "r": 95, "t": 85}, legend=LEGEND_BELOW)
    figure.update_layout(
        coloraxis={"colorscale": heat_scale(), "cmin": 0, "cmax": most, "colorbar": bar}, showlegend=True
    )
    # The range is set because Plotly's own choice loses rows as soon as the x axes are tied to each other.
    rows = {"categoryorder": "array", "categoryarray": roads[::-1], "range": [-0.5, len(roads) - 0.5]}
    figure.update_yaxes(type="category", showgrid=False, **rows)
    figure.update_yaxes(title_text="road (from-to)", col=1)
    figure.update_xaxes(showgrid=False)
    return clock_axis(figure, arcs["clock"])


def difference_map(items: pd.DataFrame, changes: pd.DataFrame, title: str) -> go.Figure:
    """The road map, with each road drawn as broad as the change of its traffic.

    Parameters
    ----------
    items : DataFrame
        The map, as `evlib.inputs.map_table.drawing_table` makes it; its panel ``roads`` is drawn.
    changes : DataFrame
        ``arc``, ``more_veh``: vehicles of the whole day in the second case less those in the first.
    title : str
        States the finding.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        A change on a road that the map does not have.
    """
    roads = items[(items["panel"] == "roads") & (items["kind"] == "road")].set_index("name")
    change_veh = changes.set_index("arc")["more_veh"]
    unknown = sorted(set(change_veh.index) - set(roads.index))
    if unknown:
        raise InputError(f"changes: arc {unknown[0]!r} is not on the map; must be one of {', '.join(roads.index)}")
    most = max(float(change_veh.abs().max()), 1e-9)
    figure = go.Figure()
    for name, colour, dash, sign in (("fewer vehicles", _FEWER, "7px,4px", -1), ("more vehicles", _MORE, "solid", 1)):
        line = {"color": colour, "dash": dash, "width": 4}
        figure.add_scatter(x=[None], y=[None], mode="lines", line=line, name=name)
        for arc in change_veh.index[np.sign(change_veh.round()) == sign]:
            _arrow(
                figure, roads.loc[arc], {"color": colour, "dash": dash, "width": 1.5 + 9 * abs(change_veh[arc]) / most}
            )
    figure.add_scatter(x=[None], y=[None], mode="lines", line={"color": "#BBBBBB", "width": 1.5}, name="as before")
    for arc in roads.index.difference(change_veh.index[change_veh.round() != 0]):
        _arrow(figure, roads.loc[arc], {"color": "#BBBBBB", "width": 1.5})
    _places(figure, items)
    for arc in change_veh.index[change_veh.round() != 0]:
        road = roads.loc[arc]
        x, y = (0.45 * road[axis] + 0.55 * road[f"{axis}_from"] for axis in "xy")
        text = {"text": f"{change_veh[arc]:+.0f}".replace("-", "−"), "showarrow": False, "font": {"size": 12}}
        figure.add_annotation(x=x, y=y, bgcolor="#FFFFFF", borderpad=1, **text)
    finish(figure, title=title, height=520, margin={"l": 10, "r": 10, "t": 60, "b": 50}, legend=LEGEND_BELOW)
    figure.update_xaxes(visible=False)
    return figure.update_yaxes(visible=False)


def station_panels(table: pd.DataFrame, measures: dict, title: str, *, levels: dict | None = None) -> go.Figure:
    """Measures over the day: one row of panels for each measure, one column for each station, one line for each case.

    Parameters
    ----------
    table : DataFrame
        ``case``, ``station``, ``clock`` and a column for each measure; up to three cases.
    measures : dict of str -> str
        Column to draw -> title of its axis, with the unit.
    title : str
        States the finding.
    levels : dict of str -> (str, float), optional
        Horizontal lines: column of a measure -> (name of its line, value).

    Returns
    -------
    Figure
    """
    stations, cases = (list(dict.fromkeys(table[name])) for name in ("station", "case"))
    figure = make_subplots(
        len(measures),
        len(stations),
        subplot_titles=[f"station {name}" for name in stations],
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.025,
        vertical_spacing=0.07,
    )
    for row, column in enumerate(measures, start=1):
        for number, station in enumerate(stations):
            place = {"row": row, "col": number + 1}
            for look, case in zip(LOOKS, cases, strict=False):
                rows = table[(table["station"] == station) & (table["case"] == case)]
                x, y = _staircase(rows["clock"], rows[column])
                entry = legend_entry(case, row == number + 1 == 1)
                figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line={**look, "shape": "hv"}, **entry), **place)
            if column in (levels or {}):
                name, level = levels[column]
                entry = legend_entry(name, number == 0)
                line = {"color": INK, "dash": "dash", "width": 1.5}
                figure.add_trace(go.Scatter(x=x[[0, -1]], y=[level] * 2, mode="lines", line=line, **entry), **place)
    finish(figure, title=title, height=160 + 165 * len(measures), margin={**ROOM_BELOW, "t": 85}, legend=LEGEND_BELOW)
    for row, (column, text) in enumerate(measures.items(), start=1):
        level = [levels[column][1]] if column in (levels or {}) else []
        figure.update_yaxes(range=span([table[column].min(), table[column].max(), *level]), row=row)
        figure.update_yaxes(title_text=text, row=row, col=1)
        if table[column].min() < 0:
            figure.update_yaxes(zeroline=True, zerolinecolor="#999999", row=row)
    return clock_axis(figure, table["clock"], row=len(measures))


def _staircase(clock, values):
    """Starts of the steps with their values, and the end of the last step."""
    x, y = hours(clock), np.asarray(values, dtype=float)
    return np.append(x, 2 * x[-1] - x[-2]), np.append(y, y[-1])


def _arrow(figure, road, line):
    """A road with an arrow head past its middle; the head grows less than the line does."""
    x, y = ([road[f"{c}_from"], 0.22 * road[f"{c}_from"] + 0.78 * road[c], road[c]] for c in "xy")
    figure.add_scatter(x=x[::2], y=y[::2], mode="lines", line=line, showlegend=False, hoverinfo="skip")
    size = 11 + 0.9 * line["width"]
    head = {"symbol": "arrow", "angleref": "previous", "size": [0, size, 0], "color": line["color"]}
    head |= {"opacity": 1.0, "line": {"width": 0}}
    figure.add_scatter(x=x, y=y, mode="markers", marker=head, showlegend=False, hoverinfo="skip")


def _places(figure, items):
    """Draw the map's nodes, origins and stations on top of its roads."""
    roads = items[items["panel"] == "roads"]
    for role, symbol, size, fill in (
        ("node", "circle", 20, "#FFFFFF"),
        ("origin", "diamond", 28, "#E4E4E4"),
        ("station", "square", 26, "#BFE3F5"),
    ):
        chosen = roads[roads["kind"] == role]
        if role != "node":
            for _, place in chosen.iterrows():
                ends = {"x": [place["x_from"], place["x"]], "y": [place["y_from"], place["y"]]}
                line = {"color": INK, "width": 1.5, "dash": "dot"}
                figure.add_scatter(**ends, mode="lines", line=line, showlegend=False, hoverinfo="skip")
        marker = {"symbol": symbol, "size": size, "color": fill, "line": {"color": INK, "width": 1.2}}
        text = {"text": chosen["label"], "textfont": {"size": 11, "color": INK}}
        show = {"name": role, "showlegend": role != "node"}
        figure.add_scatter(x=chosen["x"], y=chosen["y"], mode="markers+text", marker=marker, **text, **show)
