"""The case study in money and verdicts: costs by strategy, who gains, and the article's claims."""

from __future__ import annotations

from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.errors import InputError
from evlib.figures.case import LOOKS
from evlib.figures.style import COLOURS, INK, LEGEND_BELOW, ROOM_BELOW, finish

__all__ = ["VERDICTS", "claim_ratios", "claim_verdicts", "cost_breakdown", "who_gains"]

_ITEMS = {
    "import": ("#BDBDBD", ""),
    "backup": (COLOURS[5], ""),
    "curtailment": (COLOURS[1], "/"),
    "overload and quadratic": ("#777777", "x"),
    "vehicles": (COLOURS[0], "."),
    "shedding": (COLOURS[6], ""),
    "bought after the horizon": (COLOURS[3], "\\"),
}
# From yes to no to cannot say, as `evlib.claims.verdict` names them; the marker tells them apart in grey.
VERDICTS = {
    "reproduced": (COLOURS[2], "", "circle"),
    "direction only": (COLOURS[4], "/", "diamond"),
    "not reproduced": (COLOURS[5], "x", "x"),
    "by construction": ("#BDBDBD", "", "square"),
    "undefined": ("#FFFFFF", ".", "circle-open"),
    "no claim": ("#FFFFFF", "", "square-open"),
}


def cost_breakdown(costs: pd.DataFrame, title: str) -> go.Figure:
    """Cost by strategy: drivers' time and queue on the left, the grid's cost by item on the right.

    Parameters
    ----------
    costs : DataFrame
        As `evlib.figures.case_tables.cost_table` makes it: ``case``, ``item``, ``cost_cny``; every case has every item.
    title : str
        States the finding.

    Returns
    -------
    Figure
        The sum of both sides is written at the right. Drivers' electricity bill is a payment, not a cost, and is no
        part of it.

    Raises
    ------
    InputError
        An unknown item.
    """
    unknown = sorted(set(costs["item"]) - {"time and queue", *_ITEMS})
    if unknown:
        raise InputError(f"costs: item {unknown[0]!r} is unknown; must be one of time and queue, {', '.join(_ITEMS)}")
    cases = list(dict.fromkeys(costs["case"]))
    grid = costs.pivot(index="case", columns="item", values="cost_cny").loc[cases] / 1000
    figure = make_subplots(
        1, 2, shared_yaxes=True, horizontal_spacing=0.1, column_widths=[0.4, 0.6], subplot_titles=["drivers", "grid"]
    )
    time = grid["time and queue"]
    bar = {"orientation": "h", "y": cases, "width": 0.6}
    text = {"text": [f"{value:.1f}" for value in time], "textposition": "outside", "cliponaxis": False}
    figure.add_trace(
        go.Bar(x=time, name="time and queue", marker={"color": "#666666"}, showlegend=False, **text, **bar),
        row=1,
        col=1,
    )
    for name, (colour, shape) in _ITEMS.items():
        if grid[name].max() < 1e-3:
            continue  # below a CNY in every case: no entry in the legend either
        pattern = (
            {"shape": shape, "fgcolor": colour, "bgcolor": "#FFFFFF", "size": 5, "solidity": 0.5} if shape else None
        )
        marker = {"color": colour, "pattern": pattern, "line": {"color": INK, "width": 0.5}}
        figure.add_trace(go.Bar(x=grid[name], name=name, marker=marker, **bar), row=1, col=2)
    total, right = grid.sum(axis=1), grid.drop(columns="time and queue").sum(axis=1)
    for case in cases:
        note = {"xanchor": "left", "xshift": 4, "showarrow": False, "font": {"size": 12}}
        label = f"{right[case]:.1f}; with time <b>{total[case]:.1f}</b>"
        figure.add_annotation(x=right[case], y=case, text=label, row=1, col=2, **note)
    finish(figure, title=title, height=420, margin={**ROOM_BELOW, "l": 145, "t": 85, "b": 110}, legend=LEGEND_BELOW)
    figure.update_layout(barmode="stack", legend={"traceorder": "normal", "entrywidth": 190})
    figure.update_xaxes(title_text="time and queue<br>[thousand CNY]", range=[0, 1.3 * time.max()], col=1)
    figure.update_xaxes(title_text="grid cost [thousand CNY]", range=[0, 1.65 * right.max()], col=2)
    figure.update_yaxes(title_text="strategy", col=1)
    return figure.update_yaxes(autorange="reversed", showgrid=False)


def who_gains(table: pd.DataFrame, measures: dict, title: str) -> go.Figure:
    """Mean cost of groups of drivers, a panel a measure, a marker a case, joined by a line.

    Parameters
    ----------
    table : DataFrame
        ``case``, ``group`` and the measures; up to three cases.
    measures : dict of str -> str
        Column -> title of its axis, with the unit.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    groups = list(dict.fromkeys(table["group"]))
    figure = make_subplots(1, len(measures), shared_yaxes=True, horizontal_spacing=0.06)
    symbols = ("square", "circle", "diamond")
    for column, (measure, text) in enumerate(measures.items(), start=1):
        wide = table.pivot(index="group", columns="case", values=measure).loc[groups]
        gap = np.full(len(groups), np.nan)
        x = np.column_stack([wide.min(axis=1), wide.max(axis=1), gap]).reshape(-1)
        line = {"color": "#BBBBBB", "width": 3}
        joint = go.Scatter(x=x, y=np.repeat(groups, 3), mode="lines", line=line, showlegend=False, hoverinfo="skip")
        figure.add_trace(joint, row=1, col=column)
        for look, symbol, case in zip(LOOKS, symbols, dict.fromkeys(table["case"]), strict=False):
            marker = {"color": look["color"], "symbol": symbol, "size": 11, "line": {"color": INK, "width": 1}}
            show = {"name": case, "legendgroup": case, "showlegend": column == 1}
            dots = go.Scatter(x=wide[case], y=groups, mode="markers", marker=marker, **show)
            figure.add_trace(dots, row=1, col=column)
        figure.update_xaxes(title_text=text, rangemode="tozero", col=column)
    finish(figure, title=title, height=380, margin={**ROOM_BELOW, "l": 130}, legend=LEGEND_BELOW)
    figure.update_yaxes(title_text="origin, class", col=1)
    return figure.update_yaxes(autorange="reversed")


def claim_ratios(claims: pd.DataFrame, title: str, *, within: float = 0.2, most: float = 4.0) -> go.Figure:
    """Our number over the article's, one row a definition; the band is what counts as reproduced.

    Parameters
    ----------
    claims : DataFrame
        ``claim``, ``definition``, ``article``, ``ours``, ``verdict``: rows where the article gives a number other than
        0 and ours is defined.
    title : str
        States the finding.
    within : float
        Half-width of the band [1].
    most : float
        Where the axis ends on either side [1]; a ratio beyond it is written at the edge.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        A row without both numbers, or an unknown verdict.
    """
    if not (claims["article"].abs() > 0).all() or claims["ours"].isna().any():
        raise InputError("claims: every row must have the article's number, other than 0, and ours; drop the others")
    _check_verdicts(claims)
    labels = ["<br>".join(wrap(f"{row.claim}: {row.definition}", 58)) for row in claims.itertuples()]
    ratio = (claims["ours"] / claims["article"]).to_numpy()
    figure = go.Figure()
    figure.add_vrect(x0=1 - within, x1=1 + within, fillcolor="#CCCCCC", opacity=0.5, line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    for verdict, (colour, _, symbol) in VERDICTS.items():
        chosen = (claims["verdict"] == verdict).to_numpy() & (abs(ratio) <= most)
        if chosen.any():
            marker = {"symbol": symbol, "size": 11, "color": colour, "line": {"color": INK, "width": 1}}
            y = [label for label, here in zip(labels, chosen, strict=True) if here]
            figure.add_scatter(x=ratio[chosen], y=y, mode="markers", marker=marker, name=verdict)
    for label, value in zip(labels, ratio, strict=True):
        if abs(value) > most:
            side = {"xanchor": "right", "text": f"{value:.1f} →"} if value > 0 else {"xanchor": "left"}
            text = {"text": f"← {value:.1f}".replace("-", "−"), **side}
            figure.add_annotation(x=most if value > 0 else -most, y=label, showarrow=False, **text)
    lines = sum(label.count("<br>") + 1 for label in labels)
    finish(figure, title=title, height=150 + 17 * lines + 8 * len(labels), legend=LEGEND_BELOW)
    figure.update_layout(margin={**ROOM_BELOW, "l": 405}, showlegend=True)
    figure.update_xaxes(title_text="ours / the article's number [1]", range=[-1.04 * most, 1.04 * most])
    ticks = {"categoryorder": "array", "categoryarray": labels[::-1], "tickfont": {"size": 11}}
    return figure.update_yaxes(title_text="claim: definition", type="category", **ticks)


def claim_verdicts(claims: pd.DataFrame, names: dict, title: str) -> go.Figure:
    """How many definitions of each claim come to which verdict.

    Parameters
    ----------
    claims : DataFrame
        ``claim``, ``verdict``.
    names : dict of str -> str
        Claim -> what it says in a few words, in drawing order.
    title : str
        States the finding.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        An unknown verdict, or a claim without a name.
    """
    _check_verdicts(claims)
    unknown = sorted(set(claims["claim"]) - set(names))
    if unknown:
        raise InputError(f"claims: {unknown[0]!r} has no name; names must hold every claim")
    labels = ["<br>".join(wrap(f"{claim}: {text}", 46)) for claim, text in names.items()]
    count = pd.crosstab(claims["claim"], claims["verdict"]).reindex(index=list(names), fill_value=0)
    figure = go.Figure()
    for verdict, (colour, shape, _) in VERDICTS.items():
        if verdict not in count:
            continue
        fore = colour if colour != "#FFFFFF" else "#777777"  # white dots on white would not be seen
        pattern = {"shape": shape, "fgcolor": fore, "bgcolor": "#FFFFFF", "size": 6, "solidity": 0.5} if shape else None
        marker = {"color": colour, "pattern": pattern, "line": {"color": INK, "width": 1}}
        figure.add_bar(x=count[verdict], y=labels, orientation="h", marker=marker, name=verdict)
    finish(figure, title=title, height=150 + 34 * len(names), margin={**ROOM_BELOW, "l": 330}, legend=LEGEND_BELOW)
    figure.update_layout(barmode="stack", bargap=0.35, legend={"traceorder": "normal"})
    figure.update_xaxes(title_text="definitions [count]", dtick=2)
    ticks = {"autorange": "reversed", "tickfont": {"size": 11}}
    return figure.update_yaxes(title_text="claim", showgrid=False, **ticks)


def _check_verdicts(claims):
    unknown = sorted(set(claims["verdict"]) - set(VERDICTS))
    if unknown:
        raise InputError(f"claims: verdict {unknown[0]!r} is unknown; must be one of {', '.join(VERDICTS)}")
