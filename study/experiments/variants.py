"""The article's claims under other assumptions: one verdict a variant of the base case and claim."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.errors import InputError, SolverError
from evlib.folders import RESULTS
from evlib.inputs.schema import minutes_after
from evlib.results.accounts.road_storage import largest_factor
from evlib.results.claim_row import join
from evlib.results.claims import CLAIMS, HEADLINE_RUNS, claims_table
from evlib.results.headlines import headline_table
from evlib.solve_scenario import solve
from study.experiments import WITHOUT_DRIVING
from study.experiments.provenance import read_table, run_hash, write_table

__all__ = [
    "LONG",
    "VARIANTS",
    "VARIANTS_FILE",
    "lead_in",
    "scaled",
    "table_of_variants",
    "variant_of",
    "variant_rows",
    "write",
]

log = logging.getLogger(__name__)

VARIANTS_FILE = "variants_nguyen.csv"
# Runs end at an iterate as near to equilibrium as this; the price gap is within the tolerance of any settled run.
KEYS = {"coordination.stop_relative_gap": 5e-3}
OTHER_DAY = "../rts_gmlc_2020-07-02_day.csv"
# Name -> what changes in the scenario, or a function that says so.
VARIANTS = {
    "base": {},
    "driving takes no energy": WITHOUT_DRIVING,
    "09:00 to 20:00": lambda scenario: lead_in(scenario),  # defined below
    "second wind farm at c1": {"switches.renewable_swap": True},
    "wind and sun of 2 July": {"grid.profiles_file": OTHER_DAY},
    "hard limits": {"switches.limits": "hard"},
    "losses in the last dispatch": {"switches.grid_model": "cone_final"},
    "losses in every dispatch": {"switches.grid_model": "cone"},
    "impedance bpr": {"switches.impedance": "bpr"},
    "impedance point queue": {"switches.impedance": "point_queue"},
    "announced wait smooth": {"switches.station_waiting": "smooth"},
    "announced wait Davidson": {"switches.station_waiting": "davidson"},
    "plugs x 0.8": lambda scenario: scaled(scenario, plugs=0.8),
    "plugs x 1.25": lambda scenario: scaled(scenario, plugs=1.25),
    "road capacity x 0.8": lambda scenario: scaled(scenario, capacity=0.8),
    "road capacity x 1.25": lambda scenario: scaled(scenario, capacity=1.25),
}
# By method joint alone, every iteration a cone program: 305 s of processor time where joint takes 187 s without losses, in
# one process, and newton far less. A table may be without it.
LONG = ("losses in every dispatch",)
# An hour more before and two after; departures go on until the last cars still find time to charge.
LEAD_STEPS, LONG_STEPS, LAST_DEPARTURE = 12, 132, 101


def lead_in(scenario) -> dict:
    """Changes for a day from 09:00 to 20:00 around that of the base case, so that roads and plugs are not empty at 10:00.

    Departures go on from 09:00 to 17:30: the same bell, and the floor extended, so that from 10:00 on as many depart in
    each step as before. The load spike stays at its clock time.

    Parameters
    ----------
    scenario : Scenario
        Of the base case's day, 10:00 to 18:00 in steps of 5 min.

    Returns
    -------
    dict
        For ``Scenario.replace``.
    """
    time_keys = {"time.start_clock": "09:00", "time.n_steps": LONG_STEPS, "time.last_departure_step": LAST_DEPARTURE}
    time_keys["grid.spike.peak_step"] = scenario.grid.spike.peak_step + LEAD_STEPS
    fleet, step_min = scenario.fleet, scenario.time.step_min
    n_old, n_new = scenario.time.last_departure_step + 1, LAST_DEPARTURE + 1
    peak_min = minutes_after(fleet.peak_clock, "09:00")
    bell = np.exp(-0.5 * ((step_min * (np.arange(n_new) + 0.5) - peak_min) / fleet.peak_width_min) ** 2)
    old = bell[LEAD_STEPS : LEAD_STEPS + n_old]
    vehicles, peaks = {}, {}
    for member in fleet.classes:  # departures over those of a mean step of the base case, see `departure_profile`
        departing = 1 + (member.peak_over_mean - 1) * (bell - old.mean()) / (old.max() - old.mean())
        vehicles[member.name] = fleet.vehicles * member.share * departing.sum() / n_old
        peaks[member.name] = departing.max() / departing.mean()
    total = sum(vehicles.values())
    changes = {f"fleet.classes.{name}.share": number / total for name, number in vehicles.items()}
    changes |= {f"fleet.classes.{name}.peak_over_mean": peak for name, peak in peaks.items()}
    return time_keys | changes | {"fleet.vehicles": total}


def scaled(scenario, plugs: float = 1.0, capacity: float = 1.0) -> dict:
    """Changes for so many times the plugs of every station and the capacity of every road."""
    changes = {f"stations.{station.name}.plugs": plugs * station.plugs for station in scenario.stations}
    return changes | {"roads.capacity_veh_h": capacity * scenario.roads.capacity_veh_h}


def variant_of(scenario, name: str):
    """The scenario under one of the names of ``VARIANTS``."""
    changes = VARIANTS[name]
    changes = changes(scenario) if callable(changes) else changes
    return scenario.replace(KEYS | changes)


def variant_rows(scenario, name: str, settling: pd.DataFrame | None = None, *, cache: bool = True) -> list[dict]:
    """One variant solved on shortest paths and coordinated, with V2G: a row for each claim.

    Parameters
    ----------
    scenario : Scenario
        The base case.
    name : str
        One of ``VARIANTS``.
    settling : DataFrame, optional
        For A10 of the base case, see :func:`evlib.results.headlines.headline_table`; elsewhere that loop was not run.
    cache : bool
        Read and write the cache of solved cases.

    Returns
    -------
    list of dict
        ``variant``, ``claim``, ``definition``, ``article``, ``ours``, ``unit``, ``verdict``, ``threshold``, ``note``; of the
        coordinated run ``method``, ``state`` (*settled*, *not settled*, *no optimum*, *roads never clear*), ``excess_cny_veh``,
        ``relative_gap``, ``price_gap``; ``beyond_storage``, vehicles over room on the worst road of both days that has too
        many. Where a grid problem has no optimum, or vehicles never arrive, no claim has a number, and the
        verdict is *undefined*.
    """
    varied = variant_of(scenario, name)
    head, failed = {"variant": name}, {"ours": math.nan, "verdict": "undefined"}
    try:
        results = {strategy: _settled(varied, strategy, cache) for strategy in HEADLINE_RUNS}
    except (SolverError, InputError) as error:
        if isinstance(error, InputError) and "have not plugged in" not in str(error):
            raise
        note = str(error).splitlines()[0].removeprefix(f"{varied.file}: ")
        state = "no optimum" if isinstance(error, SolverError) else "roads never clear"
        log.warning("%s: %s", name, note)
        return [head | {"claim": claim} | failed | {"note": note, "state": state} for claim in CLAIMS]
    run = results["coordinated"]
    table = headline_table(claims_table(results, None, runs=HEADLINE_RUNS), settling if name == "base" else None)
    certificate = {key: getattr(run.certificate, key) for key in ("excess_cny_veh", "relative_gap", "price_gap")}
    state = "settled" if run.certificate.converged else "not settled"
    full = max(largest_factor(results[strategy].certificate) for strategy in HEADLINE_RUNS[1:])
    reached = {"method": run.method, "state": state, "beyond_storage": full, **certificate}
    return [head | _sized(row) | reached for row in table.to_dict("records")]


def _sized(row: dict) -> dict:
    """A2 follows from the sizing of the base case; where a variant undoes that, it is not there."""
    if row["claim"] == "A2" and row["ours"] <= row["article"]:
        return row | {"verdict": "not reproduced", "note": join(row["note"], "the sizing rule does not hold here")}
    return row


def _settled(scenario, strategy: str, cache: bool):
    """A run by the default method; a coordinated one by joint where newton does not settle and joint comes nearer."""
    result = solve(scenario, strategy, "v2g", cache=cache)
    if strategy != "coordinated" or result.certificate.converged or result.method == "joint":
        return result
    other = solve(scenario, strategy, "v2g", "joint", cache=cache)
    return min((result, other), key=lambda each: (not each.certificate.converged, each.certificate.relative_gap))


def table_of_variants(scenario, names=tuple(VARIANTS), settling=None, *, cache: bool = True) -> pd.DataFrame:
    """Rows of :func:`variant_rows` for several variants, one below the other."""
    rows = []
    for name in tqdm(names, unit="variant", leave=False, disable=None):
        rows += variant_rows(scenario, name, settling, cache=cache)
        log.info("%s: %s, relative gap %.2g", name, rows[-1]["state"], rows[-1].get("relative_gap", math.nan))
    return pd.DataFrame(rows)


def write(folder: Path = RESULTS) -> Path:
    """Solve all variants of the base case and write the table (some twenty minutes)."""
    scenario, code = load_scenario("nguyen"), run_hash(__name__)
    notes = (
        f"scenario: nguyen {scenario.hash}; charging v2g, objective system, method newton, or joint where that does not settle",
        "A10 was run for the base case only, on mini: settling_mini.csv; A15 needs several days, see notebook 08",
    )
    settling = read_table("settling_mini.csv", folder)
    return write_table(VARIANTS_FILE, table_of_variants(scenario, settling=settling), code, notes, folder=folder)
