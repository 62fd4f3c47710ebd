"""Whether a coordinated day can be improved by hand: vehicles moved from path to path, the day loaded again after each move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evlib import load_scenario
from evlib.assignment.path_costs import evaluate_loading
from evlib.coordination.coordinate import coordinate
from evlib.coordination.problem import CoupledProblem
from evlib.folders import RESULTS
from study.experiments.provenance import run_hash, write_table

__all__ = ["MOVES_FILE", "best_moves", "moves_of", "write"]

MOVES_FILE = "moves_nguyen.csv"
# Vehicles that are tried to move at once, as shares of a flow; a move counts if it saves this much.
SHARES, LEAST_SAVING_CNY = (1.0, 0.3, 0.1, 0.03), 1e-3
# Vehicles added or taken away for a derivative; a flow below the least is left where it is.
STEP_VEH, LEAST_VEH = 1e-3, 1e-2
SWEEPS = 6


def best_moves(traffic, flows_veh: np.ndarray, electricity_cny: np.ndarray, sweeps: int = SWEEPS) -> pd.DataFrame:
    """Move vehicles to other paths of their origin as long as that saves somebody's time or queue, or electricity.

    For every flow of at least ``LEAST_VEH`` the derivative of everybody's time and queue cost is found by a loading with
    some vehicles fewer, and for every path by one with some more. Flows are then taken in the order of what these
    derivatives promise, and shares of each are moved to the path that promises most; the day is loaded again, and a move
    that saves something is kept.

    Parameters
    ----------
    traffic : TrafficProblem
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of those who follow the signal [veh].
    electricity_cny : ndarray
        Electricity cost V at the prices announced, see :meth:`evlib.assignment.path_costs.Traffic.costs` [CNY per vehicle].
    sweeps : int, optional
        How often all flows are gone through; derivatives are found anew each time.

    Returns
    -------
    DataFrame
        One row a kept move: ``sweep``, ``path``, ``to_path``, ``vehicle_class``, ``step``, ``moved_veh``, ``promised_cny`` (the
        derivatives times the vehicles), ``saved_cny`` (by loadings). ``attrs``: ``sweep_saved_cny``, a list.

    Notes
    -----
    A least grid cost J is convex in the vehicles that come, and prices that support its dispatch are a derivative of it, so
    electricity at these prices says no less than what a move saves the grid: ``saved_cny`` is a bound from above on what
    society gains by the move. No move is found that needs vehicles of two flows at once.
    """
    network, rows, saved_by_sweep = traffic.network, [], []
    flows = flows_veh.copy()

    def cost_cny(departures: np.ndarray) -> float:
        seen = evaluate_loading(traffic.load(departures), traffic.drivers, "user", traffic.fixed_veh)
        return float(((departures + traffic.fixed_veh) * seen.costs(electricity_cny)).sum())

    now = cost_cny(flows)
    for sweep in range(sweeps):
        before = now
        for place, to_path, promised in _promising(flows, network.path_origin, _derivatives(flows, cost_cny, now)):
            for share in SHARES:
                veh, ahead = share * flows[place], flows.copy()
                ahead[place] -= veh
                ahead[(to_path, *place[1:])] += veh
                if now - (after := cost_cny(ahead)) > LEAST_SAVING_CNY:
                    row = {"sweep": sweep, "path": place[0], "to_path": to_path}
                    row |= {"vehicle_class": network.classes[place[1]], "step": place[2], "moved_veh": veh}
                    rows.append(row | {"promised_cny": promised * veh, "saved_cny": now - after})
                    flows, now = ahead, after
                    break
        saved_by_sweep.append(before - now)
        if before - now <= LEAST_SAVING_CNY:
            break
    columns = ["sweep", "path", "to_path", "vehicle_class", "step", "moved_veh", "promised_cny", "saved_cny"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs["sweep_saved_cny"] = saved_by_sweep
    return table


def _derivatives(flows, cost_cny, now: float) -> tuple[np.ndarray, np.ndarray]:
    """What leaving a flow saves and joining it costs [CNY per vehicle]; nothing is saved where there are too few to leave."""
    leaving, joining = np.full(flows.shape, -np.inf), np.full(flows.shape, np.inf)
    demanded = (flows >= LEAST_VEH).any(axis=0)
    for place in zip(*np.nonzero(np.broadcast_to(demanded, flows.shape)), strict=True):
        changed = flows.copy()
        changed[place] += STEP_VEH
        joining[place] = (cost_cny(changed) - now) / STEP_VEH
        if flows[place] >= LEAST_VEH:
            changed[place] -= 2 * STEP_VEH
            leaving[place] = (now - cost_cny(changed)) / STEP_VEH
    return leaving, joining


def _promising(flows, origin: np.ndarray, derivatives) -> list[tuple[tuple[int, int, int], int, float]]:
    """Flows with a path that promises to save something, with that path and what it promises a vehicle; most in all first."""
    leaving, joining = derivatives
    found = []
    for place in zip(*map(np.ndarray.tolist, np.nonzero(np.isfinite(leaving))), strict=True):
        others = np.flatnonzero((origin == origin[place[0]]) & (np.arange(len(origin)) != place[0]))
        if len(others):
            best = int(others[np.argmin(joining[(others, *place[1:])])])
            promised = float(leaving[place] - joining[(best, *place[1:])])
            if promised > 0:
                found.append((place, best, promised))
    return sorted(found, key=lambda each: -each[2] * flows[each[0]])


def moves_of(scenario) -> pd.DataFrame:
    """Coordinate a scenario for objective ``system`` with V2G, and improve the flows returned by hand."""
    run = coordinate(scenario, objective="system")
    problem = CoupledProblem.of(scenario, "v2g", "system")
    flows = np.maximum(run.flows_veh - problem.fixed_veh, 0.0)
    return best_moves(problem.traffic, flows, problem.electricity(run.price_cny_kwh))


def write(folder: Path = RESULTS) -> Path:
    """Improve the base case and write the table (some minutes)."""
    scenario, code = load_scenario("nguyen"), run_hash(__name__)
    table = moves_of(scenario)
    notes = (
        f"scenario: nguyen {scenario.hash}; charging v2g, objective system; every flow of at least {LEAST_VEH:g} vehicles",
        f"saved in sweeps of all flows, CNY: {', '.join(f'{saved:.3g}' for saved in table.attrs['sweep_saved_cny'])}",
    )
    return write_table(MOVES_FILE, table, code, notes, folder=folder)
