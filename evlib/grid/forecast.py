"""What a wrong forecast of wind costs: vehicles keep their plan, the grid alone answers to the wind that comes."""

from __future__ import annotations

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.flexibility.station_load import Cluster, exact_block
from evlib.grid.dispatch import Dispatch
from evlib.grid.dno import dispatch_grid
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.parametric_dispatch import GridProgram

__all__ = ["forecast_error", "wind_of"]


def wind_of(case: GridCase, farms, other: GridCase) -> np.ndarray:
    """Available power with the wind of another day, sun and all else as they are, shape (n_farms, K) [kW].

    Parameters
    ----------
    case : GridCase
    farms : sequence
        The scenario's farms, with ``name`` and ``kind``.
    other : GridCase
        The same farms on the other day.

    Raises
    ------
    InputError
        Other farms, or another number of steps.
    """
    if case.farms != other.farms or case.available_kw.shape != other.available_kw.shape:
        raise InputError(
            f"forecast: farms {', '.join(other.farms)} with {other.n_steps} steps; must be {', '.join(case.farms)} with "
            f"{case.n_steps}, as on the day that was forecast"
        )
    wind = np.array([farm.kind == "wind" for farm in farms])
    return np.where(wind[:, None], other.available_kw, case.available_kw)


def forecast_error(
    case: GridCase, options: GridOptions, planned: Dispatch, fleet, actual_kw: np.ndarray, shares
) -> pd.DataFrame:
    """Cost of a day whose wind lies between the forecast and another day's, with stations as planned and as they should be.

    Parameters
    ----------
    case : GridCase
        Its available power is the forecast.
    options : GridOptions
    planned : Dispatch
        Optimal for the forecast; its station powers are kept.
    fleet : Fleet
        The vehicles that came.
    actual_kw : ndarray, shape (n_farms, K)
        Available power of the other day [kW].
    shares : sequence of float
        The wind that comes is (1 - share) x forecast + share x the other day's.

    Returns
    -------
    DataFrame
        A row for each share: ``share``, ``error_mwh`` (sum over farms and steps of the absolute difference),
        ``kept_cny`` (vehicles as planned, the grid dispatched anew, knowing the whole day), ``foreseen_cny`` (vehicles
        dispatched anew too), ``error_cny`` (their difference: the price of not knowing) and, with vehicles as planned,
        ``curtailed_mwh``, ``backup_mwh``, ``shed_mwh``, ``import_mwh``.

    Raises
    ------
    SolverError
        A grid problem without an optimal solution.

    Notes
    -----
    The grid has perfect foresight of the wind that comes, so this is a lower bound of what the error costs. Prices are
    those announced: nobody drives elsewhere.
    """
    kept = Cluster(cp.Constant(planned.station_kw / 1000.0), cp.Constant(planned.costs_cny["vehicles"] / 1000.0))
    program, rows = GridProgram(case, options, kept, changing=("available", "loss_price")), []
    where = (fleet.station, fleet.first_step, fleet.n_stations, fleet.n_steps)
    for share in shares:
        wind_kw = (1 - share) * case.available_kw + share * np.asarray(actual_kw)
        same = program.solve(available_kw=wind_kw)
        cluster = exact_block(fleet.domain, fleet.size_veh, *where)
        free = dispatch_grid(replace(case, available_kw=wind_kw), options, cluster)
        mwh = {
            "error_mwh": np.abs(wind_kw - case.available_kw),
            "curtailed_mwh": same.curtailed_kw,
            "backup_mwh": same.backup_kw,
            "shed_mwh": same.shed_kw,
            "import_mwh": same.import_kw,
        }
        costs = {"kept_cny": same.costs_cny["total"], "foreseen_cny": free.costs_cny["total"]}
        costs["error_cny"] = costs["kept_cny"] - costs["foreseen_cny"]
        rows.append({"share": share} | costs | {name: kw.sum() * case.step_h / 1000 for name, kw in mwh.items()})
    return pd.DataFrame(rows)
