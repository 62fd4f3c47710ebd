"""How long it takes to dispatch up to 100,000 different vehicles on one feeder, and how well they follow."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.flexibility import check_delivery, mixed_schedule, support
from evlib.folders import RESULTS
from evlib.grid.fleet_dispatch import dispatch_by_columns
from evlib.inputs.build_grid import build_grid_options
from study.experiments.fleets import feeder_fleet
from study.experiments.provenance import MAKERS, run_hash, write_table

__all__ = ["INDIVIDUAL_FILE", "VEHICLES", "measure_vehicles", "write"]

log = logging.getLogger(__name__)

INDIVIDUAL_FILE = "individual.csv"
VEHICLES = (1_000, 10_000, 100_000)
GAP = 2e-3


def measure_vehicles(vehicles: Iterable[int] = VEHICLES) -> pd.DataFrame:
    """Dispatch feeders with so many different vehicles by columns, and hand each vehicle its schedule.

    Parameters
    ----------
    vehicles : iterable of int
        How many, one feeder each.

    Returns
    -------
    DataFrame
        One row a feeder: ``vehicles``; processor time of one core [s] to answer one set of prices (``answer_s``), to
        dispatch (``dispatch_s``) and to give every vehicle its schedule (``disaggregate_s``); ``gap`` (certified),
        ``iterations``; ``largest_breach`` of any rule by a vehicle [kW or kWh], ``missed_share`` of the profile, and
        ``simultaneous_share`` of the profile's energy that vehicles charge and discharge at once.
    """
    rows = []
    for n in tqdm(vehicles, unit="feeder", leave=False, disable=None):
        row = _dispatched(n)
        rows.append(row)
        log.info("%d vehicles: dispatched in %.1f s to a gap of %.1e", n, row["dispatch_s"], row["gap"])
    return pd.DataFrame(rows)


def _dispatched(n: int) -> dict[str, float]:
    """The row of a feeder with n vehicles."""
    options = build_grid_options(load_scenario("nguyen"))
    case, fleet = feeder_fleet(n)
    price_cny_kwh = fleet.cohort_prices(np.broadcast_to(case.import_price_cny_kwh, (fleet.n_stations, fleet.n_steps)))
    clock = [time.process_time()]
    support(fleet.domain, price_cny_kwh)
    clock.append(time.process_time())
    _, dispatch = dispatch_by_columns(case, options, fleet, gap=GAP)
    clock.append(time.process_time())
    schedule = mixed_schedule(dispatch, fleet)
    clock.append(time.process_time())
    answer_s, dispatch_s, disaggregate_s = np.diff(clock)
    breaches = check_delivery(fleet, schedule, dispatch.power_kw)
    simultaneous_kwh = breaches.pop("simultaneous_kwh") * fleet.size_veh[0]
    missed_share = breaches.pop("sum_share")
    breaches.pop("sum_kw")
    return {
        "vehicles": n,
        "answer_s": answer_s,
        "dispatch_s": dispatch_s,
        "disaggregate_s": disaggregate_s,
        "gap": dispatch.gap,
        "iterations": len(dispatch.history),
        "largest_breach": max(breaches.values()),
        "missed_share": missed_share,
        "simultaneous_share": simultaneous_kwh / (fleet.domain.step_h * np.abs(dispatch.power_kw).sum()),
    }


def write(folder: Path = RESULTS) -> Path:
    """Measure and write the table (half a minute)."""
    code = run_hash(MAKERS[INDIVIDUAL_FILE])
    notes = (
        f"different vehicles on the base case's feeder, which grows with them; columns to a gap of {GAP:g}",
        "times are processor time of one core; they are not compared",
    )
    _dispatched(50)  # compiled now, not while the clock runs
    return write_table(INDIVIDUAL_FILE, measure_vehicles(), code, notes, folder=folder)
