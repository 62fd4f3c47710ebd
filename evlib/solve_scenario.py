"""The entry point of the study: from scenario and strategy to a result, through the solve cache."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import replace
from pathlib import Path

from evlib.assignment.gaps import gaps
from evlib.assignment.path_costs import evaluate_loading
from evlib.assignment.route_choice import shortest_path_departures
from evlib.coordination.coordinate import METHODS, LoopCertificate, coordinate, default_method
from evlib.coordination.informed import TARIFFS, inform
from evlib.coordination.one_day import Run, dispatch_loading, solve_run
from evlib.errors import InputError
from evlib.files import replacing_folder
from evlib.flexibility.cohorts import CHARGING_MODES
from evlib.folders import cache_dir
from evlib.hashing import code_hash
from evlib.inputs.build_roads import build_drivers, origin_demand
from evlib.inputs.road_files.room import room_veh
from evlib.inputs.scenario import Scenario
from evlib.leftovers import remove_leftovers
from evlib.results.accounts.payments import own_gaps, payment_table
from evlib.results.certificate import certificate_of
from evlib.results.result import Result, read_result, write_result
from evlib.results.tables import rent_table, tables_of
from evlib.traffic.loading import load_traffic

__all__ = ["METHODS", "STRATEGIES", "solve"]

COORDINATED = ("user", "coordinated")
STRATEGIES = ("no_ev", "shortest_path", "snapshot", *TARIFFS, *COORDINATED)

log = logging.getLogger(__name__)


def solve(
    scenario: Scenario,
    strategy: str,
    charging: str = "v2g",
    method: str | None = None,
    *,
    cache: bool = True,
    save=None,
    resume=None,
) -> Result:
    """Solve one case of the study.

    Parameters
    ----------
    scenario : Scenario
    strategy : {"no_ev", "shortest_path", "snapshot", "informed", "informed_tou", "user", "coordinated"}
        ``no_ev``: nobody drives. ``shortest_path``: everybody drives to the nearest station, and the grid dispatches
        whoever arrives. ``snapshot``: everybody replies once to the prices and times of that day. ``informed``: drivers
        settle at the mean import tariff, knowing roads and queues but no local price, and the grid dispatches whoever
        arrives; ``informed_tou``: the same at the tariff of the hour. ``user`` and ``coordinated``: traffic and grid
        respond to each other, with drivers' own costs or the scenario's objective.
    charging : {"v2g", "smart", "uncontrolled"}
        Charging and discharging, charging only, or full power at once.
    method : {"newton", "city", "joint", "bundle", "inertia", "best_response", "rested_response"}, optional
        By default ``newton`` where it can be used, else ``joint``.
        How traffic and grid are coordinated, for the last two strategies; see
        :func:`evlib.coordination.coordinate.coordinate`.
    cache : bool
        Read and write ``build/cache``; a key is the hash of scenario, options, sources and lock. A damaged entry is
        solved again and replaced; a result that cannot be written there is returned all the same. Both are logged.
    save, resume : optional
        For the last two strategies, as in :func:`evlib.coordination.coordinate.coordinate`. A run that is saved or
        resumed is not read from the cache; an interrupted run is returned, but not written to it.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        If strategy, charging or method is unknown, the scenario's network cannot be used, or the run cannot be resumed.
    SolverError
        If a grid problem has no optimal solution.

    Examples
    --------
    >>> from evlib import load_scenario
    >>> result = solve(load_scenario("mini"), "shortest_path", "smart")
    >>> round(float(result.tables["cohorts"]["vehicles_veh"].sum()), 6)
    80.0
    """
    if method is None and charging in CHARGING_MODES:
        method = default_method(scenario, charging)
    for label, value, known in (
        ("strategy", strategy, STRATEGIES),
        ("charging", charging, CHARGING_MODES),
        ("method", method, METHODS),
    ):
        if value not in known:
            raise InputError(f"{label} {value!r} is unknown; must be one of {', '.join(known)}")
    run_files = {"save": save, "resume": resume}
    for name, file in run_files.items():
        if file is not None and strategy not in COORDINATED:
            raise InputError(f"{name}: {file}; strategy {strategy!r} does not iterate, must be {_either(COORDINATED)}")
    if not cache:
        return _solve(scenario, strategy, charging, method, run_files)
    case = {"strategy": strategy, "charging": charging, "method": method, "code_hash": code_hash()}
    folder = cache_dir() / hashlib.sha256("/".join((scenario.hash, *case.values())).encode()).hexdigest()[:32]
    cached = _from_cache(scenario, folder, case) if save is None and resume is None else None
    if cached is not None:
        return cached
    result = _solve(scenario, strategy, charging, method, run_files)
    return result if result.certificate.interrupted else _through_cache(result, folder, case)


def _from_cache(scenario: Scenario, folder: Path, case: dict) -> Result | None:
    """The result in a folder of the cache; None where there is no folder, or a damaged one."""
    if not os.path.lexists(folder):
        return None
    try:
        return read_result(scenario, folder, **case)
    except InputError as error:
        log.warning("cache entry %s is damaged (%s); solving again", folder, error)
        return None


def _through_cache(result: Result, folder: Path, case: dict) -> Result:
    """The result as it reads from the cache once it is written there; as it is where that fails."""

    def intact(entry: Path) -> bool:
        try:
            return bool(read_result(result.scenario, entry, **case))
        except InputError:
            return False

    try:
        remove_leftovers(folder.parent)
        with replacing_folder(folder, keep=intact) as temporary:
            write_result(result, temporary)
            written = read_result(result.scenario, temporary, **case)
        return written
    except (OSError, InputError) as error:
        log.warning("cache entry %s could not be written (%s); the result is returned all the same", folder, error)
        return result


def _either(names) -> str:
    return " or ".join(map(repr, names))


def _solve(scenario: Scenario, strategy: str, charging: str, method: str, run_files: dict) -> Result:
    if strategy in COORDINATED:
        objective = "user" if strategy == "user" else scenario.switches.objective
        coordination = coordinate(scenario, method=method, charging=charging, objective=objective, **run_files)
        loading = load_traffic(coordination.network, coordination.flows_veh)
        run = dispatch_loading(scenario, loading, charging, coordination.price_cny_kwh, coordination.dispatch)
        certificate, tables = coordination.certificate, {"convergence": coordination.convergence}
        if coordination.rent_cny is not None:
            tables["plug_rents"] = rent_table(run.network, coordination.rent_cny)
        certificate = replace(certificate, **_own_gaps(scenario, run))
    elif strategy in TARIFFS:
        informed = inform(scenario, charging, TARIFFS[strategy])
        run = dispatch_loading(scenario, load_traffic(informed.network, informed.flows_veh), charging)
        certificate, tables = informed.certificate, {"convergence": informed.table}
    else:
        run = solve_run(scenario, strategy, charging)
        certificate, tables = _one_way(scenario, run), {}
    tables = tables_of(run, build_drivers(scenario)) | tables
    if strategy in COORDINATED and objective == "system":
        tables["payments"] = payment_table(run, tables["paths"], build_drivers(scenario), coordination.rent_cny)
    certificate = certificate_of(run, tables, certificate, room_veh(scenario))
    return Result(scenario, strategy, charging, method, certificate, tables)


def _own_gaps(scenario: Scenario, run: Run) -> dict[str, float]:
    """What followers could save if they minded their own cost only."""
    others = (1.0 - scenario.fleet.compliance) * origin_demand(scenario)
    return own_gaps(run, build_drivers(scenario), shortest_path_departures(run.network, others))


def _one_way(scenario: Scenario, run: Run) -> LoopCertificate:
    """Certificate of a strategy without coordination: how far drivers are from equilibrium at the day's prices."""
    measures = ("price_gap", "flow_residual", "lower_bound_cny", "upper_bound_cny")
    missing = dict.fromkeys(measures, "no iteration: the strategy does not coordinate")
    if run.loading.departures_veh.sum() == 0:
        return LoopCertificate(
            not_applicable=missing | dict.fromkeys(("excess_cny_veh", "relative_gap"), "nobody drives")
        )
    traffic = evaluate_loading(run.loading, build_drivers(scenario), "user")
    return LoopCertificate(**vars(gaps(traffic, run.electricity_cny)), not_applicable=missing)
