"""The grid over the day: dispatch by zone, prices by station, voltages by bus."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.style import COLOURS, finish

__all__ = ["dispatch_by_zone", "prices_by_station", "voltages_by_bus"]

# Stacked from below; neighbours differ in their grey too. No hatching: it trebles a picture's size.
SUPPLY = {
    "renewables used": COLOURS[2],
    "over the tie": "#D0D0D0",
    "backup": COLOURS[5],
    "load shed": COLOURS[6],
    "curtailed": COLOURS[7],
}
LINES = {
    "load": {"color": "#000000", "dash": "solid", "width": 1.5},
    "load and vehicles": {"color": COLOURS[0], "dash": "dash", "width": 2.5},
}
CASES = (
    {"color": "#AAAAAA", "dash": "solid", "width": 5},
    {"color": COLOURS[5], "dash": "dot", "width": 2.5},
    {"color": COLOURS[0], "dash": "solid", "width": 2},
)


def dispatch_by_zone(dispatch: pd.DataFrame, *, title: str, columns: int = 2) -> go.Figure:
    """How the demand of each zone is met over the day: a panel a zone of stacked areas, demand as lines.

    Parameters
    ----------
    dispatch : DataFrame
        The table ``dispatch`` of a result, or its rows of the zones wanted, in the order wanted: ``zone``, ``step``,
        ``clock``, ``load_kw``, ``vehicles_kw``, ``available_kw``, ``curtailed_kw``, ``backup_kw``, ``shed_kw``,
        ``tie_kw``.
    title : str
        The finding.
    columns : int
        Panels side by side.

    Returns
    -------
    Figure
        Between the dashed line and the curtailed area lies what leaves the zone over its tie.
    """
    zones = list(dispatch["zone"].unique())
    unused = [
        name for name, column in (("backup", "backup_kw"), ("load shed", "shed_kw")) if dispatch[column].max() < 1
    ]
    figure = _panels(zones, dispatch, columns)
    for index, zone in enumerate(zones):
        rows = dispatch[dispatch["zone"] == zone]
        place = {"row": index // columns + 1, "col": index % columns + 1}
        supply = {
            "renewables used": rows["available_kw"] - rows["curtailed_kw"],
            "over the tie": rows["tie_kw"].clip(lower=0),
            "backup": rows["backup_kw"],
            "load shed": rows["shed_kw"],
            "curtailed": rows["curtailed_kw"],
        }
        for name, power_kw in supply.items():
            if name in unused:
                continue  # below a kW in every zone: no entry in the legend either
            area = go.Scatter(
                x=rows["step"],
                y=power_kw / 1000,
                name=name,
                legendgroup=name,
                showlegend=index == 0,
                stackgroup=zone,
                mode="lines",
                line={"width": 0},
                fillcolor=SUPPLY[name],
            )
            figure.add_trace(area, **place)
        demand = {"load": rows["load_kw"], "load and vehicles": rows["load_kw"] + rows["vehicles_kw"]}
        for name, power_kw in demand.items():
            look = {"name": name, "legendgroup": name, "showlegend": index == 0, "mode": "lines"}
            figure.add_trace(go.Scatter(x=rows["step"], y=power_kw / 1000, line=LINES[name], **look), **place)
    tallest_kw = (dispatch["available_kw"] + dispatch["tie_kw"].clip(lower=0) + dispatch["backup_kw"]).max()
    figure.update_yaxes(range=[0, 1.05 * tallest_kw / 1000]).update_yaxes(title="power [MW]", col=1)
    legend = {"orientation": "h", "x": 0.0, "y": -0.14, "yanchor": "top", "traceorder": "normal"}
    return finish(figure, title=title, height=640, legend=legend, margin={"l": 60, "r": 20, "t": 85, "b": 120})


def prices_by_station(prices: pd.DataFrame, *, title: str) -> go.Figure:
    """Price at each station over the day, a panel a station and a line a case.

    Parameters
    ----------
    prices : DataFrame
        ``case``, ``station``, ``step``, ``clock``, ``price_cny_kwh``; up to three cases, the first drawn broad and
        grey as the background of the others.
    title : str
        The finding.

    Returns
    -------
    Figure
    """
    stations = list(prices["station"].unique())
    figure = _panels(stations, prices)
    for index, station in enumerate(stations):
        rows = prices[prices["station"] == station]
        for style, (case, lines) in zip(CASES, rows.groupby("case", sort=False), strict=False):
            look = {"name": case, "legendgroup": case, "showlegend": index == 0, "mode": "lines"}
            trace = go.Scatter(x=lines["step"], y=lines["price_cny_kwh"], line=style | {"shape": "hv"}, **look)
            figure.add_trace(trace, row=index // 2 + 1, col=index % 2 + 1)
    low, high = prices["price_cny_kwh"].min(), prices["price_cny_kwh"].max()
    room = 0.06 * (high - low)
    figure.update_yaxes(range=[low - room, high + room]).update_yaxes(title="price [CNY/kWh]", col=1)
    legend = {"orientation": "h", "x": 0.0, "y": -0.16, "yanchor": "top"}
    finish(figure, title=title, height=560, legend=legend, margin={"l": 60, "r": 20, "t": 85, "b": 100})
    return figure.update_yaxes(zeroline=True, zerolinecolor="#999999", zerolinewidth=1)


def voltages_by_bus(voltages: pd.DataFrame, groups: dict, *, low_pu: float, high_pu: float, title: str) -> go.Figure:
    """Lowest and highest voltage of each bus over the day, between the limits.

    Parameters
    ----------
    voltages : DataFrame
        ``case``, ``bus``, ``lowest_pu``, ``highest_pu``; up to two cases.
    groups : dict of str -> sequence of int
        Parts of the feeder and their buses, in drawing order; a line ends where a part does.
    low_pu, high_pu : float
        Limits [pu].
    title : str
        The finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    order = [bus for buses in groups.values() for bus in buses]
    ends = np.cumsum([len(buses) for buses in groups.values()])
    for style, (case, rows) in zip(CASES[::2], voltages.groupby("case", sort=False), strict=False):
        by_bus = rows.set_index("bus").loc[order]
        for column in ("lowest_pu", "highest_pu"):
            x = np.insert(np.arange(len(order), dtype=float), ends[:-1], np.nan)
            y = np.insert(by_bus[column].to_numpy(dtype=float), ends[:-1], np.nan)
            look = {"name": case, "legendgroup": case, "showlegend": column == "lowest_pu", "mode": "lines+markers"}
            marker = {"size": 6, "symbol": "triangle-up" if column == "highest_pu" else "triangle-down"}
            figure.add_trace(go.Scatter(x=x, y=y, line=style, marker=marker, **look))
    for limit, name, place in ((low_pu, "lower limit", "top left"), (high_pu, "upper limit", "bottom left")):
        line = {"color": COLOURS[5], "width": 2, "dash": "dash"}
        figure.add_hline(y=limit, line=line, annotation_text=name, annotation_position=place)
    for begin, end, name in zip([0, *ends[:-1]], ends, groups, strict=True):
        figure.add_annotation(
            x=(begin + end - 1) / 2, y=1.0, yref="paper", yanchor="bottom", text=name, showarrow=False
        )
    middle = int(np.argmax(np.diff([0, *ends])))
    for column, place in (("highest_pu", "bottom"), ("lowest_pu", "top")):
        x = ends[middle] - 0.5 - len(groups[list(groups)[middle]]) / 2
        y = voltages.set_index("bus").loc[order[int(x)], column]
        y = float(y.max() if column == "highest_pu" else y.min())
        shift = {"yanchor": place, "yshift": 8 if place == "bottom" else -8, "showarrow": False}
        figure.add_annotation(x=x, y=y, text=f"{column.removesuffix('_pu')} of the day", **shift)
    ticks = {"tickmode": "array", "tickvals": list(range(len(order))), "ticktext": order, "tickangle": 0}
    figure.update_xaxes(title="bus", tickfont={"size": 10}, range=[-1, len(order)], **ticks)
    figure.update_yaxes(title="voltage [pu]", range=[low_pu - 0.01, high_pu + 0.01], tickformat=".2f")
    return finish(figure, title=title, height=460, margin={"l": 70, "r": 25, "t": 80, "b": 60})


def _panels(names: list, table: pd.DataFrame, columns: int = 2) -> go.Figure:
    """Panels with one scale, the clock on the lower axes."""
    rows = -(-len(names) // columns)
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=names,
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.1 / columns,
        vertical_spacing=0.1,
    )
    clock = table.drop_duplicates("step").set_index("step")["clock"]
    hours = [step for step, text in clock.items() if text.endswith(":00")][::2]
    ticks = {"tickmode": "array", "tickvals": hours, "ticktext": [clock[step] for step in hours]}
    figure.update_xaxes(range=[clock.index.min(), clock.index.max() + 1], **ticks)
    figure.update_xaxes(title="clock time [h]", row=rows)
    return figure
