"""A day in real time from the first step to the last, in memory or in a folder from which it can go on."""

from __future__ import annotations

import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from evlib.coordination.real_time.accounts import accounts
from evlib.coordination.real_time.day import Day, prepare
from evlib.coordination.real_time.delivered.folder import write_step
from evlib.coordination.real_time.state import GRID_MEASURES, State, first_state, load_state, save_state
from evlib.coordination.real_time.step import advance
from evlib.errors import InputError
from evlib.files import json_text, why_unwritable, write_csv, write_json, write_text
from evlib.hashing import code_hash
from evlib.inputs.scenario import Scenario
from evlib.inputs.weather.day import Weather, weather_of
from evlib.leftovers import remove_leftovers

__all__ = ["HEAD", "RealTime", "real_time"]

log = logging.getLogger(__name__)

HEAD, STATE = "day.json", "state.npz"


@dataclass(frozen=True)
class RealTime:
    """A day that has been run.

    Attributes
    ----------
    day : Day
    state : State
        After the last step.
    accounts : dict of str -> float
        See :func:`evlib.coordination.real_time.accounts.accounts`.
    steps : DataFrame
        One row per step: what the grid did, prices at stations, and the certificate of the step's plan.
    replan_s : list of float
        How long each step took that this process ran [s].
    """

    day: Day
    state: State
    accounts: dict[str, float]
    steps: pd.DataFrame
    replan_s: list[float]


def real_time(
    scenario: Scenario,
    *,
    signal: str = "predicted",
    day: str | None = None,
    perfect: bool = False,
    seed: int = 0,
    whole_vehicles: bool = True,
    charging: str = "v2g",
    objective: str | None = None,
    measured_file: str | Path | None = None,
    day_ahead_file: str | Path | None = None,
    out: str | Path | None = None,
) -> RealTime:
    """Run a day step by step on forecasts that turn out wrong.

    At the beginning of every step the rest of the day is planned anew from the true state: vehicles on the road, in
    queues and at plugs with the energy that they have, and wind and sun as they are forecast then. Whoever departs in
    the step is told what the signal says and chooses. The grid dispatches the step with the wind and sun that come.

    Parameters
    ----------
    scenario : Scenario
        Compliance and logit of its fleet hold here too.
    signal : {"predicted", "promised", "now", "informed", "nearest"}
        ``predicted``: times, prices, tolls and rents of the plan. ``promised``: the same, and the electricity cost told
        is what is paid; the operator bears the difference. ``now``: roads, queues and prices as they are at that minute.
        ``informed`` and ``nearest``: rivals without coordination, whose vehicles are charged by the same rolling plan.
    day : str, optional
        A date ``YYYY-MM-DD``; by default the scenario's own profiles, without forecast error.
    perfect : bool
        Whether forecasts of that day have no error.
    seed : int
        Of departures and choices.
    whole_vehicles : bool
        Whether departures are whole vehicles, drawn at random; otherwise they are the expected numbers.
    charging : {"v2g", "smart"}
    objective : {"user", "system"}, optional
    measured_file, day_ahead_file : path-like, optional
        See :func:`evlib.inputs.weather.day.weather_of`.
    out : path-like, optional
        Folder for the files of every step; a day that was stopped there goes on, with the same results to the byte.

    Returns
    -------
    RealTime

    Raises
    ------
    InputError
        Whatever cannot be used, before anything is written; also a folder that holds another day.
    SolverError
        If a grid problem has no optimal solution.

    Notes
    -----
    Drivers on their way keep the station that they chose when they left, unless the scenario states
    ``fleet.turn_gain_cny``: then followers of ``predicted`` and ``now`` change station at the next node where that is
    said to save them more, see :mod:`evlib.coordination.real_time.turning`.
    """
    weather = weather_of(scenario, day, perfect=perfect, measured_file=measured_file, day_ahead_file=day_ahead_file)
    options = {"signal": signal, "charging": charging, "objective": objective, "seed": seed}
    prepared = prepare(scenario, weather, whole_vehicles=whole_vehicles, **options)
    state = first_state(prepared)
    folder = None if out is None else Path(out)
    if folder is not None:
        head = json_text(_head(scenario, weather, options | {"whole_vehicles": whole_vehicles}))
        state = _opened(folder, head, state)
    return _run(prepared, state, folder)


def _run(day: Day, state: State, folder: Path | None) -> RealTime:
    seconds = []
    bar = tqdm(total=day.n_steps, initial=state.step, unit="step", leave=False, disable=not sys.stderr.isatty())
    with bar:
        while state.step < day.n_steps:
            start, before = time.perf_counter(), state
            state, plan = advance(day, before)
            seconds.append(time.perf_counter() - start)
            if folder is not None:
                write_step(folder, day, before, state, plan)
                save_state(folder / STATE, state)
            log.info("step %d: price gap %.1e, %d iterations", before.step, plan.price_gap, plan.iterations)
            bar.update()
    result, table = accounts(day, state), _steps(day, state)
    if folder is not None:
        write_csv(folder / "steps.csv", table.round(9))
        told = {name: value for name, value in result.items() if not np.isnan(value)}
        write_json(folder / "accounts.json", told)
    return RealTime(day, state, result, table, seconds)


def _steps(day: Day, state: State) -> pd.DataFrame:
    case, network = day.base.case, day.base.network
    table = pd.DataFrame({"step": np.arange(day.n_steps), "clock": network.time.clock(np.arange(day.n_steps))})
    departed = np.zeros(day.n_steps)
    departed[: day.n_departure_steps] = state.departures_veh.sum(axis=(0, 1))
    table["departed_veh"], table["turned_veh"] = departed, state.turned_veh
    for name, values in zip(GRID_MEASURES, state.grid, strict=True):
        table[name] = values
    for name, bus in zip(case.stations, case.station_bus, strict=True):
        table[f"price_{name}_cny_kwh"] = state.real_price_cny_kwh[bus]
    names = ("plan_excess_cny_veh", "plan_relative_gap", "plan_price_gap", "plan_iterations")
    for name, values in zip(names, state.certificate, strict=True):
        table[name] = values
    return table


def _head(scenario: Scenario, weather: Weather, options: dict) -> dict:
    """What a folder belongs to."""
    forecast = weather.forecast
    series = [values.tolist() for values in (forecast.measured_pu, forecast.day_ahead_pu, forecast.keeps)]
    return {
        "scenario": scenario.name,
        "scenario_hash": scenario.hash,
        "code_hash": code_hash(),
        "day": weather.label,
        "weather": series,
        "options": options,
    }


def _opened(folder: Path, head: str, first: State) -> State:
    """The state to go on from; a new folder gets its head."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise InputError(f"out: {folder} is no folder; must be a new folder, or that of the same day")
    file = folder / HEAD
    if file.is_file():
        if file.read_text(encoding="utf-8") != head:
            raise InputError(
                f"out: {folder} holds another day, see {HEAD}; must be a new folder, or that of the same day"
            )
        for place in (folder, folder / "steps"):
            remove_leftovers(place)
        return load_state(folder / STATE, first) if (folder / STATE).is_file() else first
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"out: {folder} holds other files; must be a new folder, or that of the same day")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"out: {folder}: {error.strerror}; must be a folder that can be written to") from error
    if reason := why_unwritable(folder / HEAD):
        raise InputError(f"out: {folder}: {reason}; must be a folder that can be written to")
    write_text(file, head)
    return first
