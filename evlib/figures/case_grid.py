"""The case study on the grid: what stations can do, dispatch, surplus, voltages and lines under several strategies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.case import LOOKS, clock_axis, hours, span
from evlib.figures.grid import dispatch_by_zone
from evlib.figures.style import COLOURS, INK, LEGEND_BELOW, ROOM_BELOW, finish

__all__ = ["dispatch_pair", "domain_panels", "feeder_panels", "surplus_panels"]

_SURPLUS = {
    "used without it": ("used_kw", "#D9D9D9", ""),
    "surplus put to use": ("absorbed_kw", "#79C9A6", ""),
    "surplus wasted": ("wasted_kw", COLOURS[1], "/"),
}
_BANDS = (("lowest_mw", "highest_mw", "chosen_mw"), ("need_mwh", "most_mwh", "taken_mwh"))


def domain_panels(table: pd.DataFrame, title: str) -> go.Figure:
    """Power and energy that stations may take, as bands, and what they take; a second case as outlines.

    Parameters
    ----------
    table : DataFrame
        As `evlib.figures.case_tables.domain_table` makes it; the first case is drawn as bands, a second as outlines.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    stations, cases = (list(dict.fromkeys(table[name])) for name in ("station", "case"))
    figure = make_subplots(
        2,
        len(stations),
        subplot_titles=[f"station {name}" for name in stations],
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.025,
        vertical_spacing=0.07,
    )
    for row, names in enumerate(_BANDS, start=1):
        for number, station in enumerate(stations):
            for case in cases[::-1]:
                rows = table[(table["station"] == station) & (table["case"] == case)]
                x = hours(rows["clock"])
                shown = row == number + 1 == 1
                for trace in _band(x, *(rows[name] for name in names), case, case == cases[0], shown):
                    figure.add_trace(trace, row=row, col=number + 1)
    finish(figure, title=title, height=500, margin={**ROOM_BELOW, "t": 85, "b": 105}, legend=LEGEND_BELOW)
    figure.update_layout(legend={"entrywidthmode": "fraction", "entrywidth": 0.48})
    for row, names in enumerate(_BANDS, start=1):
        figure.update_yaxes(range=span(table[list(names)].to_numpy()), row=row)
    figure.update_yaxes(zeroline=True, zerolinecolor="#777777", row=1)
    figure.update_yaxes(title_text="power [MW]", row=1, col=1)
    figure.update_yaxes(title_text="energy taken [MWh]", row=2, col=1)
    clock_axis(figure, table["clock"], every_h=2, text="")
    return figure.update_xaxes(title_text="clock time [h]", row=2)


def dispatch_pair(dispatch: pd.DataFrame, title: str) -> go.Figure:
    """`evlib.figures.grid.dispatch_by_zone` for two cases: a row a zone, a column a case.

    Parameters
    ----------
    dispatch : DataFrame
        ``case`` and the columns of a result's table ``dispatch``.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    panels = [
        rows.assign(zone=f"{zone}, {case}") for (zone, case), rows in dispatch.groupby(["zone", "case"], sort=False)
    ]
    panels.sort(key=lambda rows: rows["zone"].iloc[0].split(",")[0])  # stable: cases stay in their order
    figure = dispatch_by_zone(pd.concat(panels), title=title)
    legend = {**LEGEND_BELOW, "traceorder": "normal"}
    return figure.update_layout(height=960, legend=legend, margin={"l": 60, "r": 20, "t": 85, "b": 110})


def surplus_panels(table: pd.DataFrame, title: str) -> go.Figure:
    """Where the available power of zones goes: a row a zone, a column a case; the wasted energy is written in.

    Parameters
    ----------
    table : DataFrame
        As `evlib.figures.case_tables.surplus_table` makes it.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    zones, cases = (list(dict.fromkeys(table[name])) for name in ("zone", "case"))
    figure = make_subplots(
        len(zones),
        len(cases),
        subplot_titles=cases,
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.07,
    )
    step_h = np.diff(hours(table["clock"].iloc[:2]))[0]
    for row, zone in enumerate(zones, start=1):
        for column, case in enumerate(cases, start=1):
            rows = table[(table["zone"] == zone) & (table["case"] == case)]
            x, shown, place = hours(rows["clock"]), row == column == 1, {"row": row, "col": column}
            for name, (values, colour, shape) in _SURPLUS.items():
                pattern = (
                    {"shape": shape, "fgcolor": colour, "bgcolor": "#FFFFFF", "size": 6, "solidity": 0.5}
                    if shape
                    else None
                )
                look = {"fillcolor": colour, "fillpattern": pattern, "line": {"width": 0}, "mode": "lines"}
                look |= {"name": name, "legendgroup": name, "showlegend": shown, "stackgroup": f"{zone}{case}"}
                figure.add_trace(go.Scatter(x=x, y=rows[values] / 1e3, **look), **place)
            demand = {"load": rows["load_kw"], "load and vehicles": rows["load_kw"] + rows["vehicles_kw"]}
            for (name, power_kw), dash in zip(demand.items(), ("solid", "dash"), strict=True):
                line = {"color": INK if dash == "solid" else COLOURS[0], "dash": dash, "width": 1.8}
                look = {"name": name, "legendgroup": name, "showlegend": shown, "mode": "lines", "line": line}
                figure.add_trace(go.Scatter(x=x, y=power_kw / 1e3, **look), **place)
            wasted = step_h * rows["wasted_kw"].sum() / 1e3
            note = {"x": 0.97, "y": 0.97, "xref": "x domain", "yref": "y domain", "showarrow": False}
            figure.add_annotation(text=f"wasted {wasted:.1f} MWh", bgcolor="#FFFFFF", opacity=0.9, **note, **place)
    finish(
        figure, title=title, height=500, margin={**ROOM_BELOW, "t": 85}, legend={**LEGEND_BELOW, "traceorder": "normal"}
    )
    tallest_kw = np.maximum(table["available_kw"], table["load_kw"] + table["vehicles_kw"]).max()
    figure.update_yaxes(range=[0, 1.3 * tallest_kw / 1e3])  # room for what is written in
    for row, zone in enumerate(zones, start=1):
        figure.update_yaxes(title_text=f"power at {zone} [MW]", row=row, col=1)
    clock_axis(figure, table["clock"], every_h=2, text="")
    return figure.update_xaxes(title_text="clock time [h]", row=len(zones))


def feeder_panels(table: pd.DataFrame, groups: dict, title: str, *, low_pu: float) -> go.Figure:
    """Lowest voltage of each bus, and highest loading of the line that feeds it, over the day.

    Parameters
    ----------
    table : DataFrame
        ``case``, ``bus``, ``lowest_pu``, ``highest_loading`` (nan at the root, which no line feeds); up to three cases.
    groups : dict of str -> sequence of int
        Parts of the feeder and their buses, in drawing order; a line ends where a part does.
    low_pu : float
        Lower limit [pu].
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    order = [bus for buses in groups.values() for bus in buses]
    ends = np.cumsum([len(buses) for buses in groups.values()])
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.06)
    x = np.insert(np.arange(len(order), dtype=float), ends[:-1], np.nan)
    symbols = ("circle", "diamond", "x")
    for look, symbol, (case, rows) in zip(LOOKS, symbols, table.groupby("case", sort=False), strict=False):
        by_bus = rows.set_index("bus").loc[order]
        for row, column in enumerate(("lowest_pu", "highest_loading"), start=1):
            y = np.insert(by_bus[column].to_numpy(dtype=float), ends[:-1], np.nan)
            show = {"name": case, "legendgroup": case, "showlegend": row == 1, "mode": "lines+markers"}
            marker = {"size": 7, "symbol": symbol}
            figure.add_trace(go.Scatter(x=x, y=y, line=look, marker=marker, **show), row=row, col=1)
    line = {"color": INK, "width": 1.5, "dash": "dash"}
    figure.add_hline(y=low_pu, line=line, annotation_text="lower limit", annotation_position="top left", row=1, col=1)
    figure.add_hline(y=1.0, line=line, annotation_text="rating", annotation_position="bottom left", row=2, col=1)
    for begin, end, name in zip([0, *ends[:-1]], ends, groups, strict=True):
        place = {"x": (begin + end - 1) / 2, "y": 1.0, "yref": "paper", "yanchor": "bottom"}
        figure.add_annotation(text=name, showarrow=False, **place)
    finish(figure, title=title, height=560, margin={**ROOM_BELOW, "t": 85}, legend=LEGEND_BELOW)
    figure.update_yaxes(title_text="lowest voltage [pu]", tickformat=".2f", range=[low_pu - 0.01, 1.03], row=1)
    most = max(1.05, 1.05 * float(table["highest_loading"].max()))
    figure.update_yaxes(title_text="highest loading of the<br>line to it [share of rating]", range=[0, most], row=2)
    ticks = {"tickmode": "array", "tickvals": list(range(len(order))), "ticktext": order, "tickangle": 0}
    figure.update_xaxes(tickfont={"size": 10}, range=[-1, len(order)], **ticks)
    return figure.update_xaxes(title_text="bus", row=2)


def _band(x, low, high, chosen, case, filled, shown):
    """Two edges and the profile between them; filled for the first case, thin outlines for the other."""
    edge = {"color": COLOURS[4], "width": 1} if filled else {"color": COLOURS[5], "width": 1.5, "dash": "dot"}
    common = {"x": x, "mode": "lines"}
    bounds = {"name": f"{case}: bounds", "legendgroup": f"{case}: bounds"}
    yield go.Scatter(y=low, line=edge, showlegend=False, hoverinfo="skip", **common, **bounds)
    fill = {"fill": "tonexty", "fillcolor": "rgba(86, 180, 233, 0.35)"} if filled else {}
    yield go.Scatter(y=high, line=edge, showlegend=shown, **fill, **common, **bounds)
    if filled:
        line = {"color": INK, "width": 2}
        name = f"{case}: chosen"
        yield go.Scatter(y=chosen, line=line, name=name, legendgroup=name, showlegend=shown, **common)
