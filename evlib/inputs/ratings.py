"""The rule that gives the feeder its line ratings, since the data have none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from evlib.flexibility.station_load import no_vehicles
from evlib.grid.dno import dispatch_grid
from evlib.grid.grid_case import GridOptions, build_grid_case

__all__ = ["line_ratings"]


def line_ratings(scenario, *, margin=1.5, step_mva=0.5, least_mva=2.0) -> pd.DataFrame:
    """Rating of each line: a margin over the largest apparent power of a day without vehicles and without ratings.

    From a zone's tie to its station, at least the import limit of the tie: a tie that may carry 4 MW is no tie of 4 MW
    if the line behind it carries 2.

    Parameters
    ----------
    scenario : Scenario
        Its own ratings are ignored.
    margin : float
        Factor on the largest apparent power.
    step_mva, least_mva : float
        Rounded up to a multiple of the step, at least the least [MVA].

    Returns
    -------
    DataFrame
        Columns ``from_bus``, ``to_bus``, ``rating_mva``, in the feeder's branch order.
    """
    case = build_grid_case(scenario)
    unlimited = replace(case, rating_kva=np.full_like(case.rating_kva, 1e5))
    nobody = no_vehicles(len(case.stations), case.n_steps)
    dispatch = dispatch_grid(unlimited, GridOptions.of(scenario), nobody)
    largest_mva = np.hypot(dispatch.branch_kw, dispatch.branch_kvar).max(axis=1) / 1000.0
    least = np.maximum(least_mva, _tie_limits_mva(case))
    rating = step_mva * np.ceil(np.maximum(least, margin * largest_mva) / step_mva)
    feeder = case.feeder
    ends = {"from_bus": feeder.bus[feeder.branch_from], "to_bus": feeder.bus[feeder.branch_to]}
    return pd.DataFrame(ends | {"rating_mva": rating})


def _tie_limits_mva(case) -> np.ndarray:
    """Import limit of the tie for every line between a zone's tie and a station in that zone, 0 elsewhere."""
    feeder = case.feeder
    feeding = {int(to): branch for branch, to in enumerate(feeder.branch_to)}
    limits = np.zeros(len(case.rating_kva))
    for bus in case.station_bus:
        zone = case.bus_zone[bus]
        if zone < 0:
            continue
        while case.bus_zone[bus] == zone:
            branch = feeding[int(bus)]
            limits[branch] = max(limits[branch], case.import_limit_kw[zone] / 1000.0)
            bus = feeder.branch_from[branch]
    return limits
