"""The grid over the day: dispatch by zone, prices by station, voltages by bus."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.style import COLOURS, DASHES, SMALLEST, finish, legend_entry

__all__ = [
    "dispatch_by_zone",
    "forecast_cost",
    "losses_over_day",
    "price_parts",
    "prices_by_station",
    "voltages_by_bus",
]

FEW_HOURS = 4  # so many full hours have a tick each; of more, every second one

# Stacked from the bottom up; neighbours also differ in grey. No hatching: it would triple the size of the picture.
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
# Bars go up or down from zero; neighbours also differ in grey.
PARTS = {"energy": "#D0D0D0", "congestion": COLOURS[5], "loss": COLOURS[0], "voltage": COLOURS[7]}


def dispatch_by_zone(dispatch: pd.DataFrame, *, title: str, columns: int = 2) -> go.Figure:
    """How each zone's demand is met over the day: one panel for each zone, supply as stacked areas, demand as lines.

    Parameters
    ----------
    dispatch : DataFrame
        The table ``dispatch`` of a result, or its rows for the zones to draw, in drawing order: ``zone``, ``step``,
        ``clock``, ``load_kw``, ``vehicles_kw``, ``available_kw``, ``curtailed_kw``, ``backup_kw``, ``shed_kw``,
        ``tie_kw``.
    title : str
        The finding.
    columns : int
        Panels side by side.

    Returns
    -------
    Figure
        The gap between the dashed line and the curtailed area is the power that leaves the zone over its tie.
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
            look = {"stackgroup": zone, "mode": "lines", "line": {"width": 0}, "fillcolor": SUPPLY[name]}
            entry = legend_entry(name, index == 0)
            figure.add_trace(go.Scatter(x=rows["step"], y=power_kw / 1000, **look, **entry), **place)
        demand = {"load": rows["load_kw"], "load and vehicles": rows["load_kw"] + rows["vehicles_kw"]}
        for name, power_kw in demand.items():
            look = {"mode": "lines", "line": LINES[name]} | legend_entry(name, index == 0)
            figure.add_trace(go.Scatter(x=rows["step"], y=power_kw / 1000, **look), **place)
    tallest_kw = (dispatch["available_kw"] + dispatch["tie_kw"].clip(lower=0) + dispatch["backup_kw"]).max()
    figure.update_yaxes(range=[0, 1.05 * tallest_kw / 1000]).update_yaxes(title="power [MW]", col=1)
    legend = {"orientation": "h", "x": 0.0, "y": -0.14, "yanchor": "top", "traceorder": "normal"}
    return finish(figure, title=title, height=640, legend=legend, margin={"l": 60, "r": 20, "t": 85, "b": 120})


def prices_by_station(prices: pd.DataFrame, *, title: str) -> go.Figure:
    """Price at each station over the day: one panel for each station, one line for each case.

    Parameters
    ----------
    prices : DataFrame
        ``case``, ``station``, ``step``, ``clock``, ``price_cny_kwh``; up to three cases, the first drawn broad
        and grey as the background of the others.
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
            look = {"mode": "lines", "line": style | {"shape": "hv"}} | legend_entry(case, index == 0)
            trace = go.Scatter(x=lines["step"], y=lines["price_cny_kwh"], **look)
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
        Buses of each part of the feeder, in drawing order; a drawn line ends with its part.
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
            look = {"mode": "lines+markers"} | legend_entry(case, column == "lowest_pu")
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
    figure.update_xaxes(title="bus", tickfont={"size": SMALLEST}, range=[-1, len(order)], **ticks)
    figure.update_yaxes(title="voltage [pu]", range=[low_pu - 0.01, high_pu + 0.01], tickformat=".2f")
    return finish(figure, title=title, height=460, margin={"l": 70, "r": 25, "t": 80, "b": 60})


def price_parts(parts: pd.DataFrame, *, title: str) -> go.Figure:
    """Price at each station over the day as a line, and its parts as bars that add up to it.

    Parameters
    ----------
    parts : DataFrame
        The table ``price_parts`` of a result: ``station``, ``step``, ``clock``, ``energy_cny_kwh``, ``loss_cny_kwh``,
        ``congestion_cny_kwh``, ``voltage_cny_kwh``.
    title : str
        The finding.

    Returns
    -------
    Figure
        Bars above zero raise the price, bars below zero lower it.
    """
    stations = list(parts["station"].unique())
    figure = _panels(stations, parts)
    for index, station in enumerate(stations):
        rows = parts[parts["station"] == station]
        place = {"row": index // 2 + 1, "col": index % 2 + 1}
        price = sum(rows[f"{name}_cny_kwh"] for name in PARTS)
        for name, colour in PARTS.items():
            bar = {"marker": {"color": colour, "line": {"width": 0}}, "width": 1.0, "offset": 0}
            entry = legend_entry(name, index == 0)
            figure.add_trace(go.Bar(x=rows["step"], y=rows[f"{name}_cny_kwh"], **bar, **entry), **place)
        look = {"mode": "lines", "line": {"color": "#000000", "width": 1.5, "shape": "hv"}}
        entry = legend_entry("price", index == 0)
        figure.add_trace(go.Scatter(x=rows["step"], y=price, **look, **entry), **place)
    figure.update_yaxes(title="price [CNY/kWh]", col=1).update_yaxes(range=_range(parts), dtick=1)
    legend = {"orientation": "h", "x": 0.0, "y": -0.16, "yanchor": "top", "traceorder": "normal"}
    room = {"l": 60, "r": 20, "t": 85, "b": 100}
    finish(figure, title=title, height=560, legend=legend, margin=room, barmode="relative", bargap=0)
    return figure.update_yaxes(zeroline=True, zerolinecolor="#666666", zerolinewidth=1)


def _range(parts: pd.DataFrame) -> list[float]:
    """Range of an axis from the lowest to the highest stack of bars, with a margin."""
    values = parts[[f"{name}_cny_kwh" for name in PARTS]]
    low, high = values.clip(upper=0).sum(axis=1).min(), values.clip(lower=0).sum(axis=1).max()
    return [low - 0.05 * (high - low), high + 0.05 * (high - low)]


def losses_over_day(losses: pd.DataFrame, *, title: str) -> go.Figure:
    """Power lost in the lines over the day, as a model predicts it and as the AC feeder would lose it.

    Parameters
    ----------
    losses : DataFrame
        ``case``, ``step``, ``clock``, ``loss_mw``; one line is drawn for each case.
    title : str
        The finding.

    Returns
    -------
    Figure
        Power on a logarithmic axis.
    """
    figure = go.Figure()
    widths = (2.5, 2.5, 5.0)
    looks = zip((COLOURS[5], COLOURS[0], "#AAAAAA"), (DASHES[0], DASHES[1], DASHES[0]), widths, strict=True)
    cases = list(losses.groupby("case", sort=False))
    for (case, rows), (colour, dash, width) in reversed(list(zip(cases, looks, strict=False))):
        line = {"color": colour, "dash": dash, "width": width}
        figure.add_trace(go.Scatter(x=rows["step"], y=rows["loss_mw"], name=case, mode="lines", line=line))
    figure.update_xaxes(title="clock time [h]", **_hour_ticks(_clock_by_step(losses)))
    figure.update_yaxes(title="lost in the lines [MW]", type="log", tickvals=[0.1, 0.2, 0.5, 1, 2, 4])
    legend = {"orientation": "h", "x": 0.0, "y": -0.22, "yanchor": "top"}
    return finish(figure, title=title, legend=legend, margin={"l": 70, "r": 25, "t": 60, "b": 110})


def forecast_cost(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Grid cost against the error of the wind forecast, with vehicles as planned and planned anew for the true wind.

    Parameters
    ----------
    table : DataFrame
        As :func:`evlib.grid.parametric_dispatch.forecast_error` gives it.
    title : str
        The finding.

    Returns
    -------
    Figure
        Above, both costs; below, their difference.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.08)
    cases = {
        "vehicles as planned": ("kept_cny", COLOURS[5], "solid"),
        "planned anew": ("foreseen_cny", COLOURS[0], "dash"),
    }
    for name, (column, colour, dash) in cases.items():
        look = {"mode": "lines+markers", "line": {"color": colour, "dash": dash, "width": 2.5}, "marker": {"size": 7}}
        figure.add_trace(go.Scatter(x=table["error_mwh"], y=table[column] / 1000, name=name, **look), row=1, col=1)
    look = {"width": 1.2, "marker": {"color": "#777777"}, "showlegend": False}
    label = {"text": [f"{value:,.0f}" for value in table["error_cny"]], "textfont": {"size": 12}}
    label |= {"textposition": "outside", "constraintext": "none"}
    figure.add_trace(go.Bar(x=table["error_mwh"], y=table["error_cny"], **look, **label), row=2, col=1)
    figure.update_yaxes(title="grid cost<br>[thousand CNY]", row=1)
    figure.update_yaxes(title="not knowing<br>[CNY]", range=[0, 1.3 * table["error_cny"].max()], row=2)
    figure.update_xaxes(title="wind that comes other than forecast, sum over the day [MWh]", row=2)
    legend = {"orientation": "h", "x": 0.0, "y": -0.16, "yanchor": "top"}
    return finish(figure, title=title, height=520, legend=legend, margin={"l": 80, "r": 25, "t": 60, "b": 100})


def _panels(names: list, table: pd.DataFrame, columns: int = 2) -> go.Figure:
    """Panels that share one scale, with the clock on the lowest axes."""
    rows = -(-len(names) // columns)
    shared = {"shared_xaxes": "all", "shared_yaxes": "all"}
    spacing = {"horizontal_spacing": 0.1 / columns, "vertical_spacing": 0.1}
    figure = make_subplots(rows, columns, subplot_titles=names, **shared, **spacing)
    clock = _clock_by_step(table)
    every = 1 if clock.str.endswith(":00").sum() <= FEW_HOURS else 2
    ticks = _hour_ticks(clock, every)
    figure.update_xaxes(range=[clock.index.min(), clock.index.max() + 1], tickmode="array", **ticks)
    figure.update_xaxes(title="clock time [h]", row=rows)
    return figure


def _clock_by_step(table: pd.DataFrame) -> pd.Series:
    return table.drop_duplicates("step").set_index("step")["clock"]


def _hour_ticks(clock: pd.Series, every: int = 1) -> dict:
    """Ticks at full hours, or at every so many of them."""
    steps = [step for step, text in clock.items() if text.endswith(":00")][::every]
    return {"tickvals": steps, "ticktext": [clock[step] for step in steps]}
