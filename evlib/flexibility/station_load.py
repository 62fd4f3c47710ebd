"""Station power as a part of the grid problem: no vehicles, full power at once, or the domains of all cohorts."""

from __future__ import annotations

from dataclasses import dataclass, field

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.flexibility.domain import Domain, Schedule, uncontrolled
from evlib.flexibility.fleet import Fleet

__all__ = [
    "StationLoad",
    "block_schedule",
    "column_block",
    "exact_block",
    "full_power_block",
    "no_vehicles",
    "priced_power",
]


@dataclass(frozen=True)
class StationLoad:
    """What the grid problem needs to know about vehicles; energies in MWh, powers in MW, costs in thousand CNY.

    Attributes
    ----------
    power_mw : cvxpy.Expression, shape (n_stations, K)
        Net charging power of each station.
    cost_kcny : cvxpy.Expression
        Wear, unserved energy and energy bought after the horizon.
    constraints : list
    variables : dict of str -> cvxpy.Variable
        Variables from which :func:`block_schedule` reads schedules after the solve.
    """

    power_mw: cp.Expression
    cost_kcny: cp.Expression
    constraints: list = field(default_factory=list)
    variables: dict = field(default_factory=dict)


def no_vehicles(n_stations: int, n_steps: int) -> StationLoad:
    """Stations that draw nothing."""
    return StationLoad(cp.Constant(np.zeros((n_stations, n_steps))), cp.Constant(0.0))


def priced_power(price_cny_kwh: np.ndarray, step_h: float) -> StationLoad:
    """Stations that may draw or feed in any power at given prices: the grid's part of the dual.

    Parameters
    ----------
    price_cny_kwh : ndarray, shape (n_stations, K)
        [CNY/kWh].
    step_h : float
        Length of a step [h].

    Returns
    -------
    StationLoad
        Its cost is minus what the stations pay.
    """
    power = cp.Variable(price_cny_kwh.shape, name="station")
    return StationLoad(power, -step_h * cp.sum(cp.multiply(price_cny_kwh, power)))


def full_power_block(fleet: Fleet, size_veh=None) -> StationLoad:
    """Cohorts that charge at full power at once; the grid may cut a station's power, which leaves energy unserved.

    Parameters
    ----------
    fleet, size_veh
        As in :func:`exact_block`.

    Returns
    -------
    StationLoad
        Variable ``cut`` is the power cut at each station [MW].
    """
    domain, shape = fleet.domain, (fleet.n_stations, fleet.n_steps)
    size_veh = fleet.size_veh if size_veh is None else size_veh
    schedule = uncontrolled(domain)
    wanted = cp.reshape(_gather(fleet, schedule.charge_kw) @ size_veh, shape, order="C")
    cut = cp.Variable(shape, name="cut", nonneg=True)
    settled = domain.unserved_cny_kwh * schedule.unserved_kwh
    settled = settled + domain.terminal_price_cny_kwh / domain.eta_charge * schedule.terminal_kwh
    penalty = domain.unserved_cny_kwh * domain.eta_charge * domain.step_h
    cost = penalty * cp.sum(cut) + (settled / 1000.0) @ size_veh
    return StationLoad(wanted - cut, cost, [cut <= wanted], {"cut": cut})


def column_block(fleet: Fleet, schedules, size_veh=None) -> StationLoad:
    """Cohorts that mix given schedules: an inner set, which is exact at the optimum if the best schedules are included.

    Parameters
    ----------
    fleet, size_veh
        As in :func:`exact_block`.
    schedules : list of Schedule
        Feasible schedules of one vehicle of every cohort, for example best answers to earlier prices.

    Returns
    -------
    StationLoad
    """
    domain, n, shape = fleet.domain, fleet.n, (fleet.n_stations, fleet.n_steps)
    size_veh = fleet.size_veh if size_veh is None else size_veh
    gather = sp.hstack([_gather(fleet, schedule.power_kw) for schedule in schedules], format="csr")
    cost = [
        domain.wear_cny_kwh * domain.step_h * schedule.discharge_kw.sum(axis=1)
        + domain.unserved_cny_kwh * schedule.unserved_kwh
        + domain.terminal_price_cny_kwh / domain.eta_charge * schedule.terminal_kwh
        for schedule in schedules
    ]
    vehicles = cp.Variable(n * len(schedules), name="vehicles", nonneg=True)
    total = sp.hstack([sp.eye_array(n)] * len(schedules), format="csr")
    power = cp.reshape(gather @ vehicles, shape, order="C")
    return StationLoad(power, (np.concatenate(cost) / 1000.0) @ vehicles, [total @ vehicles == size_veh], {})


def _gather(fleet: Fleet, power_kw) -> sp.csr_array:
    """Matrix from vehicles in each cohort to station power [MW per vehicle], rows in C order of (station, step)."""
    cohort, age = np.nonzero(fleet.domain.active & (power_kw != 0))
    place = fleet.station[cohort] * fleet.n_steps + fleet.first_step[cohort] + age
    values = power_kw[cohort, age] / 1000.0
    return sp.csr_array((values, (place, cohort)), shape=(fleet.n_stations * fleet.n_steps, fleet.n))


def exact_block(fleet: Fleet, size_veh=None) -> StationLoad:
    """Every cohort with its own exact domain: N identical vehicles have the domain of one, scaled by N.

    Parameters
    ----------
    fleet : Fleet
        Cohorts, each with the domain of one vehicle.
    size_veh : ndarray or cvxpy.Expression, shape (n,), optional
        Vehicles in each cohort, the fleet's by default. The constraints are linear in it, so it may be a variable.

    Returns
    -------
    StationLoad
        Energy is a variable of its own, so the constraints stay sparse.
    """
    domain, n_stations, n_steps = fleet.domain, fleet.n_stations, fleet.n_steps
    size_veh = fleet.size_veh if size_veh is None else size_veh
    n, count = domain.n, domain.n_usable
    cohort = np.repeat(np.arange(n), count)
    n_rows = len(cohort)
    if n == 0:
        return StationLoad(cp.Constant(np.zeros((n_stations, n_steps))), cp.Constant(0.0))
    row = np.arange(n_rows)
    age = row - np.repeat(np.cumsum(count) - count, count)
    spread = sp.csr_array((np.ones(n_rows), (row, cohort)), shape=(n_rows, n))
    place = fleet.station[cohort] * n_steps + fleet.first_step[cohort] + age
    gather = sp.csr_array((np.ones(n_rows), (place, row)), shape=(n_stations * n_steps, n_rows))
    earlier = row[age > 0]
    change = sp.eye_array(n_rows, format="csr") - sp.csr_array(
        (np.ones(len(earlier)), (earlier, earlier - 1)), shape=(n_rows, n_rows)
    )
    ends = np.flatnonzero(count > 0)
    last = sp.csr_array((np.ones(len(ends)), (ends, np.cumsum(count)[ends] - 1)), shape=(n, n_rows))

    def per_row(values):
        return values[cohort] / 1000.0

    size_row = spread @ size_veh
    charge = cp.Variable(n_rows, name="charge", nonneg=True)
    energy = cp.Variable(n_rows, name="energy")
    unserved = cp.Variable(n, name="unserved", nonneg=True)
    terminal = cp.Variable(n, name="terminal", nonneg=True)
    variables = {"charge": charge, "energy": energy, "unserved": unserved, "terminal": terminal}
    stored = domain.step_h * domain.eta_charge * charge
    used, net = charge, charge
    wear = 0.0
    # A discharging variable fixed at zero by bounds from both sides would leave the solver no interior.
    if domain.discharge_kw.any():
        discharge = cp.Variable(n_rows, name="discharge", nonneg=True)
        variables["discharge"] = discharge
        able = domain.discharge_kw[cohort] > 0
        stored = stored - domain.step_h / domain.eta_discharge * discharge
        ratio = np.where(able, domain.charge_kw[cohort] / np.where(able, domain.discharge_kw[cohort], 1.0), 0.0)
        used = charge + cp.multiply(ratio, discharge)
        net = charge - discharge
        wear = domain.step_h * domain.wear_cny_kwh * cp.sum(discharge)
    constraints = [
        change @ energy == stored,
        used <= cp.multiply(per_row(domain.charge_kw), size_row),
        energy <= cp.multiply(per_row(domain.energy_high_kwh), size_row),
        energy >= cp.multiply(per_row(domain.energy_low_kwh), size_row),
        last @ energy + terminal + unserved >= cp.multiply(domain.target_kwh / 1000.0, size_veh),
        terminal <= cp.multiply(domain.terminal_limit_kwh / 1000.0, size_veh),
    ]
    if domain.discharge_kw.any() and not able.all():
        constraints.append(discharge[~able] == 0)
    cost = (
        wear
        + domain.unserved_cny_kwh * cp.sum(unserved)
        + domain.terminal_price_cny_kwh / domain.eta_charge * cp.sum(terminal)
    )
    power = cp.reshape(gather @ net, (n_stations, n_steps), order="C")
    return StationLoad(power, cost, constraints, variables)


def block_schedule(station_load: StationLoad, domain: Domain) -> Schedule:
    """Schedules of whole cohorts after a solve [kW, kWh]; ``domain`` is that of the fleet in :func:`exact_block`."""
    count, n_steps = domain.n_usable, int(domain.n_usable.max(initial=0))
    inside = np.arange(n_steps)[None, :] < count[:, None]

    def table(name):
        values = np.zeros((domain.n, n_steps))
        if name in station_load.variables:
            values[inside] = 1000.0 * station_load.variables[name].value
        return values

    charge, discharge = table("charge"), table("discharge")
    change = domain.step_h * (domain.eta_charge * charge - discharge / domain.eta_discharge)
    energy = np.concatenate([np.zeros((domain.n, 1)), np.cumsum(change, axis=1)], axis=1)
    return Schedule(
        charge,
        discharge,
        energy,
        1000.0 * station_load.variables["terminal"].value,
        1000.0 * station_load.variables["unserved"].value,
    )
