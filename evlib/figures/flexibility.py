"""Flexible domains drawn in the plane, and the schedules that one vehicle follows within its domain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib import flexibility as flex
from evlib.errors import InputError
from evlib.figures.style import COLOURS, LEGEND_BELOW, finish, legend_entry

__all__ = [
    "SETS",
    "domain_losses",
    "domain_outlines",
    "outline_table",
    "polygon_area",
    "schedule_table",
    "station_outlines",
    "vehicle_schedules",
]

# Drawn in this order, so that inner sets lie on top of outer ones; each has its own line, dash and shade.
SETS = {
    "summed bounds": {"color": COLOURS[5], "dash": "dash", "fill": None},
    "exact": {"color": COLOURS[0], "dash": "solid", "fill": "rgba(86, 180, 233, 0.30)"},
    "exact, charging only": {"color": COLOURS[6], "dash": "dashdot", "fill": None},
    "zonotope, longer shifts": {"color": COLOURS[2], "dash": "dot", "fill": "rgba(0, 158, 115, 0.18)"},
    "zonotope": {"color": COLOURS[6], "dash": "solid", "fill": "rgba(230, 159, 0, 0.40)"},
}
MODES = {
    "uncontrolled": {"color": COLOURS[6], "dash": "dot"},
    "smart": {"color": COLOURS[1], "dash": "dash"},
    "v2g": {"color": COLOURS[0], "dash": "solid"},
}
SYMBOLS = {"tariff": "circle", "surplus": "square", "volatile": "diamond"}


def outline_table(shapes: dict, panel: str | None = None) -> pd.DataFrame:
    """Vertices of several outlines as the tidy table that `domain_outlines` draws.

    Parameters
    ----------
    shapes : dict of str -> ndarray, shape (m, 2)
        Vertices [kWh] by set, as `evlib.flexibility.projection` returns them.
    panel : str, optional
        Name of the panel to draw them in.

    Returns
    -------
    DataFrame
        Columns ``set``, ``x_kwh``, ``y_kwh``, and ``panel`` if given.
    """
    tables = [pd.DataFrame(shape, columns=["x_kwh", "y_kwh"]).assign(set=name) for name, shape in shapes.items()]
    table = pd.concat(tables, ignore_index=True)[["set", "x_kwh", "y_kwh"]]
    return table if panel is None else table.assign(panel=panel)


def station_outlines(domain, sizes, offsets, n_horizon: int, x, y, zonotopes: dict | None = None) -> dict:
    """Outlines of a station in the plane of two windows: exact, summed bounds, and zonotopes.

    Parameters
    ----------
    domain, sizes, offsets, n_horizon
        As in `evlib.flexibility.exact_extreme`; for one vehicle ``[1], [0]``.
    x, y : array_like of int
        Steps of the horizon in each window.
    zonotopes : dict of str -> Zonotope, optional
        Zonotopes of the same vehicles on the same horizon, by the name of their outline.

    Returns
    -------
    dict of str -> ndarray, shape (m, 2)
        Vertices [kWh] in order; keys as in `SETS`.
    """
    bounds = flex.summed_bounds(domain, sizes, offsets, n_horizon)
    shapes = {
        "exact": flex.outline(lambda way: flex.exact_extreme(domain, sizes, offsets, n_horizon, x, y, way)),
        "summed bounds": flex.outline(lambda way: flex.summed_extreme(bounds, x, y, way)),
    }
    for name, zonotope in (zonotopes or {}).items():
        shapes[name] = flex.outline(lambda way, zonotope=zonotope: flex.zonotope_extreme(zonotope, x, y, way))
    return shapes


def polygon_area(shape) -> float:
    """Area of a polygon with vertices (m, 2) in order, by the shoelace formula.

    Examples
    --------
    >>> polygon_area([[0, 0], [3, 0], [0, 4]])
    6.0
    """
    x, y = np.transpose(shape)
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def domain_outlines(
    outlines: pd.DataFrame,
    *,
    title: str,
    x_title: str,
    y_title: str,
    points: pd.DataFrame | None = None,
    height: int = 470,
) -> go.Figure:
    """Outlines of flexible domains: energy in one window against energy in another.

    Parameters
    ----------
    outlines : DataFrame
        Vertices of each set in order around it: columns ``set`` (one of `SETS`), ``x_kwh``, ``y_kwh`` and, for several
        panels side by side, ``panel``.
    title, x_title, y_title : str
        The finding; titles of the axes that name the two windows, with the unit.
    points : DataFrame, optional
        Single points to mark: columns ``point`` (label), ``x_kwh``, ``y_kwh``; with panels, ``panel``; optionally
        ``position``, the label's ``textposition`` in Plotly, by default "top right".
    height : int
        [px].

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        A set that has no style.
    """
    unknown = sorted(set(outlines["set"]) - set(SETS))
    if unknown:
        raise InputError(f"outlines: set {unknown[0]!r} is unknown; must be one of {', '.join(SETS)}")
    panels = list(outlines["panel"].unique()) if "panel" in outlines else [None]
    figure = make_subplots(1, len(panels), subplot_titles=None if panels == [None] else panels, shared_yaxes="all")
    drawn = pd.concat([outlines, *([] if points is None else [points])])
    for column, panel in enumerate(panels, start=1):
        inside = outlines if panel is None else outlines[outlines["panel"] == panel]
        for name in (name for name in SETS if name in set(inside["set"])):
            first_time = not any(trace.name == name for trace in figure.data)
            figure.add_trace(_polygon(inside[inside["set"] == name], name, first_time), row=1, col=column)
        marked = points if points is None or panel is None else points[points["panel"] == panel]
        if marked is not None:
            for _, point in marked.iterrows():
                figure.add_trace(_point(point), row=1, col=column)
    figure.update_xaxes(title=x_title, range=_padded(drawn["x_kwh"]))
    figure.update_yaxes(range=_padded(drawn["y_kwh"])).update_yaxes(title=y_title, col=1)
    legend = {"orientation": "h", "x": 0.0, "y": -0.22, "yanchor": "top"}
    finish(figure, title=title, height=height, legend=legend, margin={"l": 70, "r": 25, "t": 90, "b": 100})
    zero = {"zeroline": True, "zerolinecolor": "#999999", "zerolinewidth": 1}
    return figure.update_xaxes(**zero).update_yaxes(**zero)


def _padded(values: pd.Series) -> list[float]:
    low, high = float(values.min()), float(values.max())
    room = 0.08 * max(high - low, 1e-9)
    return [low - room, high + room]


def _polygon(vertices: pd.DataFrame, name: str, in_legend: bool) -> go.Scatter:
    style = SETS[name]
    closed = pd.concat([vertices, vertices.iloc[:1]])
    flat = len(vertices) < 3  # a set without area would be hard to see
    return go.Scatter(
        x=closed["x_kwh"],
        y=closed["y_kwh"],
        mode="lines+markers" if flat else "lines",
        marker={"symbol": "square", "size": 10, "color": style["fill"], "line": {"color": style["color"], "width": 2}},
        line={"color": style["color"], "dash": style["dash"], "width": 4 if flat else 2},
        fill="toself" if style["fill"] else None,
        fillcolor=style["fill"],
        **legend_entry(name, in_legend),
    )


def _point(point: pd.Series) -> go.Scatter:
    return go.Scatter(
        x=[point["x_kwh"]],
        y=[point["y_kwh"]],
        mode="markers+text",
        marker={"symbol": "diamond", "size": 9, "color": "#FFFFFF", "line": {"color": "#000000", "width": 1.5}},
        text=[point["point"]],
        textposition=point.get("position", "top right"),
        showlegend=False,
    )


def schedule_table(schedules: dict, price_cny_kwh, step_min: float = 5.0) -> pd.DataFrame:
    """Schedules of one vehicle in several modes as the tidy table that `vehicle_schedules` draws.

    Parameters
    ----------
    schedules : dict of str -> Schedule
        By mode; the first vehicle of each is drawn, and all its steps must be usable.
    price_cny_kwh : ndarray, shape (T,)
        [CNY/kWh].
    step_min : float
        Length of a step [min].

    Returns
    -------
    DataFrame
        Columns ``mode``, ``minute``, ``price_cny_kwh``, ``power_kw``, ``energy_kwh`` (at the end of the step).
    """
    tables = []
    for mode, schedule in schedules.items():
        columns = {"minute": step_min * np.arange(len(price_cny_kwh)), "price_cny_kwh": price_cny_kwh}
        columns |= {"power_kw": schedule.power_kw[0], "energy_kwh": schedule.energy_kwh[0, 1:]}
        tables.append(pd.DataFrame(columns).assign(mode=mode))
    return pd.concat(tables, ignore_index=True)[["mode", *columns]]


def vehicle_schedules(schedules: pd.DataFrame, *, title: str) -> go.Figure:
    """Price, power and energy of one vehicle over its stay, one line for each charging mode.

    Parameters
    ----------
    schedules : DataFrame
        As `schedule_table` makes it; modes are uncontrolled, smart and v2g.
    title : str
        The finding.

    Returns
    -------
    Figure
    """
    figure = make_subplots(3, 1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.24, 0.38, 0.38])
    for mode, rows in schedules.groupby("mode", sort=False):
        minute = rows["minute"].to_numpy()
        edge = np.append(minute, 2 * minute[-1] - minute[-2])
        line = MODES[mode] | {"width": 2.5}
        if mode == schedules["mode"].iloc[0]:
            price = np.append(rows["price_cny_kwh"], rows["price_cny_kwh"].iloc[-1])
            grey = {"color": "#666666", "width": 2, "shape": "hv"}
            figure.add_trace(go.Scatter(x=edge, y=price, mode="lines", line=grey, showlegend=False), row=1, col=1)
        power = np.append(rows["power_kw"], rows["power_kw"].iloc[-1])
        energy = np.append(0.0, rows["energy_kwh"])
        look = {"name": mode, "legendgroup": mode, "mode": "lines"}
        figure.add_trace(go.Scatter(x=edge, y=power, line=line | {"shape": "hv"}, **look), row=2, col=1)
        figure.add_trace(go.Scatter(x=edge, y=energy, line=line, showlegend=False, **look), row=3, col=1)
    figure.update_yaxes(title="price<br>[CNY/kWh]", rangemode="tozero", row=1)
    figure.update_yaxes(title="power [kW]", row=2)
    figure.update_yaxes(title="energy gained<br>[kWh]", row=3)
    figure.update_xaxes(title="time since the first usable step [min]", row=3)
    finish(figure, title=title, height=560, legend={"orientation": "h", "x": 0.0, "y": -0.12, "yanchor": "top"})
    return figure.update_yaxes(zeroline=True, zerolinecolor="#999999", row=2)


def domain_losses(table: pd.DataFrame, *, title: str, floor: float = 1e-6) -> go.Figure:
    """Unused potential and undeliverable share of each domain, one marker for each fleet and price family.

    Parameters
    ----------
    table : DataFrame
        ``fleet``, ``prices``, ``domain``, ``upr_median``, ``undeliverable_share``, as
        `study.experiments.flexible_domains` makes it.
    title : str
        The finding.
    floor : float
        Smallest unused potential that is distinguished from none; markers below it are drawn at it.

    Returns
    -------
    Figure
        Left, on a logarithmic axis: 1 is no better than no control, and more is worse. Sets that promise more than the
        vehicles can do have no unused potential and appear in the right panel only.
    """
    if table.empty:
        raise InputError("table: empty; must have a row for each fleet, price family and domain")
    names = list(dict.fromkeys(table["domain"]))[::-1]
    figure = make_subplots(cols=2, shared_yaxes=True, horizontal_spacing=0.03, column_widths=[0.6, 0.4])
    for i, (family, rows) in enumerate(table.groupby("prices", sort=False)):
        mark = {"symbol": SYMBOLS.get(family, "cross"), "color": COLOURS[i], "size": 8, "opacity": 0.8}
        inner = rows[rows["upr_median"] > -floor]
        unused, undeliverable = inner["upr_median"].clip(lower=floor), 100 * rows["undeliverable_share"]
        for column, marked, x in ((1, inner, unused), (2, rows, undeliverable)):
            look = {"mode": "markers", "marker": mark, "text": marked["fleet"]} | legend_entry(family, column == 1)
            figure.add_scatter(x=x, y=marked["domain"], **look, row=1, col=column)
    figure.add_vline(x=1, line={"dash": "dash", "color": "#666666", "width": 1}, row=1, col=1)
    figure.update_yaxes(categoryorder="array", categoryarray=names)
    figure.update_yaxes(title="set", row=1, col=1)
    powers = range(round(np.log10(floor)) + 1, 1)
    ticks = {"tickvals": [floor, *(10.0**power for power in powers)]}
    ticks["ticktext"] = ["none", *("1" if power == 0 else f"10<sup>{power}</sup>" for power in powers)]
    figure.update_xaxes(type="log", title="unused potential (1: no control)", row=1, col=1, **ticks)
    for name in names:
        if (table.loc[table["domain"] == name, "upr_median"] <= -floor).all():
            figure.add_annotation(
                x=0.02, xref="x domain", y=name, text="an outer set: see right", showarrow=False, xanchor="left"
            )
    figure.update_xaxes(title="undeliverable [%]", rangemode="tozero", row=1, col=2)
    margin = {"l": 240, "r": 25, "t": 60, "b": 90}
    return finish(figure, title=title, height=430, legend=LEGEND_BELOW, margin=margin)
