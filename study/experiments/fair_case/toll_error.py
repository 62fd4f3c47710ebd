"""Tolls where they matter: at the flows that a coordinated day returns, beside what one vehicle really costs the others."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from evlib import load_scenario
from evlib.assignment.path_costs import evaluate_loading
from evlib.coordination.coordinate import coordinate
from evlib.coordination.problem import CoupledProblem
from evlib.errors import InputError
from evlib.folders import RESULTS
from study.experiments.provenance import run_hash, write_table

__all__ = ["TOLLS_FILE", "errors_of", "largest_flows", "toll_summary", "toll_table", "write"]

log = logging.getLogger(__name__)

TOLLS_FILE = "tolls_nguyen.csv"
N_FLOWS, STEP_VEH = 40, 1e-3


def largest_flows(flows_veh: np.ndarray, number: int = N_FLOWS) -> list[tuple[int, int, int]]:
    """Places (path, class, departure step) of the largest departures, the largest first."""
    order = np.argsort(-flows_veh, axis=None, kind="stable")[:number]
    return [tuple(map(int, np.unravel_index(place, flows_veh.shape))) for place in order if flows_veh.flat[place] > 0]


def toll_table(
    traffic, flows_veh: np.ndarray, electricity_cny, rent_cny=None, number: int = N_FLOWS, step_veh=STEP_VEH
):
    """Tolls at the largest flows beside finite differences of the time and queue cost of all drivers.

    Parameters
    ----------
    traffic : TrafficProblem
        With objective ``system``.
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of those who follow the signal [veh].
    electricity_cny : ndarray
        Electricity cost V, see :meth:`evlib.assignment.path_costs.Traffic.costs` [CNY per vehicle].
    rent_cny : ndarray, shape (n_stations, K), optional
        Plug rents [CNY] that stand in for waiting and toll at stations.
    number : int
        How many flows.
    step_veh : float
        Vehicles added, or taken away, for a difference; never more than there are [veh].

    Returns
    -------
    DataFrame
        One row a flow. ``path``, ``vehicle_class``, ``step``, ``departures_veh``; per vehicle [CNY]: ``own_cny`` (own time and
        queue), ``toll_cny`` (of roads and station, :func:`evlib.assignment.marginal_costs.path_tolls`), ``announced_cny`` (road
        toll, and what the rent asks beyond the own wait, as drivers are told), ``less_cny`` and ``more_cny`` (what others
        save if one vehicle fewer departs, and lose if one more does: the derivatives on both sides of a kink),
        ``central_cny`` (their mean), ``toll_error_cny`` and ``announced_error_cny`` (how far toll and announced number lie above
        or, negative, below what is between the two). What a vehicle of this flow costs all above what it would on the best
        other path, never below 0: ``announced_excess_cny`` by the announced costs, ``bare_excess_cny`` by finite differences
        alone (leaving here, joining there).

    Raises
    ------
    InputError
        Another objective: then there are no tolls.

    Notes
    -----
    Finite differences load the day again, so they hold effects on roads and queues further downstream, which tolls
    neglect. Electricity costs V are those of the vehicle that moves, at the announced prices. A derivative
    holds for a thousandth of a vehicle: plugs that are full but for a fraction of one take only that fraction, and a queue of
    half a vehicle is gone once half a vehicle has left. :mod:`study.experiments.fair_case.moved_vehicles` moves as many as
    there are.
    """
    if traffic.objective != "system":
        raise InputError(f"objective {traffic.objective!r}; must be 'system', or there are no tolls")
    seen, everybody = traffic.evaluate(flows_veh), flows_veh + traffic.fixed_veh
    own, toll = seen.time_cny, seen.road_toll_cny + seen.stations.toll_cny
    announced = seen.costs(np.zeros_like(electricity_cny), rent_cny) - own
    electricity = seen.costs(electricity_cny, rent_cny) - seen.costs(np.zeros_like(electricity_cny), rent_cny)
    before = (everybody * own).sum()

    def marginal(place, step) -> float:
        """Derivative of everybody's time and queue cost [CNY per vehicle], from one side."""
        changed = flows_veh.copy()
        changed[place] += step
        loading = traffic.load(changed)
        after = (loading.departures_veh * evaluate_loading(loading, traffic.drivers, "user").time_cny).sum()
        return float((after - before) / step)

    network, rows = traffic.network, []
    for place in largest_flows(flows_veh, number):
        p, m, k = place
        sides = marginal(place, -min(step_veh, flows_veh[place])), marginal(place, step_veh)
        less, more = (side - own[place] for side in sides)
        told, low, high = announced[place], min(less, more), max(less, more)
        others = [(q, m, k) for q in np.flatnonzero(network.path_origin == network.path_origin[p]) if q != p]
        joining = {other: marginal(other, step_veh) for other in others}
        row = {"path": p, "vehicle_class": network.classes[m], "step": k, "departures_veh": flows_veh[place]}
        row |= {"own_cny": own[place], "toll_cny": toll[place], "announced_cny": told}
        row |= {"less_cny": less, "more_cny": more, "central_cny": (less + more) / 2}
        row["toll_error_cny"] = toll[place] - np.clip(toll[place], low, high)
        row["announced_error_cny"] = told - np.clip(told, low, high)
        tolled = own + announced + electricity
        row["announced_excess_cny"] = max(0.0, tolled[place] - min((tolled[q] for q in others), default=np.inf))
        least = min((joining[other] + electricity[other] for other in others), default=np.inf)
        row["bare_excess_cny"] = max(0.0, sides[0] + electricity[place] - least)
        rows.append(row)
    return pd.DataFrame(rows)


def toll_summary(table: pd.DataFrame) -> dict[str, float]:
    """Errors of :func:`toll_table` in a few numbers, weighted by departures.

    Returns
    -------
    dict
        ``toll_error_cny_veh`` and ``announced_error_cny_veh``, the means of the errors' sizes; ``toll_error_share``, the first
        as a share of own time and queue cost; ``toll_error_low_cny`` and ``toll_error_high_cny``, the errors furthest below
        and above; ``kinks``, flows whose two derivatives differ by more than 1 CNY; ``announced_excess_cny_veh``
        and ``bare_excess_cny_veh``, the means of the excesses.
    """
    weight, error = table["departures_veh"] / table["departures_veh"].sum(), table["toll_error_cny"]

    def mean(column: str) -> float:
        return float((weight * table[column].abs()).sum())

    return {
        "toll_error_cny_veh": mean("toll_error_cny"),
        "announced_error_cny_veh": mean("announced_error_cny"),
        "toll_error_share": mean("toll_error_cny") / mean("own_cny"),
        "toll_error_low_cny": float(min(error.min(), 0.0)),
        "toll_error_high_cny": float(max(error.max(), 0.0)),
        "kinks": float(((table["more_cny"] - table["less_cny"]).abs() > 1.0).sum()),
        **{f"{name}_excess_cny_veh": mean(f"{name}_excess_cny") for name in ("announced", "bare")},
    }


def errors_of(scenario) -> pd.DataFrame:
    """Coordinate a scenario for objective ``system`` with V2G and measure its tolls at the flows returned."""
    run = coordinate(scenario, objective="system")
    problem = CoupledProblem.of(scenario, "v2g", "system")
    flows = np.maximum(run.flows_veh - problem.fixed_veh, 0.0)
    return toll_table(problem.traffic, flows, problem.electricity(run.price_cny_kwh), run.rent_cny)


def write(folder: Path = RESULTS) -> Path:
    """Measure the base case and write the table (a minute)."""
    scenario, code = load_scenario("nguyen"), run_hash(__name__)
    notes = (
        f"scenario: nguyen {scenario.hash}; charging v2g, objective system; the {N_FLOWS} largest flows returned",
        f"less_cny, more_cny: differences of {STEP_VEH:g} vehicles, on either side",
    )
    return write_table(TOLLS_FILE, errors_of(scenario), code, notes, folder=folder)
