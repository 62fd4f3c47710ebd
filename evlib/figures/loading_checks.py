"""How far the loading can be trusted: impedances, queue formulas, another simulator, whole vehicles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.network_loading import clock_axis, hours_of
from evlib.figures.style import COLOURS, DASHES, INK, LEGEND_BELOW, ROOM_BELOW, finish, legend_entry, line_look

__all__ = ["plug_ins_apart", "spillback", "station_waits", "steady_outflow"]

_MARKERS = ("circle", "diamond", "square")


def steady_outflow(table: pd.DataFrame, title: str) -> go.Figure:
    """Steady outflow of a road against the vehicles on it, one line for each impedance.

    Parameters
    ----------
    table : DataFrame
        ``function``, ``load`` (vehicles over capacity times free-flow time), ``outflow_over_capacity``.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    for number, (name, rows) in enumerate(table.groupby("function", sort=False)):
        line = line_look(number)
        figure.add_scatter(x=rows["load"], y=rows["outflow_over_capacity"], mode="lines", line=line, name=name)
    finish(figure, title=title, height=390, margin=ROOM_BELOW, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="vehicles on the road / (capacity x free-flow time) [1]")
    figure.update_yaxes(title_text="steady outflow / capacity [1]", range=[0, 1.08])
    return figure


def station_waits(table: pd.DataFrame, title: str) -> go.Figure:
    """Waiting time at a station by arrival: as counted, and as functions of the vehicles at the station predict it.

    Parameters
    ----------
    table : DataFrame
        ``clock`` (of arrival), ``exact_min``, ``smooth_min``, ``davidson_min``.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    names = {"exact_min": "counted", "smooth_min": "smooth", "davidson_min": "Davidson"}
    for number, (column, name) in enumerate(names.items()):
        line = line_look(number)
        figure.add_scatter(x=hours_of(table["clock"]), y=table[column], mode="lines", line=line, name=name)
    finish(figure, title=title, height=390, margin=ROOM_BELOW, legend=LEGEND_BELOW)
    figure.update_yaxes(title_text="waiting time [min]", rangemode="tozero")
    return clock_axis(figure, table["clock"], text="clock time of arrival")


def spillback(table: pd.DataFrame, title: str) -> go.Figure:
    """How much longer trips take if queues occupy road space, by demand: mean of all, and the path that suffers most.

    Parameters
    ----------
    table : DataFrame
        ``roads`` (a label, one line for each), ``demand_veh_s``, ``difference``, ``worst_path_difference`` (shares).
    title : str
        States the finding.

    Returns
    -------
    Figure
        Two panels, each with its own scale.
    """
    panels = {"difference": "all vehicles", "worst_path_difference": "path that suffers most"}
    figure = make_subplots(cols=2, horizontal_spacing=0.12, subplot_titles=list(panels.values()))
    for number, (name, rows) in enumerate(table.groupby("roads", sort=False)):
        for panel, column in enumerate(panels):
            figure.add_scatter(
                x=rows["demand_veh_s"],
                y=100 * rows[column],
                mode="lines+markers",
                line=line_look(number),
                marker={"symbol": _MARKERS[number], "size": 8},
                row=1,
                col=panel + 1,
                **legend_entry(name, panel == 0),
            )
    finish(figure, title=title, height=410, margin={**ROOM_BELOW, "t": 80}, legend=LEGEND_BELOW)
    figure.update_xaxes(title_text="demand of each pair [veh/s]", dtick=0.2)
    figure.update_yaxes(title_text="UXsim less point queue [%]")
    return figure


def plug_ins_apart(table: pd.DataFrame, title: str) -> go.Figure:
    """Whole vehicles plugged in so far less those of the fluid loading, as bands over samples.

    Parameters
    ----------
    table : DataFrame
        ``departures`` (a label, one band for each), ``clock``, ``low_veh``, ``middle_veh``, ``high_veh``.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    for number, (name, rows) in enumerate(table.groupby("departures", sort=False)):
        hours, colour = hours_of(rows["clock"]), COLOURS[(5, 0)[number % 2]]
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        figure.add_scatter(
            x=np.append(hours, hours[::-1]),
            y=np.append(rows["high_veh"], rows["low_veh"].to_numpy()[::-1]),
            fill="toself",
            fillcolor=f"rgba({red},{green},{blue},{(0.25, 0.6)[number % 2]})",
            line={"width": 0},
            mode="lines",
            name=f"{name}: 5-95 % of samples",
        )
        line = {"color": (INK, colour)[number % 2], "dash": DASHES[1 - number % 2], "width": 2}
        figure.add_scatter(x=hours, y=rows["middle_veh"], mode="lines", line=line, name=f"{name}: median")
    legend = {**LEGEND_BELOW, "entrywidthmode": "fraction", "entrywidth": 0.48}
    finish(figure, title=title, height=420, margin={**ROOM_BELOW, "b": 110}, legend=legend)
    figure.update_yaxes(title_text="whole less fluid [veh]")
    return clock_axis(figure, table["clock"])
