"""How traffic and grid reach agreement: lower bounds from prices, and the excess of runs by iteration."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.errors import InputError
from evlib.figures.style import COLOURS, DASHES, INK, LEGEND_BELOW, ROOM_BELOW, finish

__all__ = ["cost_by_compliance", "excess_by_iteration", "lower_bounds", "settling_map"]

_ROOM = {**ROOM_BELOW, "l": 75, "b": 105}
_MARKERS = ("circle", "square", "diamond", "x", "triangle-up", "cross")
_LINE_COLOURS = (0, 1, 5, 6, 2, 3)
# Filled where a loop settles, open where it only passes through, a cross where it swings: readable without colour.
_OUTCOMES = {
    "settles": ("circle", COLOURS[0]),
    "passes": ("circle-open", COLOURS[0]),
    "stalls": ("triangle-up", COLOURS[1]),
    "swings": ("x", COLOURS[5]),
    "no optimum": ("line-ew-open", INK),
}


def lower_bounds(table: pd.DataFrame, least_cny: float, title: str) -> go.Figure:
    """Lower bound on the least cost, against the announced price.

    Parameters
    ----------
    table : DataFrame
        ``price_cny_kwh``, ``bound_cny``.
    least_cny : float
        The least cost itself [CNY].
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    line = {"color": COLOURS[0], "width": 2.5}
    figure.add_scatter(
        x=table["price_cny_kwh"], y=table["bound_cny"], mode="lines", line=line, name="bound: each side for itself"
    )
    ends = table["price_cny_kwh"].iloc[[0, -1]]
    line = {"color": COLOURS[5], "dash": "dash", "width": 2.5}
    figure.add_scatter(x=ends, y=[least_cny] * 2, mode="lines", line=line, name="least cost together")
    finish(figure, title=title, height=370, margin=_ROOM, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="announced price [CNY/kWh]")
    figure.update_yaxes(title_text="cost [CNY]")
    return figure


def excess_by_iteration(table: pd.DataFrame, title: str) -> go.Figure:
    """Excess by iteration on a logarithmic axis, one line for each run; a ring marks the iterate that the run returns.

    Parameters
    ----------
    table : DataFrame
        ``run`` (at most six), ``iteration``, ``excess_cny_veh`` [CNY/veh]; optionally ``best``: 1 at the returned
        iterate, else 0.
    title : str
        States the finding.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        More runs than there are lines that can be told apart.
    """
    n_runs = table["run"].nunique()
    if n_runs > len(_MARKERS):
        raise InputError(f"{n_runs} runs in one figure; must be at most {len(_MARKERS)}, or their lines look alike")
    figure = go.Figure()
    # Longer runs are drawn first, so that they do not hide a shorter run that starts out like them.
    runs = sorted(table.groupby("run", sort=False), key=lambda run: -len(run[1]))
    for number, (run, rows) in enumerate(runs):
        figure.add_scatter(**_line(number, run, rows["iteration"], rows["excess_cny_veh"]))
    if "best" in table:
        best = table[table["best"] == 1]
        ring = {"symbol": "circle-open", "size": 16, "color": INK, "line": {"width": 2}}
        figure.add_scatter(x=best["iteration"], y=best["excess_cny_veh"], mode="markers", marker=ring, name="returned")
    legend_px = 25 * (1 + (n_runs - 1) // 3)  # three runs in a row
    finish(figure, title=title, height=410 + legend_px, margin=_ROOM | {"b": 80 + legend_px}, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="iteration")
    figure.update_yaxes(title_text="excess cost [CNY per vehicle]", type="log", dtick=1)
    return figure


def settling_map(table: pd.DataFrame, title: str) -> go.Figure:
    """How each loop ended at each demand: one panel for each kind of limits, one marker for each run.

    Parameters
    ----------
    table : DataFrame
        ``loop``, ``limits``, ``demand`` [times the scenario's vehicles], ``outcome``; loops are drawn in the table's
        order, the first on top.
    title : str
        States the finding.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        An unknown outcome.
    """
    unknown = set(table["outcome"]) - set(_OUTCOMES)
    if unknown:
        raise InputError(f"outcome {sorted(unknown)[0]!r} is unknown; must be one of {', '.join(_OUTCOMES)}")
    panels, loops = list(table["limits"].unique()), list(table["loop"].unique())
    titles = [f"{limits} limits" for limits in panels]
    figure = make_subplots(1, len(panels), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.03)
    for outcome, (symbol, colour) in _OUTCOMES.items():
        if not (table["outcome"] == outcome).any():
            continue
        for column, limits in enumerate(panels, start=1):
            rows = table[(table["limits"] == limits) & (table["outcome"] == outcome)]
            figure.add_scatter(
                x=rows["demand"].map("{:g}".format),
                y=rows["loop"],
                mode="markers",
                marker={"symbol": symbol, "color": colour, "size": 13, "line": {"width": 2.5, "color": colour}},
                name=outcome,
                legendgroup=outcome,
                showlegend=column == 1,
                row=1,
                col=column,
            )
    margin = _ROOM | {"l": 235, "t": 85}
    finish(figure, title=title, height=210 + 26 * len(loops), margin=margin, legend=LEGEND_BELOW)
    demands = [f"{demand:g}" for demand in sorted(table["demand"].unique())]
    figure.update_xaxes(title_text="vehicles, times the scenario's", type="category", categoryarray=demands)
    figure.update_xaxes(categoryorder="array", range=[-0.5, len(demands) - 0.5])
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=loops[::-1], range=[-0.6, len(loops) - 0.4]
    )
    figure.update_yaxes(title_text="loop", col=1)
    return figure


def _line(number: int, name: str, x, y) -> dict:
    return {
        "x": x,
        "y": y,
        "mode": "lines+markers",
        "line": {"color": COLOURS[_LINE_COLOURS[number]], "dash": DASHES[number], "width": 2},
        "marker": {"symbol": _MARKERS[number], "size": 6},
        "name": name,
    }


def cost_by_compliance(table: pd.DataFrame, title: str) -> go.Figure:
    """Time and queue cost and grid cost, stacked, by the share of drivers who follow the signal.

    Parameters
    ----------
    table : DataFrame
        ``compliance`` (0 to 1, each value once), ``time_queue_cny``, ``grid_cny``, ``total_cny`` [CNY],
        ``unsettled_cny`` (uncertainty of the total, drawn as an error bar where above 0), ``converged`` (1; 0 for a run
        that has not settled, which is drawn hollow; nan for a run that does not iterate).
    title : str
        States the finding.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        A share outside 0 to 1 or given twice, or a total that is not the sum of its parts.
    """
    shares = table["compliance"]
    wrong = shares[~shares.between(0, 1) | shares.duplicated()]
    if len(wrong):
        raise InputError(f"compliance {wrong.iloc[0]:g}; must be from 0 to 1, each share once")
    table = table.sort_values("compliance")
    gap_cny = table["total_cny"] - table["time_queue_cny"] - table["grid_cny"]
    if (gap_cny.abs() > 1e-4 * table["total_cny"]).any():
        at = gap_cny.abs().idxmax()
        raise InputError(
            f"compliance {table.loc[at, 'compliance']:g}: total_cny is {gap_cny[at]:.3g} CNY off the sum of its parts"
        )
    x = 100 * table["compliance"]
    figure = go.Figure()
    parts = {"time and queue": ("time_queue_cny", "#999999"), "grid": ("grid_cny", COLOURS[4])}
    for name, (column, colour) in parts.items():
        look = {"marker": {"color": colour, "line": {"color": INK, "width": 0.5}}, "width": 9}
        figure.add_bar(x=x, y=table[column] / 1000, name=name, **look)
    unsettled = table["converged"] == 0
    figure.add_scatter(
        x=x,
        y=table["total_cny"] / 1000,
        mode="lines",
        line={"color": INK, "width": 1.5},
        showlegend=False,
        hoverinfo="skip",
    )
    for name, drawn, fill in (("total", ~unsettled, INK), ("total, not settled", unsettled, "white")):
        if drawn.any():
            rows = table[drawn]
            figure.add_scatter(
                x=x[drawn],
                y=rows["total_cny"] / 1000,
                error_y={"array": rows["unsettled_cny"] / 1000, "color": INK},
                mode="markers",
                marker={"color": fill, "size": 10, "line": {"color": INK, "width": 2}},
                name=name,
            )
    finish(figure, title=title, margin=ROOM_BELOW, legend=LEGEND_BELOW)
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    figure.update_xaxes(title_text="drivers who follow the signal [%]", tickvals=list(x), range=[-8, 108])
    return figure.update_yaxes(title_text="cost [thousand CNY]", rangemode="tozero")
