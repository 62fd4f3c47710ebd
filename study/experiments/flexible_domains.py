"""What each flexible domain loses, over several fleets and prices: the committed comparison of notebook 03."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from evlib.flexibility import cost_of, mixed_schedule, solve_by_columns, summed_block, uncontrolled, violations
from evlib.flexibility.station_load import block_schedule, exact_block
from evlib.flexibility.virtual_battery import nearest_delivery
from evlib.flexibility.zonotope import both_ways, inner_zonotopes, price_windows, zonotope_block
from evlib.folders import RESULTS
from evlib.grid.dno import solve_grid
from study.experiments.fleets import FAMILIES, FLEETS, RISE_CNY_KWH, price_draw, rising_grid, station_fleet
from study.experiments.polymatroid_dispatch import dispatch_polymatroid
from study.experiments.provenance import MAKERS, run_hash, write_table

__all__ = ["DOMAINS", "DOMAINS_FILE", "compare_domains", "unused_potential", "write"]

log = logging.getLogger(__name__)

DOMAINS_FILE = "domains.csv"
LAGS = (1, 3, 6, 12, 24)
PUBLISHED = dict(objective="deficit", coordinates="stored")
N_DRAWS = 3
# Seeds of the draws that a price-directed zonotope knows of a family; none of them is compared.
FORECASTS = (101, 102, 103)
COLUMNS_GAP = 1e-5
DOMAINS = {
    "zonotope, l1": dict(lags=(1,), objective="sum", hull=False),
    "zonotope, published": dict(lags=(1,), hull=False, **PUBLISHED),
    "zonotope, published, hull": dict(lags=(1,), hull=True, **PUBLISHED),
    "zonotope, lagged, l1": dict(lags=LAGS, objective="sum", hull=True),
    "zonotope, published, lagged": dict(lags=LAGS, hull=True, **PUBLISHED),
    "zonotope, published, lagged, both ways": None,
    "zonotope, lagged, price-directed": dict(lags=LAGS, objective="prices", coordinates="stored", hull=True),
    "summed bounds (outer)": None,
    "g-polymatroid (lossless)": None,
    "columns": None,
    "exact block": None,
}
# Fleets in which power at the meter is proportional to stored energy, so that polymatroids hold all there is.
LINEAR_FLEETS = ("charging only", "lossless")


def unused_potential(cost: float, exact: float, uncontrolled_cost: float) -> float:
    """Unused potential ratio, (J - J_exact) / (J_uncontrolled - J_exact).

    Nan where control can save less than 1e-9 of the cost: there is no potential to use.

    Examples
    --------
    >>> unused_potential(12.0, 10.0, 14.0)
    0.5
    >>> unused_potential(10.0, 10.0, 10.0)
    nan
    """
    potential = uncontrolled_cost - exact
    return (cost - exact) / potential if potential > 1e-9 * abs(uncontrolled_cost) else float("nan")


def _solve(problem):
    solve_grid(problem, "comparison of domains")


def _made(name: str, fleet, forecast):
    """What one domain makes of the vehicles before it knows the day's prices, which takes most of its time."""
    if name.endswith("both ways"):
        return both_ways(fleet, LAGS)
    if DOMAINS[name] is None:
        return None
    options = {key: value for key, value in DOMAINS[name].items() if key != "hull"}
    if options["objective"] == "prices":
        options["objective"] = forecast
    return inner_zonotopes(fleet.domain, **options)


def _answer(name: str, fleet, build, made):
    """Cost [CNY], problem, profile [kW] and schedule of one vehicle of every cohort under one domain."""
    if name == "columns":
        dispatch = solve_by_columns(build, _solve, fleet, gap=COLUMNS_GAP)
        return dispatch.upper_cny, dispatch.problem, dispatch.power_kw, mixed_schedule(dispatch, fleet)
    if name.startswith("g-polymatroid"):
        return dispatch_polymatroid(fleet, build, _solve, gap=COLUMNS_GAP)
    if name == "exact block":
        station_load = exact_block(fleet)
    elif name.endswith("both ways"):
        station_load, read_schedule = made.block(np.ones(fleet.n, dtype=bool), fleet.size_veh)
    elif name.startswith("summed"):
        station_load = summed_block(fleet)
    else:
        block = zonotope_block(fleet, zonotopes=made, **DOMAINS[name])
        station_load = block.station_load
    problem, power = build(station_load)
    _solve(problem)
    schedule = None
    if name == "exact block":
        schedule = block_schedule(station_load, fleet.domain).shared_by(fleet.size_veh)
    elif name.endswith("both ways"):
        schedule = read_schedule()
    elif not name.startswith("summed"):
        schedule = block.schedule()
    return 1000.0 * float(problem.value), problem, 1000.0 * power.value[None, :], schedule


def compare_domains(
    fleets: Iterable[str] = FLEETS,
    families: Iterable[str] = FAMILIES,
    n_draws: int = N_DRAWS,
) -> pd.DataFrame:
    """Least cost of a rising grid under each domain, for several fleets, price families and draws.

    Parameters
    ----------
    fleets, families : iterable of str
        As in :mod:`study.experiments.fleets`.
    n_draws : int
        Price draws of each family.

    Returns
    -------
    DataFrame
        One row for each fleet, family and domain (g-polymatroids for fleets without losses only): ``upr_median`` and
        ``upr_max`` over the draws (unused potential ratio; negative where a set promises more than exists),
        ``undeliverable_share`` (of the dispatched energy, mean), ``unserved_share`` (of the energy wanted, mean),
        ``largest_breach`` (of any rule, by a vehicle [kW or kWh]; nan for the outer set), ``seconds`` (processor time of
        the problem, once a set is made, median), ``variables`` (of the problem solved).
    """
    rows = []
    made = {}
    for name, family in tqdm([*product(fleets, families)], unit="case", leave=False, disable=None):
        new_rows = _compare_on(name, family, n_draws, made)
        rows += new_rows
        medians = ", ".join(f"{row['domain']} {row['upr_median']:.3f}" for row in new_rows)
        log.info("%s, %s: %s", name, family, medians)
    return pd.DataFrame(rows)


def _compare_on(name: str, family: str, n_draws: int, made: dict) -> list[dict]:
    """The rows of one fleet and one family of prices, a domain each; ``made`` keeps what does not depend on prices."""
    fleet = station_fleet(name)
    wanted_kwh = fleet.size_veh @ fleet.domain.target_kwh
    alone = uncontrolled(fleet.domain)
    alone_kw = fleet.station_kw(alone.power_kw)[0]
    alone_cny = float(fleet.size_veh @ cost_of(fleet.domain, np.zeros_like(alone.charge_kw), alone))
    forecast = _forecast(family, fleet.domain.n_steps)
    domains = [domain for domain in DOMAINS if name in LINEAR_FLEETS or not domain.startswith("g-polymatroid")]
    measures = {domain: [] for domain in domains}
    keys = {domain: (name, domain, family if "price" in domain else "any") for domain in domains}
    for domain, key in keys.items():
        if key not in made:
            made[key] = _made(domain, fleet, forecast)
    for draw in range(n_draws):
        build, cost_cny = rising_grid(fleet, price_draw(family, draw))
        no_control = alone_cny + cost_cny(alone_kw)
        answers = {}
        for domain in domains:
            start_s = time.process_time()
            cost, problem, profile, schedule = _answer(domain, fleet, build, made[keys[domain]])
            seconds = time.process_time() - start_s
            answers[domain] = (cost, problem.size_metrics.num_scalar_variables, profile, schedule, seconds)
        exact = answers["exact block"][0]
        for domain, (cost, variables, profile, schedule, seconds) in answers.items():
            upr = unused_potential(cost, exact, no_control)
            measures[domain].append((upr, *_delivery(fleet, profile, schedule, wanted_kwh), seconds, variables))
    rows = []
    for domain, values in measures.items():
        upr, missed, unserved, breach, seconds, variables = np.array(values, dtype=float).T
        rows.append(
            {
                "fleet": name,
                "prices": family,
                "domain": domain,
                "upr_median": np.median(upr),
                "upr_max": upr.max(),
                "undeliverable_share": missed.mean(),
                "unserved_share": unserved.mean(),
                "largest_breach": breach.max(),
                "seconds": np.median(seconds),
                "variables": int(variables.max()),
            }
        )
    return rows


def _forecast(family: str, n_steps: int) -> np.ndarray:
    """Windows of the `FORECASTS` draws [CNY/kWh], with noise of half the rise that the grid itself may add."""
    windows = price_windows([price_draw(family, seed) for seed in FORECASTS], n_steps)
    return windows + np.random.default_rng(FORECASTS[0]).normal(0.0, RISE_CNY_KWH / 2, windows.shape)


def _delivery(fleet, profile_kw, schedule, wanted_kwh) -> tuple[float, float, float]:
    """Undeliverable share of a profile, unserved share, largest breach of a rule by a vehicle."""
    if schedule is None:
        missed = nearest_delivery(fleet, profile_kw, _solve)
        return missed / (fleet.domain.step_h * np.abs(profile_kw).sum()), np.nan, np.nan
    step_h, energy_kwh = fleet.domain.step_h, np.abs(profile_kw).sum() * fleet.domain.step_h
    missed = np.abs(fleet.station_kw(schedule.power_kw) - profile_kw).sum() * step_h / energy_kwh
    breaches = violations(fleet.domain, schedule)
    breaches.pop("simultaneous_kwh")
    return missed, float(fleet.size_veh @ schedule.unserved_kwh) / wanted_kwh, max(breaches.values())


def write(folder: Path = RESULTS) -> Path:
    """Compare the domains and write the table (some six minutes)."""
    code = run_hash(MAKERS[DOMAINS_FILE])
    notes = (
        f"{N_DRAWS} draws of each price family; columns to a certified gap of {COLUMNS_GAP:g}; lags {LAGS}",
        "seconds: processor time of one core to build and solve the problem, once a set is made; they are not compared",
    )
    return write_table(DOMAINS_FILE, compare_domains(), code, notes, folder=folder)
