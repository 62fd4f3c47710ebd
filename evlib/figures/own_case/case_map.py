"""The map of a case of one's own: roads, stations with the way to their node and bus, feeders."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from evlib.figures.style import COLOURS, INK, LEGEND_BELOW, finish

__all__ = ["case_map"]

# Stations have their names beside them where there are at most so many.
MOST_NAMED = 20
# Kind of a line or point -> name, colour, width or size, dash or symbol.
_LINES = {
    "road": ("road", "#A8A8A8", 1.2, "solid"),
    "branch": ("line of a feeder", COLOURS[1], 1.5, "dash"),
    "to node": ("station to its road node", COLOURS[0], 2.5, "solid"),
    "to bus": ("station to its bus", COLOURS[2], 1.2, "dot"),
}
_POINTS = {
    "bus": ("bus", COLOURS[1], 4, "circle"),
    "root": ("root of a feeder", COLOURS[1], 12, "star"),
    "origin": ("origin", INK, 7, "diamond"),
    "station": ("station", COLOURS[0], 8, "square"),
}


def case_map(items: pd.DataFrame, title: str) -> go.Figure:
    """Draw a case.

    Parameters
    ----------
    items : DataFrame
        As :func:`evlib.inputs.new_case.case_points.case_points` makes it.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    for kind, (name, colour, width, dash) in _LINES.items():
        chosen = items[items["kind"] == kind]
        if len(chosen):
            gap = np.full(len(chosen), np.nan)
            x, y = (np.column_stack([chosen[f"{c}_from"], chosen[c], gap]).ravel() for c in "xy")
            line = {"color": colour, "width": width, "dash": dash}
            figure.add_scattergl(x=x, y=y, mode="lines", line=line, name=name, hoverinfo="skip")
    for kind, (name, colour, size, symbol) in _POINTS.items():
        chosen = items[items["kind"] == kind]
        if len(chosen):
            marker = {"color": colour, "size": size, "symbol": symbol, "line": {"color": "white", "width": 0.5}}
            named = kind == "station" and len(chosen) <= MOST_NAMED
            figure.add_scattergl(
                x=chosen["x"],
                y=chosen["y"],
                mode="markers+text" if named else "markers",
                marker=marker,
                name=name,
                text=chosen["name"] if named else None,
                textposition="top center",
                hovertext=chosen["label"],
                hoverinfo="text",
            )
    finish(figure, title=title, height=800, width=1100, legend=LEGEND_BELOW)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x", scaleratio=1)
    return figure
