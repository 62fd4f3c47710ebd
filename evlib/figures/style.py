"""One look for all figures: colours that colour-blind readers can tell apart, line styles that survive a grey print."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from evlib.traffic.time_grid import clock_to_min

__all__ = [
    "COLOURS",
    "DASHES",
    "FILLS",
    "INK",
    "LEGEND_BELOW",
    "LOOKS",
    "ROOM_BELOW",
    "SMALLEST",
    "clock_axis",
    "clock_title",
    "finish",
    "heat_scale",
    "hours",
    "legend_entry",
    "line_look",
    "span",
]

# Okabe and Ito (2008): told apart by colour-blind readers. In grey green and pink coincide, and orange and sky blue, so a
# line has a dash of its own as well and a surface a pattern.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#F0E442")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
FILLS = ("", "/", "\\", "x", "-", "|", "+", ".")
INK = "#222222"
# A legend under the axis title, and the margins that leave room for one row of it.
LEGEND_BELOW = {"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"}
ROOM_BELOW = {"l": 70, "r": 25, "t": 60, "b": 90}
WIDTH, HEIGHT = 760, 420
# Figures are drawn to be printed 180 mm wide. There 11 px of a usual figure are 7.4 pt: the smallest font.
PRINT_MM, LEAST_PT, SMALLEST = 180, 7, 11
# One for each case, in order: the background, the case in question, a third one.
LOOKS = (
    {"color": "#8C8C8C", "dash": "solid", "width": 4},
    {"color": COLOURS[0], "dash": "solid", "width": 2},
    {"color": COLOURS[5], "dash": "dot", "width": 2},
)


def finish(
    figure: go.Figure, *, title: str | None = None, height: int = HEIGHT, width: int = WIDTH, **layout
) -> go.Figure:
    """Give a figure the study's fonts, margins, grid and a legend below the plot; wide figures get larger fonts.

    Parameters
    ----------
    figure : Figure
        Changed in place.
    title : str, optional
        States the finding.
    height, width : int
        [px].
    **layout
        Further layout properties.

    Returns
    -------
    Figure
        The same figure.
    """
    size = max(13, math.ceil(LEAST_PT * width * 25.4 / (72 * PRINT_MM)))
    style = {
        "template": "plotly_white",
        "font": {"family": "DejaVu Sans, Arial, sans-serif", "size": size, "color": INK},
        "margin": {"l": 70, "r": 25, "t": 60, "b": 60},
        "legend": {"orientation": "h", "x": 0.0, "xanchor": "left", "y": -0.2, "yanchor": "top"},
        "width": width,
        "height": height,
    }
    figure.update_layout({**style, **layout})
    if title is not None:
        figure.update_layout(title={"text": title, "x": 0.02, "xanchor": "left", "font": {"size": size + 2}})
    lines = {"showline": True, "linecolor": "#666666", "ticks": "outside", "gridcolor": "#E4E4E4", "zeroline": False}
    figure.update_xaxes(**lines)
    figure.update_yaxes(**lines)
    return figure


def line_look(number: int, width: float = 2.5) -> dict:
    """Look of a figure's line number 0, 1, ...: the colours repeat after 8 lines, the dashes after 6, both after 24."""
    return {"color": COLOURS[number % len(COLOURS)], "dash": DASHES[number % len(DASHES)], "width": width}


def heat_scale() -> str:
    """Name of the colour scale for heat maps: its lightness rises steadily, so it reads in grey."""
    return "Cividis"


def span(values) -> list[float]:
    """Range of an axis that shows zero and all the values, with a margin."""
    low, high = min(0.0, float(np.min(values))), max(0.0, float(np.max(values)))
    room = 0.06 * max(high - low, 1e-9)
    return [low - room * (low < 0), high + room * (high > 0)]


def legend_entry(name: str, shown: bool) -> dict:
    """Properties of a trace that shares its legend entry with the traces of the same name; one of them shows it."""
    return {"name": name, "legendgroup": name, "showlegend": shown}


def hours(clock) -> np.ndarray:
    """Clock times ``HH:MM`` in the order of the day as hours after its first midnight: after 23:55 comes 24, not 0.

    Examples
    --------
    >>> hours(["22:30", "23:30", "00:30"])
    array([22.5, 23.5, 24.5])
    """
    return np.unwrap([clock_to_min(time) for time in clock], period=24 * 60) / 60


def clock_axis(figure: go.Figure, clock, row: int = 1) -> go.Figure:
    """Ticks at every other full hour on every x axis, which is in hours after midnight; ``row`` is the lowest row."""
    shown = hours(dict.fromkeys(clock))
    end = float(np.ceil(shown[-1]))
    ticks = np.arange(np.floor(shown[0]), end, 2)  # without the end, whose label would touch the next panel's first
    figure.update_xaxes(tickvals=ticks, ticktext=[f"{int(hour) % 24}" for hour in ticks], range=[shown[0], end])
    return clock_title(figure, row)


def clock_title(figure: go.Figure, row: int) -> go.Figure:
    """Tie all x axes to the first panel of the lowest row and put the title there only, so that it is read once."""
    first = next(figure.select_xaxes(row=row, col=1))
    figure.update_xaxes(title_text="", matches=first.plotly_name.replace("axis", ""))
    return figure.update_xaxes(title_text="clock time [h]", matches=None, row=row, col=1)
