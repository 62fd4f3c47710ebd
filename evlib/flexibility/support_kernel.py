"""Least-cost schedules in compiled code: the arithmetic of the specification, in the same order, vehicle by vehicle."""

from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["compiled_schedule"]

# Everything compiled stands in this one file: numba's cache on disk notices a change of the file, not of its imports.
# No fastmath, so that nothing is reordered or contracted; no check for division by zero, as no denominator can be zero.
compiled = njit(cache=True, nogil=True, error_model="numpy")


class _Vehicles(NamedTuple):
    """The arrays of a domain, per vehicle; energies in kWh above the low end of the band where not said otherwise."""

    charge_kw: np.ndarray
    discharge_kw: np.ndarray
    charge_step_kwh: np.ndarray
    discharge_step_kwh: np.ndarray
    n_usable: np.ndarray
    low_kwh: np.ndarray  # since plug-in, like the next
    high_kwh: np.ndarray
    target_kwh: np.ndarray
    bought_from_kwh: np.ndarray


class _Costs(NamedTuple):
    """What all vehicles share."""

    eta_charge: float
    eta_discharge: float
    wear_cny_kwh: float
    unserved_cny_kwh: float
    terminal_cny_kwh: float
    step_h: float


def compiled_schedule(domain, prices):
    """As `specified_schedule`, equal to the last bit."""
    n, n_steps = domain.n, domain.n_steps
    target = domain.target_kwh - domain.energy_low_kwh
    per_vehicle = (
        domain.charge_kw,
        domain.discharge_kw,
        domain.charge_step_kwh,
        domain.discharge_step_kwh,
        domain.n_usable,
        domain.energy_low_kwh,
        domain.energy_high_kwh,
        target,
        target - domain.terminal_limit_kwh,
    )
    terminal_cny_kwh = domain.terminal_price_cny_kwh / domain.eta_charge
    costs = _Costs(
        float(domain.eta_charge),
        float(domain.eta_discharge),
        float(domain.wear_cny_kwh),
        float(domain.unserved_cny_kwh),
        float(terminal_cny_kwh),
        float(domain.step_h),
    )
    # Of the same types and layout for every domain, so that one compilation serves all: copies, but for the prices.
    kinds = [np.float64] * 4 + [np.int64] + [np.float64] * 4
    vehicles = _Vehicles(*(np.array(values, kind) for values, kind in zip(per_vehicle, kinds, strict=True)))
    prices = np.ascontiguousarray(prices)
    prices = prices if prices.flags.writeable else prices.copy()
    charge, discharge, energy = np.zeros((n, n_steps)), np.zeros((n, n_steps)), np.zeros((n, n_steps + 1))
    _all_schedules(vehicles, costs, prices, charge, discharge, energy)
    return charge, discharge, energy


@compiled
def _all_schedules(vehicles, costs, prices, charge, discharge, energy):
    n, n_steps = prices.shape
    charging, discharging = np.empty(n_steps), np.empty(n_steps)
    up_to, down_to, mixed = np.empty(n_steps), np.empty(n_steps), np.empty(n_steps, dtype=np.bool_)
    for i in range(n):
        last = vehicles.n_usable[i]
        _step_slopes(vehicles, costs, i, last, prices[i], charging, discharging, mixed)
        width = vehicles.high_kwh[i] - vehicles.low_kwh[i]
        _final_levels(vehicles, costs, i, last, width, charging, discharging, up_to, down_to)
        back = vehicles.discharge_step_kwh[i]
        if back > 0:
            _levels_both_ways(last, width, vehicles.charge_step_kwh[i], back, charging, discharging, up_to, down_to)
        else:
            _levels_one_way(last, width, vehicles.charge_step_kwh[i], charging, up_to)
        _follow(vehicles, i, last, mixed, up_to, down_to, charge[i], discharge[i], energy[i])


@compiled
def _step_slopes(vehicles, costs, i, last, prices, charging, discharging, mixed):
    """Slopes at which a step turns to charging and to discharging, and whether it mixes both: there the two are one."""
    full, back = vehicles.charge_kw[i], vehicles.discharge_kw[i]
    width = vehicles.charge_step_kwh[i] + vehicles.discharge_step_kwh[i]
    for t in range(last):
        price = prices[t]
        one, other = -price / costs.eta_charge, -(price - costs.wear_cny_kwh) * costs.eta_discharge
        mixed[t] = one > other and back > 0
        if mixed[t]:
            one = -(price * (full + back) - costs.wear_cny_kwh * back) * costs.step_h / width
            other = one
        charging[t], discharging[t] = one, other


@compiled
def _final_levels(vehicles, costs, i, last, width, charging, discharging, up_to, down_to):
    unserved_to = min(max(vehicles.bought_from_kwh[i], 0.0), width)
    bought_to = min(max(vehicles.target_kwh[i], 0.0), width)
    unserved, bought = -costs.unserved_cny_kwh, -min(costs.terminal_cny_kwh, costs.unserved_cny_kwh)
    for t in range(last):
        s = charging[t]
        level = unserved_to if s >= unserved else 0.0
        level = bought_to if s >= bought else level
        up_to[t] = width if s > 0 else level
        s = discharging[t]
        level = unserved_to if s >= unserved else 0.0
        level = bought_to if s >= bought else level
        down_to[t] = width if s >= 0 else level


@compiled
def _levels_both_ways(last, width, full, back, charging, discharging, up_to, down_to):
    """Plain selections over adjacent numbers, which the compiler turns into vector instructions."""
    for t in range(last - 1, 0, -1):
        begin, end = charging[t], discharging[t]
        for k in range(t):
            s = charging[k]
            level = up_to[k] - (full if s < begin else 0.0) + (back if s > end else 0.0)
            level = level if level > 0.0 else 0.0
            up_to[k] = level if level < width else width
            s = discharging[k]
            level = down_to[k] - (full if s < begin else 0.0) + (back if s >= end else 0.0)
            level = level if level > 0.0 else 0.0
            down_to[k] = level if level < width else width


@compiled
def _levels_one_way(last, width, full, charging, up_to):
    """Without discharging the levels down to which it would go are never read."""
    for t in range(last - 1, 0, -1):
        begin = charging[t]
        for k in range(t):
            level = up_to[k] - (full if charging[k] < begin else 0.0)
            level = level if level > 0.0 else 0.0
            up_to[k] = level if level < width else width


@compiled
def _follow(vehicles, i, last, mixed, up_to, down_to, charge, discharge, energy):
    full, back = vehicles.charge_step_kwh[i], vehicles.discharge_step_kwh[i]
    low, high = vehicles.low_kwh[i], vehicles.high_kwh[i]
    for t in range(last):
        above_low = energy[t] - low
        if mixed[t]:
            share_in = min(max((up_to[t] - above_low + back) / (full + back), 0.0), 1.0)
            share_out = 1.0 - share_in
        else:
            share_in = min(max((up_to[t] - above_low) / full, 0.0), 1.0)
            share_out = min(max((above_low - down_to[t]) / back, 0.0), 1.0) if back > 0 else 0.0
        charge[t], discharge[t] = share_in * vehicles.charge_kw[i], share_out * vehicles.discharge_kw[i]
        energy[t + 1] = min(max(energy[t] + share_in * full - share_out * back, low), high)
    for t in range(last, len(charge)):
        energy[t + 1] = energy[t]
