"""What drives each number, as a tornado, and maps of numbers over two unknowns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.style import COLOURS, INK, LEGEND_BELOW, ROOM_BELOW, finish, heat_scale, legend_entry

__all__ = ["knob_maps", "tornado"]


def tornado(drivers: pd.DataFrame, names: dict, labels: dict, title: str, *, n_knobs: int = 8) -> go.Figure:
    """Partial rank correlation of the strongest unknowns with each number, a panel a number.

    Parameters
    ----------
    drivers : DataFrame
        ``number``, ``knob``, ``partial``, as :func:`evlib.results.ensemble.drivers.driver_table` makes it.
    names : dict of str -> str
        Number -> title of its panel, in drawing order.
    labels : dict of str -> str
        Knob -> what it is.
    title : str
        States the finding.
    n_knobs : int
        Rows: the unknowns with the largest sum of squares over all numbers.

    Returns
    -------
    Figure
        Blue to the right: the number rises with the unknown; orange and hatched to the left: it falls.
    """
    wide = drivers.pivot(index="knob", columns="number", values="partial")[list(names)]
    order = (wide**2).sum(axis=1).sort_values(ascending=False).index[:n_knobs]
    shown = [labels[knob] for knob in order]
    figure = make_subplots(
        1, len(names), shared_yaxes=True, horizontal_spacing=0.02, subplot_titles=list(names.values())
    )
    for column, number in enumerate(names, start=1):
        value = wide.loc[order, number].to_numpy()
        for name, chosen, colour, pattern in (
            ("rises with it", value >= 0, COLOURS[0], ""),
            ("falls with it", value < 0, COLOURS[1], "/"),
        ):
            marker = {"color": colour, "pattern": {"shape": pattern}, "line": {"color": INK, "width": 0.5}}
            bar = go.Bar(
                x=np.where(chosen, value, np.nan),
                y=shown,
                orientation="h",
                marker=marker,
                **legend_entry(name, column == 1),
            )
            figure.add_trace(bar, row=1, col=column)
        figure.add_vline(x=0, line={"color": INK, "width": 1}, row=1, col=column)
    height = 170 + 27 * len(shown)
    finish(figure, title=title, height=height, width=900, margin=ROOM_BELOW | {"l": 215, "t": 85}, legend=LEGEND_BELOW)
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(range=[-1, 1], tickvals=[-0.5, 0, 0.5])
    _title_in_the_middle(figure, len(names), "partial rank correlation [1]")
    figure.update_yaxes(autorange="reversed")
    return figure.update_yaxes(title_text="unknown", col=1)


def knob_maps(fields: pd.DataFrame, names: dict, axes: tuple[str, str], title: str) -> go.Figure:
    """Median of each number over its article's number, in fields of two unknowns, a panel a number.

    Parameters
    ----------
    fields : DataFrame
        ``number``, ``across``, ``up``, ``median`` [%], ``n``, ``article`` [%], as
        :func:`evlib.results.ensemble.conditions.knob_map` makes it for each number.
    names : dict of str -> str
        Number -> title of its panel, in drawing order.
    axes : (str, str)
        Titles of the axes, with unit.
    title : str
        States the finding.

    Returns
    -------
    Figure
        The colour is the ratio to the article's number, from 0 to 2; the number itself is written into each field.
    """
    figure = make_subplots(
        1, len(names), shared_yaxes=True, horizontal_spacing=0.02, subplot_titles=list(names.values())
    )
    for column, number in enumerate(names, start=1):
        rows = fields[fields["number"] == number]
        grid = rows.assign(ratio=rows["median"] / rows["article"])
        ratio = grid.pivot(index="up", columns="across", values="ratio")
        text = grid.pivot(index="up", columns="across", values="median").map(
            lambda value: "" if np.isnan(value) else f"{round(value) + 0}"  # no -0
        )
        heat = go.Heatmap(
            z=ratio.to_numpy(),
            x=[_short(value) for value in ratio.columns],
            y=[_short(value) for value in ratio.index],
            text=text.to_numpy(),
            texttemplate="%{text}",
            coloraxis="coloraxis",
        )
        figure.add_trace(heat, row=1, col=column)
    finish(figure, title=title, height=360, width=900, margin=ROOM_BELOW | {"t": 85, "b": 70, "r": 95})
    bar = {"title": {"text": "ours / article [1]", "side": "right"}, "thickness": 14}
    figure.update_layout(coloraxis={"colorscale": heat_scale(), "cmin": 0, "cmax": 2, "colorbar": bar})
    figure.update_xaxes(showgrid=False, type="category")
    _title_in_the_middle(figure, len(names), axes[0])
    figure.update_yaxes(showgrid=False, type="category")
    return figure.update_yaxes(title_text=axes[1], col=1)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _title_in_the_middle(figure: go.Figure, n_panels: int, text: str) -> None:
    """Tie all x axes to that of the middle panel, which alone shows the title."""
    middle = (n_panels + 1) // 2
    for column in range(1, n_panels + 1):
        if column != middle:
            figure.update_xaxes(matches=f"x{middle}" if middle > 1 else "x", col=column)
    figure.update_xaxes(title_text=text, col=middle)
