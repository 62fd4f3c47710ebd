"""The case study on the grid: what stations can do, dispatch, voltages and lines under several strategies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.grid import dispatch_by_zone
from evlib.figures.style import (
    COLOURS,
    INK,
    LEGEND_BELOW,
    LOOKS,
    ROOM_BELOW,
    SMALLEST,
    clock_axis,
    clock_title,
    finish,
    hours,
    legend_entry,
    span,
)

__all__ = ["dispatch_pair", "domain_panels", "feeder_panels"]


def domain_panels(table: pd.DataFrame, title: str) -> go.Figure:
    """Power that stations may take, as a band, and the power they do take; a second case is drawn as outlines.

    Parameters
    ----------
    table : DataFrame
        As `evlib.results.comparison_tables.domain_table` makes it; the first case becomes the band, a second the
        outlines.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    stations, cases = (list(dict.fromkeys(table[name])) for name in ("station", "case"))
    names = ["lowest_mw", "highest_mw", "chosen_mw"]
    titles = [f"station {name}" for name in stations]
    figure = make_subplots(1, len(stations), subplot_titles=titles, shared_yaxes=True, horizontal_spacing=0.025)
    for number, station in enumerate(stations, start=1):
        for case in cases[::-1]:
            rows = table[(table["station"] == station) & (table["case"] == case)]
            x = hours(rows["clock"])
            for trace in _band(x, *(rows[name] for name in names), case, case == cases[0], number == 1):
                figure.add_trace(trace, row=1, col=number)
    finish(figure, title=title, height=350, margin={**ROOM_BELOW, "t": 85, "b": 105}, legend=LEGEND_BELOW)
    figure.update_layout(legend={"entrywidthmode": "fraction", "entrywidth": 0.48})
    figure.update_yaxes(range=span(table[names].to_numpy()), zeroline=True, zerolinecolor="#777777")
    figure.update_yaxes(title_text="power [MW]", col=1)
    return clock_axis(figure, table["clock"])


def dispatch_pair(dispatch: pd.DataFrame, title: str) -> go.Figure:
    """`evlib.figures.grid.dispatch_by_zone` for two cases: a row each, a column for each zone, and the wasted energy.

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
    cases, zones = (list(dict.fromkeys(dispatch[name])) for name in ("case", "zone"))
    order = [(case, zone) for case in cases for zone in zones]
    by_panel = dict(list(dispatch.groupby(["case", "zone"])))
    panels = [by_panel[panel].assign(zone=" ".join(panel[::-1])) for panel in order]
    figure = dispatch_by_zone(pd.concat(panels), title=title, columns=len(zones))
    for note, (case, zone) in zip(figure.layout.annotations, order, strict=True):
        note.text = f"zone {zone}" if case == cases[0] else ""
    step_h = np.diff(hours(panels[0]["clock"].iloc[:2]))[0]
    for number, rows in enumerate(panels):
        wasted_mwh = step_h * rows["curtailed_kw"].sum() / 1e3
        if wasted_mwh >= 0.05:
            place = {"row": number // len(zones) + 1, "col": number % len(zones) + 1}
            note = {"x": 0.97, "y": 0.99, "xref": "x domain", "yref": "y domain", "showarrow": False}
            figure.add_annotation(text=f"wasted {wasted_mwh:.1f} MWh", font={"size": 12}, **note, **place)
    for row, case in enumerate(cases, start=1):
        figure.update_yaxes(title_text=f"{case}<br>power [MW]", row=row, col=1)
    top = figure.layout.yaxis.range[1]
    figure.update_yaxes(range=[0, 1.15 * top])  # room for the wasted energy
    figure.update_xaxes(ticktext=[text[:2] for text in figure.layout.xaxis.ticktext])
    clock_title(figure, len(cases))
    legend = {**LEGEND_BELOW, "traceorder": "normal"}
    return figure.update_layout(height=500, legend=legend, margin={"l": 75, "r": 20, "t": 85, "b": 105})


def feeder_panels(table: pd.DataFrame, groups: dict, title: str, *, low_pu: float) -> go.Figure:
    """Lowest voltage of each bus, and highest loading of the line that feeds it, over the day.

    Parameters
    ----------
    table : DataFrame
        ``case``, ``bus``, ``lowest_pu``, ``highest_loading`` (nan at the root, which no line feeds); up to three cases.
    groups : dict of str -> sequence of int
        Buses of each part of the feeder, in drawing order; a drawn line ends with its part.
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
            style = {"mode": "lines+markers", "line": look, "marker": {"size": 7, "symbol": symbol}}
            figure.add_trace(go.Scatter(x=x, y=y, **style, **legend_entry(case, row == 1)), row=row, col=1)
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
    figure.update_xaxes(tickfont={"size": SMALLEST}, range=[-1, len(order)], **ticks)
    return figure.update_xaxes(title_text="bus", row=2)


def _band(x, low, high, chosen, case, filled, shown):
    """Lower and upper edge with the chosen profile between them for the first case, two thin outlines for another."""
    edge = {"color": COLOURS[4], "width": 1} if filled else {"color": COLOURS[5], "width": 1.5, "dash": "dot"}
    common = {"x": x, "mode": "lines"}
    bounds = f"{case}: bounds"
    yield go.Scatter(y=low, line=edge, hoverinfo="skip", **common, **legend_entry(bounds, False))
    fill = {"fill": "tonexty", "fillcolor": "rgba(86, 180, 233, 0.35)"} if filled else {}
    yield go.Scatter(y=high, line=edge, **fill, **common, **legend_entry(bounds, shown))
    if filled:
        line = {"color": INK, "width": 2}
        yield go.Scatter(y=chosen, line=line, **common, **legend_entry(f"{case}: chosen", shown))
