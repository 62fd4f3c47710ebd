"""The base case by method city beside method newton: two ways to the same day, as near as their certificates say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evlib import load_scenario
from evlib.coordination.coordinate import Coordination, coordinate
from evlib.coordination.problem import CoupledProblem
from evlib.folders import RESULTS
from evlib.inputs.scenario import Scenario
from study.experiments.provenance import run_hash, write_table

__all__ = ["AGREEMENT_FILE", "METHODS", "agreement_row", "write"]

AGREEMENT_FILE = "city_agreement.csv"
METHODS = ("newton", "city")


def agreement_row(scenario: Scenario, method: str, settled: Coordination) -> dict:
    """What a coordinated day costs, by one exact dispatch of those who came, and how far it is from equilibrium.

    Parameters
    ----------
    scenario : Scenario
    method : str
    settled : Coordination

    Returns
    -------
    dict
        ``bound_cny``: what all drivers could save, and what the prices leave open.
    """
    problem, certificate = CoupledProblem.of(scenario, "v2g", "system"), settled.certificate
    traffic = problem.traffic.evaluate(settled.flows_veh)
    time_cny = float((settled.flows_veh * traffic.time_cny).sum())
    grid_cny = problem.dispatch(problem.sizes(traffic)).dispatch.objective_cny
    at_stations = np.bincount(settled.network.path_station, weights=settled.flows_veh.sum(axis=(1, 2)))
    return {
        "method": method,
        "excess_cny_veh": certificate.excess_cny_veh,
        "relative_gap": certificate.relative_gap,
        "price_gap": certificate.price_gap,
        "converged": certificate.converged,
        "time_cny": time_cny,
        "grid_cny": grid_cny,
        "total_cny": time_cny + grid_cny,
        "bound_cny": certificate.excess_cny_veh * float(settled.flows_veh.sum())
        + certificate.price_gap * problem.scale_cny,
    } | {f"{name}_veh": value for name, value in zip(settled.network.stations, at_stations, strict=True)}


def write(folder: Path = RESULTS) -> Path:
    """Coordinate the base case by both methods and write the table (some minutes)."""
    code, scenario = run_hash(__name__), load_scenario("nguyen")
    rows = [agreement_row(scenario, method, coordinate(scenario, method=method)) for method in METHODS]
    notes = (f"scenario: nguyen {scenario.hash}", "v2g, objective system")
    return write_table(AGREEMENT_FILE, pd.DataFrame(rows), code, notes, folder=folder)
