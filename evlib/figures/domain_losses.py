"""What flexible domains lose and what they promise too much, over fleets and prices."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.errors import InputError
from evlib.figures.style import COLOURS, LEGEND_BELOW, finish

__all__ = ["domain_losses"]

SYMBOLS = {"tariff": "circle", "surplus": "square", "volatile": "diamond"}


def domain_losses(table: pd.DataFrame, *, title: str, floor: float = 1e-6) -> go.Figure:
    """Unused potential and undeliverable share of each domain, one mark for each fleet and price family.

    Parameters
    ----------
    table : DataFrame
        ``fleet``, ``prices``, ``domain``, ``upr_median``, ``undeliverable_share``, as
        `study.experiments.flexible_domains` makes it.
    title : str
        The finding.
    floor : float
        Least unused potential that is told apart from none; marks below it are drawn there.

    Returns
    -------
    Figure
        Left: 1 is no better than no control, beyond it is worse; on a logarithmic axis. Sets that promise more than
        exists have no unused potential and stand in the right panel alone.
    """
    if table.empty:
        raise InputError("table: empty; must have a row for each fleet, price family and domain")
    names = list(dict.fromkeys(table["domain"]))[::-1]
    figure = make_subplots(cols=2, shared_yaxes=True, horizontal_spacing=0.03, column_widths=[0.6, 0.4])
    for i, (family, rows) in enumerate(table.groupby("prices", sort=False)):
        mark = {"symbol": SYMBOLS.get(family, "cross"), "color": COLOURS[i], "size": 8, "opacity": 0.8}
        inner = rows[rows["upr_median"] > -floor]
        for column, own, x in (
            (1, inner, inner["upr_median"].clip(lower=floor)),
            (2, rows, 100 * rows["undeliverable_share"]),
        ):
            figure.add_scatter(
                x=x, y=own["domain"], mode="markers", name=family, legendgroup=family, showlegend=column == 1,
                marker=mark, text=own["fleet"], row=1, col=column,
            )  # fmt: skip
    figure.add_vline(x=1, line={"dash": "dash", "color": "#666666", "width": 1}, row=1, col=1)
    figure.update_yaxes(categoryorder="array", categoryarray=names)
    figure.update_yaxes(title="set", row=1, col=1)
    figure.update_xaxes(type="log", exponentformat="power", title="unused potential (1: no control)", row=1, col=1)
    figure.update_xaxes(title="undeliverable [%]", rangemode="tozero", row=1, col=2)
    margin = {"l": 240, "r": 25, "t": 60, "b": 90}
    return finish(figure, title=title, height=430, legend=LEGEND_BELOW, margin=margin)
