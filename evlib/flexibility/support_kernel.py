"""Least-cost schedules in compiled code: the arithmetic of the specification, in the same order, vehicle by vehicle."""

from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["compiled_schedule"]

# Everything compiled stands in this one file: numba's cache on disk notices a change of the file, not of its imports.
# No fastmath, so that nothing is reordered or contracted; no check for division by zero, as no denominator can be zero.
compiled = njit(cache=True, nogil=True, error_model="numpy")

# A step forward waits for the division of the step before it. That of other vehicles can run meanwhile: four keep the
# processor busy, more only take room.
SIDE_BY_SIDE = 4


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
    """The levels of one vehicle after the other, then the schedules of a few vehicles side by side."""
    n, n_steps = prices.shape
    charging, discharging = np.empty(n_steps), np.empty(n_steps)
    up_to, down_to = np.empty((SIDE_BY_SIDE, n_steps)), np.empty((SIDE_BY_SIDE, n_steps))
    mixed = np.empty((SIDE_BY_SIDE, n_steps), dtype=np.bool_)
    for first in range(0, n, SIDE_BY_SIDE):
        count = min(SIDE_BY_SIDE, n - first)
        for j in range(count):
            i = first + j
            last = vehicles.n_usable[i]
            _step_slopes(vehicles, costs, i, last, prices[i], charging, discharging, mixed[j])
            width = vehicles.high_kwh[i] - vehicles.low_kwh[i]
            _final_levels(vehicles, costs, i, last, width, charging, discharging, up_to[j], down_to[j])
            full, back = vehicles.charge_step_kwh[i], vehicles.discharge_step_kwh[i]
            if back > 0:
                _levels_both_ways(last, width, full, back, charging, discharging, up_to[j], down_to[j])
            else:
                _levels_one_way(last, width, full, charging, up_to[j])
        _follow(vehicles, first, count, mixed, up_to, down_to, charge, discharge, energy)


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
def _follow(vehicles, first, count, mixed, up_to, down_to, charge, discharge, energy):
    """Step by step, all vehicles of the few in each: those of one wait for one another, those of several do not."""
    for t in range(charge.shape[1]):
        for j in range(count):
            i = first + j
            if t >= vehicles.n_usable[i]:
                energy[i, t + 1] = energy[i, t]
                continue
            full, back = vehicles.charge_step_kwh[i], vehicles.discharge_step_kwh[i]
            low, high = vehicles.low_kwh[i], vehicles.high_kwh[i]
            above_low = energy[i, t] - low
            if mixed[j, t]:
                share_in = min(max((up_to[j, t] - above_low + back) / (full + back), 0.0), 1.0)
                share_out = 1.0 - share_in
            else:
                share_in = min(max((up_to[j, t] - above_low) / full, 0.0), 1.0)
                share_out = min(max((above_low - down_to[j, t]) / back, 0.0), 1.0) if back > 0 else 0.0
            charge[i, t], discharge[i, t] = share_in * vehicles.charge_kw[i], share_out * vehicles.discharge_kw[i]
            energy[i, t + 1] = min(max(energy[i, t] + share_in * full - share_out * back, low), high)
