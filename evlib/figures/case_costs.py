"""The case study in money: costs by strategy, and who gains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.errors import InputError
from evlib.figures.style import COLOURS, INK, LEGEND_BELOW, LOOKS, ROOM_BELOW, finish, legend_entry

__all__ = ["VERDICTS", "claim_ratios", "cost_breakdown", "value_waterfall", "who_gains"]

# Neighbours in a bar also differ in grey.
_ITEMS = {
    "import": "#D0D0D0",
    "backup": COLOURS[5],
    "curtailment": COLOURS[7],
    "overload and quadratic": "#777777",
    "vehicles": COLOURS[4],
    "shedding": COLOURS[6],
    "bought after the horizon": COLOURS[3],
}
# Verdicts as `evlib.results.claims.verdict` names them; the shape of the marker tells them apart in grey.
VERDICTS = {
    "reproduced": (COLOURS[2], "circle"),
    "direction only": (COLOURS[4], "diamond"),
    "not reproduced": (COLOURS[5], "x"),
    "by construction": ("#BDBDBD", "square"),
}


def cost_breakdown(costs: pd.DataFrame, title: str) -> go.Figure:
    """Cost by strategy: drivers' time and queue on the left, the grid's cost by item on the right.

    Parameters
    ----------
    costs : DataFrame
        As `evlib.results.comparison_tables.cost_table` makes it: ``case``, ``item``, ``cost_cny``; every case must have
        every item.
    title : str
        States the finding.

    Returns
    -------
    Figure
        The sum of both sides is written at the right. It leaves out the drivers' electricity bill, which is a payment
        and not a cost.

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
    for name, colour in _ITEMS.items():
        if grid[name].max() < 1e-3:
            continue  # below a CNY in every case: no entry in the legend either
        marker = {"color": colour, "line": {"color": INK, "width": 0.5}}
        figure.add_trace(go.Bar(x=grid[name], name=name, marker=marker, **bar), row=1, col=2)
    total, right = grid.sum(axis=1), grid.drop(columns="time and queue").sum(axis=1)
    for case in cases:
        note = {"xanchor": "left", "xshift": 4, "showarrow": False, "font": {"size": 12}}
        label = f"{right[case]:.1f}; with time <b>{total[case]:.1f}</b>"
        figure.add_annotation(x=right[case], y=case, text=label, row=1, col=2, **note)
    finish(figure, title=title, height=420, margin={**ROOM_BELOW, "l": 145, "t": 85, "b": 110}, legend=LEGEND_BELOW)
    figure.update_layout(barmode="stack", legend={"traceorder": "normal", "entrywidth": 190})
    figure.update_xaxes(title_text="time and queue<br>[thousand CNY]", range=[0, 1.3 * time.max()], col=1)
    figure.update_xaxes(title_text="grid cost [thousand CNY]", range=[0, 1.8 * right.max()], col=2)
    figure.update_yaxes(title_text="strategy", col=1)
    return figure.update_yaxes(autorange="reversed", showgrid=False)


def who_gains(table: pd.DataFrame, measures: dict, title: str) -> go.Figure:
    """Mean cost of groups of drivers: one panel for each measure, one marker for each case, joined by a line.

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
            entry = legend_entry(case, column == 1)
            dots = go.Scatter(x=wide[case], y=groups, mode="markers", marker=marker, **entry)
            figure.add_trace(dots, row=1, col=column)
        figure.update_xaxes(title_text=text, rangemode="tozero", col=column)
    finish(figure, title=title, height=380, margin={**ROOM_BELOW, "l": 130}, legend=LEGEND_BELOW)
    figure.update_yaxes(title_text="origin, class", col=1)
    return figure.update_yaxes(autorange="reversed")


def claim_ratios(claims: pd.DataFrame, names: dict, title: str, *, within: float = 0.2, most: float = 4.0) -> go.Figure:
    """Our number over the article's: one row for each claim, one marker for each definition; the band means reproduced.

    Parameters
    ----------
    claims : DataFrame
        ``claim``, ``article``, ``ours``, ``verdict``; only rows in which the article's number is not 0 and ours is
        defined.
    names : dict of str -> str
        Claim -> a few words on what it says, in drawing order.
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
    by_row = places.groupby("row")["row"]
    places["height"] = places["row"] + 0.6 * ((by_row.cumcount() + 0.5) / by_row.transform("size") - 0.5)
    return places


def value_waterfall(table: pd.DataFrame, title: str) -> go.Figure:
    """What each step from the nearest station to the coordinated day saves, one panel for each share of followers.

    Parameters
    ----------
    table : DataFrame
        As `evlib.results.accounts.waterfall.waterfall_table` makes it: ``follow`` (0 to 1), ``step``, ``total_cny``,
        ``value_cny`` (nan on the first step), ``converged`` (1; 0 for a run that has not settled, which is drawn hollow;
        nan for a run that needs no settling), ``unsettled_cny`` (drawn as an error bar where above 0).
    title : str
        States the finding.

    Returns
    -------
    Figure
        Savings grow to the left from the total of the step before; the first bar is the whole cost. Axes start where
        the differences can be seen.

    Raises
    ------
    InputError
        Shares of followers whose steps differ.
    """
    shares, steps = sorted(table["follow"].unique()), list(dict.fromkeys(table["step"]))
    titles = [f"{share:.0%} follow" for share in shares]
    figure = make_subplots(cols=len(shares), shared_yaxes=True, horizontal_spacing=0.02, subplot_titles=titles)
    low = 0.92 * table["total_cny"].min() / 1000
    for column, share in enumerate(shares, start=1):
        rows = table[table["follow"] == share]
        if list(rows["step"]) != steps:
            raise InputError(f"follow {share:g}: steps {', '.join(rows['step'])}; must be {', '.join(steps)}")
        total, value = rows["total_cny"].to_numpy() / 1000, rows["value_cny"].fillna(0.0).to_numpy() / 1000
        start = np.where(np.arange(len(rows)) == 0, low, total + np.maximum(value, 0.0) - np.abs(value) * (value > 0))
        length = np.where(np.arange(len(rows)) == 0, total - low, np.abs(value))
        start = np.where(value < 0, total + value, start)
        kinds = {"cost": np.arange(len(rows)) == 0, "saves": value > 0, "costs more": value < 0}
        for name, chosen in kinds.items():
            colour = {"cost": "#999999", "saves": COLOURS[0], "costs more": COLOURS[5]}[name]
            hollow = rows["converged"].to_numpy()[chosen] == 0
            figure.add_bar(
                x=length[chosen],
                y=np.array(steps)[chosen],
                base=start[chosen],
                orientation="h",
                marker={
                    "color": ["white" if open_ else colour for open_ in hollow],
                    "line": {"color": colour, "width": 2},
                },
                error_x={"array": rows["unsettled_cny"].to_numpy()[chosen] / 1000, "color": INK},
                **legend_entry(name, column == 1),
                row=1,
                col=column,
            )
    margin = ROOM_BELOW | {"l": 130, "t": 85}
    finish(figure, title=title, height=150 + 38 * len(steps), margin=margin, legend=LEGEND_BELOW)
    figure.update_xaxes(range=[low, 1.04 * table["total_cny"].max() / 1000], nticks=4)
    figure.update_xaxes(title_text="cost [thousand CNY]" if len(shares) == 1 else "cost<br>[thousand CNY]")
    figure.update_yaxes(categoryorder="array", categoryarray=steps[::-1])
    figure.update_yaxes(title_text="what is added", title_standoff=8, col=1)
    return figure
