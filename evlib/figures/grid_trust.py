"""Why the grid may be trusted: parts of prices, losses that are real or not, what a wrong forecast costs."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.grid import _panels
from evlib.figures.style import COLOURS, DASHES, finish

__all__ = ["forecast_cost", "losses_over_day", "price_parts"]

# Bars from zero in either direction; neighbours differ in their grey too.
PARTS = {"energy": "#D0D0D0", "congestion": COLOURS[5], "loss": COLOURS[0], "voltage": COLOURS[7]}


def price_parts(parts: pd.DataFrame, *, title: str) -> go.Figure:
    """Parts of the price at each station over the day as bars that add up, and the price as a line.

    Parameters
    ----------
    parts : DataFrame
        The table ``price_parts`` of a result: ``station``, ``step``, ``clock``, ``energy_cny_kwh``, ``loss_cny_kwh``,
        ``congestion_cny_kwh``, ``voltage_cny_kwh``.
    title : str
        The finding.

    Returns
    -------
    Figure
        Bars above zero add to the price, bars below take from it.
    """
    stations = list(parts["station"].unique())
    figure = _panels(stations, parts)
    for index, station in enumerate(stations):
        rows = parts[parts["station"] == station]
        place = {"row": index // 2 + 1, "col": index % 2 + 1}
        price = sum(rows[f"{name}_cny_kwh"] for name in PARTS)
        for name, colour in PARTS.items():
            bar = {"marker": {"color": colour, "line": {"width": 0}}, "width": 1.0, "offset": 0}
            look = {"name": name, "legendgroup": name, "showlegend": index == 0}
            figure.add_trace(go.Bar(x=rows["step"], y=rows[f"{name}_cny_kwh"], **bar, **look), **place)
        line = {"color": "#000000", "width": 1.5, "shape": "hv"}
        look = {"name": "price", "legendgroup": "price", "showlegend": index == 0, "mode": "lines"}
        figure.add_trace(go.Scatter(x=rows["step"], y=price, line=line, **look), **place)
    figure.update_yaxes(title="CNY/kWh", col=1).update_yaxes(range=_range(parts), dtick=1)
    legend = {"orientation": "h", "x": 0.0, "y": -0.16, "yanchor": "top", "traceorder": "normal"}
    room = {"l": 60, "r": 20, "t": 85, "b": 100}
    finish(figure, title=title, height=560, legend=legend, margin=room, barmode="relative", bargap=0)
    return figure.update_yaxes(zeroline=True, zerolinecolor="#666666", zerolinewidth=1)


def _range(parts: pd.DataFrame) -> list[float]:
    """From the deepest to the highest stack of bars, with some room."""
    values = parts[[f"{name}_cny_kwh" for name in PARTS]]
    low, high = values.clip(upper=0).sum(axis=1).min(), values.clip(lower=0).sum(axis=1).max()
    return [low - 0.05 * (high - low), high + 0.05 * (high - low)]


def losses_over_day(losses: pd.DataFrame, *, title: str) -> go.Figure:
    """Power lost in the lines over the day, as a model says and as the AC feeder would.

    Parameters
    ----------
    losses : DataFrame
        ``case``, ``step``, ``clock``, ``loss_mw``, one line a case.
    title : str
        The finding.

    Returns
    -------
    Figure
        Power on a logarithmic axis.
    """
    figure = go.Figure()
    widths = (2.5, 2.5, 5.0)
    looks = zip((COLOURS[5], COLOURS[0], "#AAAAAA"), (DASHES[0], DASHES[1], DASHES[0]), widths, strict=True)
    cases = list(losses.groupby("case", sort=False))
    for (case, rows), (colour, dash, width) in reversed(list(zip(cases, looks, strict=False))):
        line = {"color": colour, "dash": dash, "width": width}
        figure.add_trace(go.Scatter(x=rows["step"], y=rows["loss_mw"], name=case, mode="lines", line=line))
    clock = losses.drop_duplicates("step").set_index("step")["clock"]
    hours = [step for step, text in clock.items() if text.endswith(":00")]
    figure.update_xaxes(title="clock time [h]", tickvals=hours, ticktext=[clock[step] for step in hours])
    figure.update_yaxes(title="lost in the lines [MW]", type="log", tickvals=[0.1, 0.2, 0.5, 1, 2, 5])
    legend = {"orientation": "h", "x": 0.0, "y": -0.22, "yanchor": "top"}
    return finish(figure, title=title, legend=legend, margin={"l": 70, "r": 25, "t": 60, "b": 110})


def forecast_cost(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Grid cost against the error of the wind forecast, with vehicles as planned and as they should have been.

    Parameters
    ----------
    table : DataFrame
        As :func:`evlib.grid.forecast.forecast_error` gives it.
    title : str
        The finding.

    Returns
    -------
    Figure
        Above, both costs; below, their difference.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.08)
    cases = {
        "vehicles as planned": ("kept_cny", COLOURS[5], "solid"),
        "planned anew": ("foreseen_cny", COLOURS[0], "dash"),
    }
    for name, (column, colour, dash) in cases.items():
        look = {"mode": "lines+markers", "line": {"color": colour, "dash": dash, "width": 2.5}, "marker": {"size": 7}}
        figure.add_trace(go.Scatter(x=table["error_mwh"], y=table[column] / 1000, name=name, **look), row=1, col=1)
    look = {"width": 1.2, "marker": {"color": "#777777"}, "showlegend": False}
    text = [f"{value:,.0f}" for value in table["error_cny"]]
    bars = go.Bar(
        x=table["error_mwh"],
        y=table["error_cny"],
        text=text,
        textposition="outside",
        textfont={"size": 12},
        constraintext="none",
        **look,
    )
    figure.add_trace(bars, row=2, col=1)
    figure.update_yaxes(title="grid cost<br>[thousand CNY]", row=1)
    figure.update_yaxes(title="not knowing<br>[CNY]", range=[0, 1.3 * table["error_cny"].max()], row=2)
    figure.update_xaxes(title="wind that comes other than forecast, sum over the day [MWh]", row=2)
    legend = {"orientation": "h", "x": 0.0, "y": -0.16, "yanchor": "top"}
    return finish(figure, title=title, height=520, legend=legend, margin={"l": 80, "r": 25, "t": 60, "b": 100})
