"""What drivers who leave in a step are told: the best way to every station, by origin and class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.coordination.real_time.day import Day
from evlib.coordination.real_time.state import State

__all__ = ["signal_table"]


def signal_table(day: Day, state: State, step: int) -> pd.DataFrame:
    """Announced costs by origin, class and station, over the cheapest path to it.

    Parameters
    ----------
    day : Day
    state : State
        After the step.
    step : int

    Returns
    -------
    DataFrame
        ``clock``, ``origin``, ``class``, ``station``, ``path``; ``time_cny``, ``electricity_cny``, ``transfer_cny``,
        ``cost_cny`` [CNY per vehicle]; ``departed_veh``, the followers who really went to the station. Empty where
        nobody departs or nothing is told.
    """
    network = day.base.network
    columns = ["clock", "origin", "class", "station", "path", "time_cny", "electricity_cny", "transfer_cny"]
    columns += ["cost_cny", "departed_veh"]
    rows = []
    if step < day.n_departure_steps and not np.isnan(state.told_time_cny[:, :, step]).all():
        parts = [getattr(state, f"told_{name}_cny")[:, :, step] for name in ("time", "electricity", "transfer")]
        cost, clock = sum(parts), network.time.clock(step)[0]
        for o, origin in enumerate(network.origins):
            for m, member in enumerate(network.classes):
                for c, station in enumerate(network.stations):
                    ways = np.flatnonzero((network.path_origin == o) & (network.path_station == c))
                    if not len(ways):
                        continue
                    best = int(ways[cost[ways, m].argmin()])
                    went = float(state.followers_veh[ways, m, step].sum())
                    told = [float(part[best, m]) for part in parts]
                    row = (clock, origin, member, station, network.path_label(best), *told, float(cost[best, m]), went)
                    rows.append(row)
    return pd.DataFrame(rows, columns=columns)
