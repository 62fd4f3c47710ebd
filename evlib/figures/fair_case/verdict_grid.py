"""One verdict for each claim and variant: colour, and a shape that tells them apart in grey."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from evlib.errors import InputError
from evlib.figures.case_costs import VERDICTS
from evlib.figures.style import COLOURS, INK, LEGEND_BELOW, ROOM_BELOW, finish

__all__ = ["verdict_grid"]

_LOOKS = VERDICTS | {"immaterial": (COLOURS[7], "triangle-down"), "undefined": ("#FFFFFF", "circle-open-dot")}


def verdict_grid(table: pd.DataFrame, title: str) -> go.Figure:
    """Claims from left to right, variants from top to bottom, a marker for the verdict of each.

    Parameters
    ----------
    table : DataFrame
        ``variant``, ``claim``, ``verdict`` and ``state``: where it is not *settled*, it is written behind the variant's name and
        the row is shaded.
    title : str
        States the finding.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        An unknown verdict.
    """
    unknown = sorted(set(table["verdict"]) - set(_LOOKS))
    if unknown:
        raise InputError(f"verdict {unknown[0]!r} is unknown; must be one of {', '.join(_LOOKS)}")
    states = table.drop_duplicates("variant").set_index("variant")["state"]
    label = {name: name if state == "settled" else f"{name} ({state})" for name, state in states.items()}
    figure = go.Figure()
    for place, state in enumerate(states.iloc[::-1]):  # from the bottom, as the axis counts
        if state != "settled":
            band = {"fillcolor": "#DDDDDD", "opacity": 0.6, "line_width": 0, "layer": "below"}
            figure.add_hrect(y0=place - 0.5, y1=place + 0.5, **band)
    for verdict, (colour, symbol) in _LOOKS.items():
        cells = table[table["verdict"] == verdict]
        if len(cells):
            marker = {"symbol": symbol, "size": 12, "color": colour, "line": {"color": INK, "width": 1}}
            if symbol == "circle-open-dot":
                marker = {"symbol": symbol, "size": 9, "color": "#777777"}
            names = cells["variant"].map(label)
            figure.add_scatter(x=cells["claim"], y=names, mode="markers", marker=marker, name=verdict)
    height = 190 + 27 * len(states)
    finish(figure, title=title, height=height, width=860, margin={**ROOM_BELOW, "l": 230}, legend=LEGEND_BELOW)
    claims = list(dict.fromkeys(table["claim"]))
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title_text="claim", categoryorder="array", categoryarray=claims)
    return figure.update_yaxes(
        title_text="what differs from the base case", categoryorder="array", categoryarray=list(label.values())[::-1]
    )
