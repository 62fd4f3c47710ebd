"""What it is worth that drivers follow: the common cost by the share of them who do."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from evlib.errors import InputError
from evlib.figures.style import COLOURS, INK, LEGEND_BELOW, ROOM_BELOW, finish

__all__ = ["cost_by_compliance"]


def cost_by_compliance(table: pd.DataFrame, title: str) -> go.Figure:
    """Time and queue cost and grid cost, stacked, by the share of drivers who follow the signal.

    Parameters
    ----------
    table : DataFrame
        ``compliance`` (0 to 1, each once), ``time_queue_cny``, ``grid_cny``, ``total_cny`` [CNY], ``unsettled_cny`` (what the
        total is uncertain by, drawn as a bar where above 0), ``converged`` (1, or 0 for a run that has not settled: drawn
        hollow; nan for one that does not iterate).
    title : str
        States the finding.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        A share outside 0 to 1, one that stands there twice, or a total that is not the sum of its parts.
    """
    shares = table["compliance"]
    wrong = shares[~shares.between(0, 1) | shares.duplicated()]
    if len(wrong):
        raise InputError(f"compliance {wrong.iloc[0]:g}; must be from 0 to 1, each share once")
    table = table.sort_values("compliance")
    rest = table["total_cny"] - table["time_queue_cny"] - table["grid_cny"]
    if (rest.abs() > 1e-4 * table["total_cny"]).any():
        at = rest.abs().idxmax()
        raise InputError(
            f"compliance {table.loc[at, 'compliance']:g}: total_cny is {rest[at]:.3g} CNY off the sum of its parts"
        )
    x = 100 * table["compliance"]
    figure = go.Figure()
    parts = {"time and queue": ("time_queue_cny", "#999999"), "grid": ("grid_cny", COLOURS[4])}
    for name, (column, colour) in parts.items():
        look = {"marker": {"color": colour, "line": {"color": INK, "width": 0.5}}, "width": 9}
        figure.add_bar(x=x, y=table[column] / 1000, name=name, **look)
    unsettled = table["converged"] == 0
    figure.add_scatter(
        x=x,
        y=table["total_cny"] / 1000,
        mode="lines",
        line={"color": INK, "width": 1.5},
        showlegend=False,
        hoverinfo="skip",
    )
    for name, here, fill in (("total", ~unsettled, INK), ("total, not settled", unsettled, "white")):
        if here.any():
            rows = table[here]
            figure.add_scatter(
                x=x[here],
                y=rows["total_cny"] / 1000,
                error_y={"array": rows["unsettled_cny"] / 1000, "color": INK},
                mode="markers",
                marker={"color": fill, "size": 10, "line": {"color": INK, "width": 2}},
                name=name,
            )
    finish(figure, title=title, margin=ROOM_BELOW, legend=LEGEND_BELOW)
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    figure.update_xaxes(title_text="drivers who follow the signal [%]", tickvals=list(x), range=[-8, 108])
    return figure.update_yaxes(title_text="cost [thousand CNY]", rangemode="tozero")
