"""The one entry of the study: scenario and strategy in, result out, through the solve cache."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil

import numpy as np

from evlib.assignment.path_costs import gaps, path_costs, see_traffic, time_costs
from evlib.coordination.coordinate import METHODS, coordinate
from evlib.coordination.one_day import (
    Run,
    dispatch_loading,
    solve_run,
)
from evlib.errors import InputError
from evlib.flexibility.cohorts import CHARGING_MODES, mean_over_types
from evlib.folders import cache_dir
from evlib.grid.dispatch import net_demand
from evlib.hashing import code_hash
from evlib.inputs.scenario import Scenario
from evlib.results.certificate import certificate_of
from evlib.results.result import Result, read_result, write_result
from evlib.results.tables import rent_table, tables_of
from evlib.traffic.loading import load_traffic
from evlib.traffic.travel_times import plug_in_shares, travel_times

__all__ = ["METHODS", "STRATEGIES", "net_demand", "solve"]

COORDINATED = ("user", "coordinated")
STRATEGIES = ("no_ev", "shortest_path", "snapshot", *COORDINATED)


def solve(
    scenario: Scenario,
    strategy: str,
    charging: str = "v2g",
    method: str = "joint",
    *,
    cache: bool = True,
    save=None,
    resume=None,
    report=None,
) -> Result:
    """Solve one case of the study.

    Parameters
    ----------
    scenario : Scenario
    strategy : {"no_ev", "shortest_path", "snapshot", "user", "coordinated"}
        Nobody drives; everybody drives to the nearest station and the grid dispatches who is there; everybody answers
        once to the prices and times of that day; traffic and grid answer each other, with drivers' own costs; or with
        the scenario's objective.
    charging : {"v2g", "smart", "uncontrolled"}
        Charging and discharging, charging only, or full power at once.
    method : {"joint", "bundle", "inertia", "best_response"}
        How traffic and grid are coordinated, see :func:`evlib.coordination.coordinate.coordinate`; for the last two strategies.
    cache : bool
        Read and write ``build/cache``; a key is the hash of scenario, options, sources and lock.
    save, resume, report : optional
        For the last two strategies, as in :func:`evlib.coordination.coordinate.coordinate`. A run that is saved or
        resumed is not read from the cache; one that was interrupted is returned, but not written to it.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        Unknown strategy, charging or method, a scenario whose network cannot be used, or a run that cannot be resumed.
    SolverError
        A grid problem without an optimal solution.

    Examples
    --------
    >>> from evlib import load_scenario
    >>> result = solve(load_scenario("mini"), "shortest_path", "smart")
    >>> round(float(result.tables["cohorts"]["vehicles_veh"].sum()), 6)
    80.0
    """
    for label, value, known in (
        ("strategy", strategy, STRATEGIES),
        ("charging", charging, CHARGING_MODES),
        ("method", method, METHODS),
    ):
        if value not in known:
            raise InputError(f"{label} {value!r} is unknown; must be one of {', '.join(known)}")
    run = {"save": save, "resume": resume, "report": report}
    for name in ("save", "resume"):
        if run[name] is not None and strategy not in COORDINATED:
            raise InputError(
                f"{name}: {run[name]}; strategy {strategy!r} does not iterate, must be {_either(COORDINATED)}"
            )
    if not cache:
        return _solve(scenario, strategy, charging, method, run)
    key = hashlib.sha256("/".join((scenario.hash, strategy, charging, method, code_hash())).encode()).hexdigest()[:32]
    folder = cache_dir() / key
    if save is not None or resume is not None or not (folder / "result.json").is_file():
        found = _solve(scenario, strategy, charging, method, run)
        if found.certificate.get("interrupted"):
            return found
        _store(found, folder)
    return read_result(scenario, folder)


def _either(names) -> str:
    return " or ".join(map(repr, names))


def _store(result: Result, folder) -> None:
    """Write beside, then rename: a folder in the cache is complete, whoever else writes it at the same time."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        write_result(result, beside)
        try:
            os.rename(beside, folder)
        except OSError:
            if not (folder / "result.json").is_file():
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _solve(scenario: Scenario, strategy: str, charging: str, method: str, run: dict) -> Result:
    if strategy in COORDINATED:
        objective = "user" if strategy == "user" else scenario.switches.objective
        found = coordinate(scenario, method=method, charging=charging, objective=objective, **run)
        loading = load_traffic(found.network, found.flows_veh)
        case = dispatch_loading(scenario, loading, charging, found.price_cny_kwh)
        certificate, tables = found.certificate, {"convergence": found.convergence}
        if found.rent_cny is not None:
            tables["plug_rents"] = rent_table(case.network, found.rent_cny)
    else:
        case = solve_run(scenario, strategy, charging)
        certificate, tables = _one_way(scenario, case), {}
    return _result(scenario, strategy, charging, method, case, certificate, tables)


def _one_way(scenario: Scenario, run: Run) -> dict:
    """What a strategy without coordination can say of itself: how far drivers are from content at the prices found."""
    missing = {
        name: "no iteration: the strategy does not coordinate"
        for name in ("price_gap", "flow_residual", "lower_bound_cny", "upper_bound_cny")
    }
    certificate = dict.fromkeys(missing, float("nan")) | {"iterations": 0, "converged": False}
    if run.loading.departures_veh.sum() > 0:
        traffic = see_traffic(scenario, run.loading, "user", scenario.switches.signal)
        certificate |= gaps(traffic, mean_over_types(run.cohorts, scenario, run.vehicle_cny))
    else:
        reason = "nobody drives"
        certificate |= {"excess_cny_veh": float("nan"), "relative_gap": float("nan")}
        missing |= {"excess_cny_veh": reason, "relative_gap": reason}
    return certificate | {"not_applicable": missing}


def _result(scenario, strategy, charging, method, run: Run, certificate: dict, more: dict) -> Result:
    network, loading, fleet = run.network, run.loading, scenario.fleet
    vot = np.array([member.vot_cny_h for member in fleet.classes])
    shares = plug_in_shares(loading)
    electricity = mean_over_types(run.cohorts, scenario, run.vehicle_cny)
    signals = {}
    for signal in ("experienced", "instantaneous"):
        times = travel_times(loading, signal)
        time_cny = time_costs(times, vot, fleet.queue_factor * vot)
        signals[signal] = (times, time_cny, path_costs(time_cny, electricity, shares, network.path_station))
    tables = tables_of(scenario, run, signals, electricity)
    certificate = certificate_of(run, tables) | certificate
    return Result(scenario, strategy, charging, method, certificate, tables | more)
