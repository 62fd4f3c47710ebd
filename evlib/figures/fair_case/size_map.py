"""A number over two sizes, printed in every cell of a map."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from evlib.errors import InputError
from evlib.figures.style import INK, finish

__all__ = ["size_map"]

# Colour-blind safe, and light in the middle; the printed numbers read in grey.
_SCALE = "PuOr_r"


def size_map(
    table: pd.DataFrame,
    x: str,
    y: str,
    value: str,
    titles: dict,
    title: str,
    *,
    middle: float,
    reach: float,
    unsure: str,
) -> go.Figure:
    """A map with a scale of two colours from a middle, and a number in each cell.

    Parameters
    ----------
    table : DataFrame
        One row a cell: ``x``, ``y``, ``value``, and ``unsure``, where true the number is put in brackets.
    x, y, value, unsure : str
        Names of columns.
    titles : dict of str -> str
        Column -> title of its axis or of the colour bar, with the unit.
    title : str
        States the finding.
    middle, reach : float
        Where the scale changes colour, and how far from there it ends on either side.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        A pair of sizes that is missing or stands in several rows.
    """
    if table.duplicated([x, y]).any() or len(table) != table[x].nunique() * table[y].nunique():
        raise InputError(f"map: every pair of {x} and {y} must stand in one row")
    wide = table.pivot(index=y, columns=x, values=value)
    doubtful = table.pivot(index=y, columns=x, values=unsure).astype(bool)
    bar = {"title": {"text": titles[value], "side": "right"}, "thickness": 14}
    figure = go.Figure(
        go.Heatmap(
            z=np.clip(wide.to_numpy(), middle - reach, middle + reach),
            zmin=middle - reach,
            zmax=middle + reach,
            colorscale=_SCALE,
            colorbar=bar,
            xgap=2,
            ygap=2,
        )
    )
    for i in range(len(wide)):
        for j in range(wide.shape[1]):
            number = wide.iat[i, j]
            dark = abs(number - middle) > 0.55 * reach
            text = f"({number:.0f})" if doubtful.iat[i, j] else f"{number:.0f}"
            font = {"color": "white" if dark else INK, "size": 14}
            figure.add_annotation(x=j, y=i, text=text, showarrow=False, font=font)
    finish(figure, title=title, height=420, margin={"l": 80, "r": 25, "t": 60, "b": 60})
    sizes = {"x": [f"{size:g}" for size in wide.columns], "y": [f"{size:g}" for size in wide.index]}
    ticks = {axis: {"tickvals": list(range(len(names))), "ticktext": names} for axis, names in sizes.items()}
    figure.update_xaxes(title_text=titles[x], showgrid=False, **ticks["x"])
    return figure.update_yaxes(title_text=titles[y], showgrid=False, **ticks["y"])
