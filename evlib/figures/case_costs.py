"""The case study in money: costs by strategy, and who gains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.errors import InputError
from evlib.figures.case_roads import LOOKS
from evlib.figures.style import COLOURS, INK, LEGEND_BELOW, ROOM_BELOW, finish

__all__ = ["cost_breakdown", "who_gains"]

# Neighbours in a bar differ in their grey too.
_ITEMS = {
    "import": "#D0D0D0",
    "backup": COLOURS[5],
    "curtailment": COLOURS[7],
    "overload and quadratic": "#777777",
    "vehicles": COLOURS[4],
    "shedding": COLOURS[6],
    "bought after the horizon": COLOURS[3],
}


def cost_breakdown(costs: pd.DataFrame, title: str) -> go.Figure:
    """Cost by strategy: drivers' time and queue on the left, the grid's cost by item on the right.

    Parameters
    ----------
    costs : DataFrame
        As `evlib.results.comparison_tables.cost_table` makes it: ``case``, ``item``, ``cost_cny``; every case has every item.
    title : str
        States the finding.

    Returns
    -------
    Figure
        The sum of both sides is written at the right. Drivers' electricity bill is a payment, not a cost, and is no
        part of it.

    Raises
    ------
    InputError
        An unknown item.
    """
    unknown = sorted(set(costs["item"]) - {"time and queue", *_ITEMS})
    if unknown:
        raise InputError(f"costs: item {unknown[0]!r} is unknown; must be one of time and queue, {', '.join(_ITEMS)}")
    cases = list(dict.fromkeys(costs["case"]))
    grid = costs.pivot(index="case", columns="item", values="cost_cny").loc[cases] / 1000
    figure = make_subplots(
        1, 2, shared_yaxes=True, horizontal_spacing=0.1, column_widths=[0.4, 0.6], subplot_titles=["drivers", "grid"]
    )
    time = grid["time and queue"]
    bar = {"orientation": "h", "y": cases, "width": 0.6}
    text = {"text": [f"{value:.1f}" for value in time], "textposition": "outside", "cliponaxis": False}
    figure.add_trace(
        go.Bar(x=time, name="time and queue", marker={"color": "#666666"}, showlegend=False, **text, **bar),
        row=1,
        col=1,
    )
    for name, colour in _ITEMS.items():
        if grid[name].max() < 1e-3:
            continue  # below a CNY in every case: no entry in the legend either
        marker = {"color": colour, "line": {"color": INK, "width": 0.5}}
        figure.add_trace(go.Bar(x=grid[name], name=name, marker=marker, **bar), row=1, col=2)
    total, right = grid.sum(axis=1), grid.drop(columns="time and queue").sum(axis=1)
    for case in cases:
        note = {"xanchor": "left", "xshift": 4, "showarrow": False, "font": {"size": 12}}
        label = f"{right[case]:.1f}; with time <b>{total[case]:.1f}</b>"
        figure.add_annotation(x=right[case], y=case, text=label, row=1, col=2, **note)
    finish(figure, title=title, height=420, margin={**ROOM_BELOW, "l": 145, "t": 85, "b": 110}, legend=LEGEND_BELOW)
    figure.update_layout(barmode="stack", legend={"traceorder": "normal", "entrywidth": 190})
    figure.update_xaxes(title_text="time and queue<br>[thousand CNY]", range=[0, 1.3 * time.max()], col=1)
    figure.update_xaxes(title_text="grid cost [thousand CNY]", range=[0, 1.65 * right.max()], col=2)
    figure.update_yaxes(title_text="strategy", col=1)
    return figure.update_yaxes(autorange="reversed", showgrid=False)


def who_gains(table: pd.DataFrame, measures: dict, title: str) -> go.Figure:
    """Mean cost of groups of drivers, a panel a measure, a marker a case, joined by a line.

    Parameters
    ----------
    table : DataFrame
        ``case``, ``group`` and the measures; up to three cases.
    measures : dict of str -> str
        Column -> title of its axis, with the unit.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    groups = list(dict.fromkeys(table["group"]))
    figure = make_subplots(1, len(measures), shared_yaxes=True, horizontal_spacing=0.06)
    symbols = ("square", "circle", "diamond")
    for column, (measure, text) in enumerate(measures.items(), start=1):
        wide = table.pivot(index="group", columns="case", values=measure).loc[groups]
        gap = np.full(len(groups), np.nan)
        x = np.column_stack([wide.min(axis=1), wide.max(axis=1), gap]).reshape(-1)
        line = {"color": "#BBBBBB", "width": 3}
        joint = go.Scatter(x=x, y=np.repeat(groups, 3), mode="lines", line=line, showlegend=False, hoverinfo="skip")
        figure.add_trace(joint, row=1, col=column)
        for look, symbol, case in zip(LOOKS, symbols, dict.fromkeys(table["case"]), strict=False):
            marker = {"color": look["color"], "symbol": symbol, "size": 11, "line": {"color": INK, "width": 1}}
            show = {"name": case, "legendgroup": case, "showlegend": column == 1}
            dots = go.Scatter(x=wide[case], y=groups, mode="markers", marker=marker, **show)
            figure.add_trace(dots, row=1, col=column)
        figure.update_xaxes(title_text=text, rangemode="tozero", col=column)
    finish(figure, title=title, height=380, margin={**ROOM_BELOW, "l": 130}, legend=LEGEND_BELOW)
    figure.update_yaxes(title_text="origin, class", col=1)
    return figure.update_yaxes(autorange="reversed")
