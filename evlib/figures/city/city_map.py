"""Maps of a city: how full roads and stations are on several days, side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.style import COLOURS, LEGEND_BELOW, finish

__all__ = ["DAYS", "city_map"]

DAYS = {"even": "spread evenly over the nearest stations", "coordinated": "coordinated"}
# Largest inflow over capacity: from, label, colour, width. A wider line is a fuller road, also in grey.
ROADS = (
    (0.02, "inflow up to 25 % of capacity", "#C8C8C8", 1.0),
    (0.25, "25 to 75 %", COLOURS[4], 1.8),
    (0.75, "above 75 %", COLOURS[5], 3.0),
)
# A station of an empty queue still shows, and the area of the largest queue.
LEAST_SIZE, LARGEST_SIZE = 3.5, 22.0


def city_map(roads: pd.DataFrame, stations: pd.DataFrame, title: str) -> go.Figure:
    """Draw the city on each day.

    Parameters
    ----------
    roads : DataFrame
        ``x_tail_m``, ``y_tail_m``, ``x_head_m``, ``y_head_m`` and ``{day}_peak_over_capacity``: the largest inflow of a
        step over capacity.
    stations : DataFrame
        ``day``, ``x_m``, ``y_m``, ``largest_queue_veh``.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = make_subplots(1, len(DAYS), subplot_titles=list(DAYS.values()), horizontal_spacing=0.02)
    most = max(float(stations["largest_queue_veh"].max()), 1.0)
    for column, day in enumerate(DAYS, start=1):
        share = roads[f"{day}_peak_over_capacity"].to_numpy()
        upper = [*(row[0] for row in ROADS[1:]), np.inf]
        for (low, name, colour, width), high in zip(ROADS, upper, strict=True):
            chosen = roads[(share >= low) & (share < high)]
            x, y = (_broken(chosen, axis) for axis in "xy")
            line = {"color": colour, "width": width}
            figure.add_scattergl(
                x=x, y=y, mode="lines", line=line, name=name, legendgroup=name, showlegend=column == 1, hoverinfo="skip",
                row=1, col=column,
            )  # fmt: skip
        own = stations[stations["day"] == day]
        queue = own["largest_queue_veh"].to_numpy()
        size = LEAST_SIZE + (LARGEST_SIZE - LEAST_SIZE) * np.sqrt(np.maximum(queue, 0.0) / most)
        figure.add_scattergl(
            x=(own["x_m"] / 1000.0).round(2),
            y=(own["y_m"] / 1000.0).round(2),
            mode="markers",
            marker={"size": size.round(1), "color": COLOURS[0], "opacity": 0.75, "line": {"width": 0}},
            name=f"station, by its largest queue (up to {most:.0f} vehicles)",
            legendgroup="station",
            showlegend=column == 1,
            hoverinfo="skip",
            row=1,
            col=column,
        )
    finish(figure, title=title, width=1100, height=480, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="km", showgrid=False)
    figure.update_yaxes(showgrid=False, showticklabels=False, ticks="")
    for column in range(1, len(DAYS) + 1):
        figure.update_yaxes(scaleanchor="x" if column == 1 else f"x{column}", scaleratio=1, row=1, col=column)
    return figure


def _broken(roads: pd.DataFrame, axis: str) -> np.ndarray:
    """Ends of all roads in one line, with a gap after each [km]."""
    ends = np.full((len(roads), 3), np.nan)
    ends[:, 0], ends[:, 1] = (roads[f"{axis}_{end}_m"] / 1000.0 for end in ("tail", "head"))
    return ends.ravel().round(2)
