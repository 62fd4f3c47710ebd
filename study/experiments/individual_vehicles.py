"""Every vehicle on its own: how long a feeder with up to 100,000 of them takes, and how well it is kept to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from evlib import load_scenario
from evlib.flexibility import check_delivery, mixed_schedule, support
from evlib.folders import RESULTS
from evlib.grid.fleet_dispatch import dispatch_by_columns
from evlib.inputs.build_grid import build_grid_options
from study.experiments.fleets import feeder_fleet
from study.experiments.provenance import MAKERS, run_hash, write_table

__all__ = ["INDIVIDUAL_FILE", "VEHICLES", "measure_vehicles", "write"]

INDIVIDUAL_FILE = "individual.csv"
VEHICLES = (1_000, 10_000, 100_000)
GAP = 2e-3


def measure_vehicles(vehicles: Iterable[int] = VEHICLES, *, report: Callable[[str], None] = print) -> pd.DataFrame:
    """Dispatch feeders with so many different vehicles by columns, and hand each vehicle its schedule.

    Parameters
    ----------
    vehicles : iterable of int
    report : callable
        Takes a line of text.

    Returns
    -------
    DataFrame
        One row each: ``vehicles``; processor time of one core [s] to answer one set of prices (``answer_s``), to dispatch
        (``dispatch_s``) and to give every vehicle its schedule (``disaggregate_s``); ``gap`` (certified), ``iterations``;
        ``largest_breach`` of any rule by a vehicle [kW or kWh], ``missed_share`` of the profile, and
        ``simultaneous_share`` of the profile's energy that vehicles charge and discharge at once.
    """
    options, rows = build_grid_options(load_scenario("nguyen")), []
    for n in vehicles:
        case, fleet = feeder_fleet(n)
        own = fleet.cohort_prices(np.broadcast_to(case.import_price_cny_kwh, (fleet.n_stations, fleet.n_steps)))
        clock = [time.process_time()]
        support(fleet.domain, own)
        clock.append(time.process_time())
        _, found = dispatch_by_columns(case, options, fleet, gap=GAP)
        clock.append(time.process_time())
        schedule = mixed_schedule(found, fleet)
        clock.append(time.process_time())
        broken = check_delivery(fleet, schedule, found.power_kw)
        waste = broken.pop("simultaneous_kwh") * fleet.size_veh[0]
        missed = broken.pop("sum_share")
        broken.pop("sum_kw")
        answer_s, dispatch_s, disaggregate_s = np.diff(clock)
        energy_kwh = fleet.domain.step_h * np.abs(found.power_kw).sum()
        rows.append(
            dict(vehicles=n, answer_s=answer_s, dispatch_s=dispatch_s, disaggregate_s=disaggregate_s, gap=found.gap)
            | dict(iterations=len(found.history), largest_breach=max(broken.values()), missed_share=missed)
            | dict(simultaneous_share=waste / energy_kwh)
        )
        report(f"{n} vehicles: dispatched in {dispatch_s:.1f} s to a gap of {found.gap:.1e}")
    return pd.DataFrame(rows)


def write(folder: Path = RESULTS, *, report: Callable[[str], None] = print) -> Path:
    """Measure and write the table (half a minute)."""
    code = run_hash(MAKERS[INDIVIDUAL_FILE])
    notes = (
        f"different vehicles on the base case's feeder, which grows with them; columns to a gap of {GAP:g}",
        "times are processor time of one core; they are not compared",
    )
    measure_vehicles([50], report=lambda line: None)  # compiled now, not while the clock runs
    return write_table(INDIVIDUAL_FILE, measure_vehicles(report=report), code, notes, folder=folder, report=report)
