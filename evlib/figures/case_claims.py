"""The article's claims: our number over the article's where it gives one."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from evlib.errors import InputError
from evlib.figures.style import COLOURS, INK, LEGEND_BELOW, ROOM_BELOW, finish

__all__ = ["VERDICTS", "claim_ratios"]

# Verdicts on a number, as `evlib.results.claims.verdict` names them; the marker tells them apart in grey.
VERDICTS = {
    "reproduced": (COLOURS[2], "circle"),
    "direction only": (COLOURS[4], "diamond"),
    "not reproduced": (COLOURS[5], "x"),
    "by construction": ("#BDBDBD", "square"),
}


def claim_ratios(claims: pd.DataFrame, names: dict, title: str, *, within: float = 0.2, most: float = 4.0) -> go.Figure:
    """Our number over the article's: a row a claim, a marker a definition; the band is what counts as reproduced.

    Parameters
    ----------
    claims : DataFrame
        ``claim``, ``article``, ``ours``, ``verdict``: rows where the article gives a number other than 0 and ours is
        defined.
    names : dict of str -> str
        Claim -> what it says in a few words, in drawing order.
    title : str
        States the finding.
    within : float
        Half-width of the band [1].
    most : float
        Where the axis ends on either side [1]; ratios beyond it are written at the edge.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        A row without both numbers, an unknown verdict, or a claim without a name.
    """
    if not (claims["article"].abs() > 0).all() or claims["ours"].isna().any():
        raise InputError("claims: every row must have the article's number, other than 0, and ours; drop the others")
    for column, known in (("verdict", VERDICTS), ("claim", names)):
        unknown = sorted(set(claims[column]) - set(known))
        if unknown:
            raise InputError(f"claims: {column} {unknown[0]!r} is unknown; must be one of {', '.join(known)}")
    places = _places(claims, list(names))
    figure = go.Figure()
    figure.add_vrect(x0=1 - within, x1=1 + within, fillcolor="#CCCCCC", opacity=0.5, line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    for verdict, (colour, symbol) in VERDICTS.items():
        rows = places[(places["verdict"] == verdict) & (places["ratio"].abs() <= most)]
        if len(rows):
            marker = {"symbol": symbol, "size": 11, "color": colour, "line": {"color": INK, "width": 1}}
            figure.add_scatter(x=rows["ratio"], y=rows["height"], mode="markers", marker=marker, name=verdict)
    beyond = places[places["ratio"].abs() > most]
    for (row, above), rows in beyond.groupby(["row", beyond["ratio"] > 0]):
        values = ", ".join(f"{value:.1f}".replace("-", "−") for value in sorted(rows["ratio"]))
        place = {"x": most, "xanchor": "right"} if above else {"x": -most, "xanchor": "left"}
        figure.add_annotation(text=f"{values} →" if above else f"← {values}", y=row, showarrow=False, **place)
    finish(figure, title=title, height=150 + 40 * len(names), margin={**ROOM_BELOW, "l": 210}, legend=LEGEND_BELOW)
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title_text="ours / the article's number [1]", range=[-1.04 * most, 1.04 * most])
    ticks = {"tickvals": list(range(len(names))), "ticktext": [f"{claim}: {text}" for claim, text in names.items()]}
    return figure.update_yaxes(title_text="claim", range=[len(names) - 0.5, -0.5], **ticks)


def _places(claims: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    """Ratio of each definition, the row of its claim, and a height within the row, so that no marker hides another."""
    places = claims[["claim", "verdict"]].assign(ratio=claims["ours"] / claims["article"])
    places["row"] = places["claim"].map(order.index)
    place, several = (getattr(places.groupby("row")["row"], name) for name in ("cumcount", "transform"))
    places["height"] = places["row"] + 0.6 * ((place() + 0.5) / several("size") - 0.5)
    return places
