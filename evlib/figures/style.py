"""One look for all figures: colours that the colour-blind tell apart, line styles that survive a grey print."""

import plotly.graph_objects as go

__all__ = ["COLOURS", "DASHES", "FILLS", "INK", "LEGEND_BELOW", "ROOM_BELOW", "finish", "heat_scale"]

# Okabe and Ito (2008), in an order whose greys differ too.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#F0E442")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
FILLS = ("", "/", "\\", "x", "-", "|", "+", ".")

INK = "#222222"

# A row under the axis title, and the margins that leave room for one row of it.
LEGEND_BELOW = {"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"}
ROOM_BELOW = {"l": 70, "r": 25, "t": 60, "b": 90}

WIDTH, HEIGHT = 760, 420


def finish(
    figure: go.Figure, *, title: str | None = None, height: int = HEIGHT, width: int = WIDTH, **layout
) -> go.Figure:
    """Give a figure the study's fonts, margins, grid and a legend below the plot.

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
    style = {
        "template": "plotly_white",
        "font": {"family": "DejaVu Sans, Arial, sans-serif", "size": 13, "color": INK},
        "margin": {"l": 70, "r": 25, "t": 60, "b": 60},
        "legend": {"orientation": "h", "x": 0.0, "xanchor": "left", "y": -0.2, "yanchor": "top"},
        "width": width,
        "height": height,
    }
    figure.update_layout({**style, **layout})
    if title is not None:
        figure.update_layout(title={"text": title, "x": 0.02, "xanchor": "left", "font": {"size": 15}})
    lines = {"showline": True, "linecolor": "#666666", "ticks": "outside", "gridcolor": "#E4E4E4", "zeroline": False}
    figure.update_xaxes(**lines)
    figure.update_yaxes(**lines)
    return figure


def heat_scale() -> str:
    """Name of the colour scale for heat maps: its lightness rises steadily, so it reads in grey."""
    return "Cividis"
