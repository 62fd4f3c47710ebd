"""Everything that a day in real time has come to: numbers and arrays only, so that it can be saved and go on."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from evlib.assignment.route_choice import even_split
from evlib.errors import InputError
from evlib.files import write_npz

__all__ = ["GRID_MEASURES", "State", "first_state", "load_state", "save_state"]

# Rows of `State.grid`.
GRID_MEASURES = (
    "cost_cny",
    "load_kw",
    "station_kw",
    "available_kw",
    "curtailed_kw",
    "backup_kw",
    "import_kw",
    "export_kw",
    "shed_kw",
    "overload_kw",
    "balance_residual_kw",
)


@dataclass(frozen=True)
class State:
    """The state at the beginning of a step.

    Attributes
    ----------
    step : int
        The step that comes next.
    departures_veh, followers_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Who has departed: everybody, and followers of the signal [veh]; 0 from ``step`` on.
    change_kwh, power_kw : ndarray, shape (n_cohorts, T)
        What one vehicle of each cohort has charged [kWh, battery] and drawn [kW, meter] in its usable steps so far.
    real_price_cny_kwh : ndarray, shape (n_bus, K)
        Prices of the dispatch of each step so far.
    station_kw : ndarray, shape (n_stations, K)
    grid : ndarray, shape (len(GRID_MEASURES), K)
        What the grid did in each step so far.
    backup_kw : ndarray, shape (n_zones,)
        Power of backup generators in the last step.
    told_time_cny, told_electricity_cny, told_transfer_cny : ndarray, shape of departures
        What drivers were told when they left, for every path [CNY per vehicle]: time and waiting, electricity, tolls and
        rents; nan where they were told nothing.
    turned_veh : ndarray, shape (K,)
        Drivers on their way who changed station at the beginning of each step so far [veh].
    plan_flows_veh, plan_change_kwh, price_cny_kwh, rent_cny, monitored
        The last plan, see :class:`evlib.coordination.real_time.plan.Plan`; ``plan_change_kwh`` by usable step of the
        whole stay, ``rent_cny`` empty without rents.
    weight, level_cny_veh, walk_step : float
        Weights of the method.
    certificate : ndarray, shape (4, K)
        Excess [CNY/veh], relative gap, price gap and iterations of each plan so far.
    """

    step: int
    departures_veh: np.ndarray
    followers_veh: np.ndarray
    change_kwh: np.ndarray
    power_kw: np.ndarray
    real_price_cny_kwh: np.ndarray
    station_kw: np.ndarray
    grid: np.ndarray
    backup_kw: np.ndarray
    told_time_cny: np.ndarray
    told_electricity_cny: np.ndarray
    told_transfer_cny: np.ndarray
    turned_veh: np.ndarray
    plan_flows_veh: np.ndarray
    plan_change_kwh: np.ndarray
    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray
    monitored: np.ndarray
    weight: float
    level_cny_veh: float
    walk_step: float
    certificate: np.ndarray

    @property
    def has_backup(self) -> bool:
        """Whether the power of backup generators in the last step is known."""
        return not np.isnan(self.backup_kw).any()


def first_state(day) -> State:
    """The state before the first step: nobody has departed."""
    base, case = day.base, day.base.case
    flows = np.zeros_like(base.fixed_veh)
    fleet = np.zeros((base.cohorts.n, base.cohorts.domain.n_steps))
    price = np.broadcast_to(case.import_price_cny_kwh, case.load_kw.shape).copy()
    rent = np.zeros((len(case.stations), case.n_steps)) if day.knows_rents else np.zeros((0, 0))
    told = np.full_like(flows, math.nan)
    return State(
        step=0,
        departures_veh=flows,
        followers_veh=flows,
        change_kwh=fleet,
        power_kw=fleet,
        real_price_cny_kwh=np.zeros_like(case.load_kw),
        station_kw=np.zeros((len(case.stations), case.n_steps)),
        grid=np.zeros((len(GRID_MEASURES), case.n_steps)),
        backup_kw=np.full(len(case.zones), math.nan),
        told_time_cny=told,
        told_electricity_cny=told,
        told_transfer_cny=told,
        turned_veh=np.zeros(case.n_steps),
        plan_flows_veh=even_split(base.network, base.demand_veh) if day.planned else flows,
        plan_change_kwh=fleet,
        price_cny_kwh=price,
        rent_cny=rent,
        monitored=np.zeros((2, 4, *case.load_kw.shape), dtype=bool),
        weight=0.05,
        level_cny_veh=20.0,
        walk_step=math.nan,
        certificate=np.full((4, case.n_steps), math.nan),
    )


def save_state(path: Path, state: State) -> None:
    """Write a state, completely or not at all."""
    write_npz(path, **vars(state))


def load_state(path: Path, like: State) -> State:
    """Read a state.

    Parameters
    ----------
    path : Path
    like : State
        A state of the same day; shapes must agree.

    Returns
    -------
    State

    Raises
    ------
    InputError
        If the file is no whole state of such a day.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        values = {}
        for item in fields(State):
            value, wanted = arrays[item.name], getattr(like, item.name)
            if np.shape(value) != np.shape(wanted):
                raise ValueError(f"{item.name} has shape {np.shape(value)}, not {np.shape(wanted)}")
            values[item.name] = type(wanted)(value) if isinstance(wanted, int | float) else value
    except Exception as error:  # whatever NumPy and zipfile raise at bytes that nobody has written
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: {reason}; must be the whole state of a day in real time, so start anew") from error
    return State(**values)
