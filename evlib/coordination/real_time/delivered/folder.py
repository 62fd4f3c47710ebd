"""One folder for every step, complete or absent."""

from __future__ import annotations

from pathlib import Path

from evlib.assignment.path_costs import evaluate_loading
from evlib.coordination.real_time.day import Day
from evlib.coordination.real_time.delivered.ocpi import locations, tariffs
from evlib.coordination.real_time.delivered.ocpp import charging_profiles
from evlib.coordination.real_time.delivered.signal_table import signal_table
from evlib.coordination.real_time.plan import Plan
from evlib.coordination.real_time.state import State
from evlib.coordination.real_time.under_way import under_way
from evlib.files import replacing_folder, write_csv, write_json
from evlib.flexibility.proximal_reply import ProximalFleet
from evlib.traffic.loading import load_traffic

__all__ = ["FILES", "step_folder", "write_step"]

FILES = ("ocpi_locations.json", "ocpi_tariffs.json", "ocpp_charging_profiles.json", "signal.csv")


def step_folder(out: Path, step: int) -> Path:
    """Folder of a step."""
    return out / "steps" / f"{step:03d}"


def write_step(out: Path, day: Day, before: State, after: State, plan: Plan) -> None:
    """Write what a step delivers.

    Parameters
    ----------
    out : Path
        Folder of the day.
    day : Day
    before, after : State
        At the beginning and the end of the step.
    plan : Plan
        Made in it.
    """
    step, network = before.step, day.base.network
    loading = load_traffic(network, before.departures_veh)
    cohorts = under_way(day.base.cohorts, before.change_kwh, step)
    sizes = day.base.sizes(evaluate_loading(loading, day.base.traffic.drivers, "user"))
    reply = ProximalFleet(cohorts).reply(plan.price_cny_kwh[day.base.case.station_bus], plan.change_kwh, plan.weight)
    folder = step_folder(out, step)
    with replacing_folder(folder, keep=lambda _: False) as temporary:
        temporary.mkdir(parents=True)
        write_json(temporary / FILES[0], locations(day, loading, step))
        write_json(temporary / FILES[1], tariffs(day, plan.price_cny_kwh, step))
        write_json(temporary / FILES[2], charging_profiles(day, cohorts, sizes, reply.power_kw, step))
        write_csv(temporary / FILES[3], signal_table(day, after, step).round(9))
