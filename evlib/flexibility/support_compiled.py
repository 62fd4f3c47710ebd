"""Least-cost schedules in compiled code, vehicle by vehicle, equal to the specification to the last bit."""

from typing import NamedTuple

import numpy as np

from evlib.numba_cache import njit

__all__ = ["compiled_schedule"]

# All compiled functions are in this one file: numba's cache on disk notices a change of the file, not of its imports.
# No fastmath, so that nothing is reordered or contracted; no check for division by zero, as no denominator can be zero.
compiled = njit(cache=True, nogil=True, error_model="numpy")

# A step of the forward pass waits for the division of the step before it. Meanwhile divisions of other vehicles can
# run: eight vehicles keep the processor busy.
SIDE_BY_SIDE = 8

# Numbers in the widest vector register. Loops over earlier steps run to a multiple of it, slightly beyond their end,
# because numbers after the last full vector would be processed one by one and take as long as several vectors.
LANES = 8

# 2**64 over the golden ratio: multiplied by it, numbers spread over the upper bits (Knuth, TAOCP 3, section 6.4).
FIBONACCI = np.uint64(0x9E3779B97F4A7C15)


class _Vehicles(NamedTuple):
    """The arrays of a domain, per vehicle; energies in kWh above the lower bound, unless noted otherwise."""

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
    """Efficiencies, costs and step length, which all vehicles share."""

    eta_charge: float
    eta_discharge: float
    wear_cny_kwh: float
    unserved_cny_kwh: float
    terminal_cny_kwh: float
    step_h: float


def compiled_schedule(domain, prices):
    """The same as `specified_schedule`, to the last bit."""
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
    # Copies (except prices) with the same types and layout for every domain, so that one compilation serves all.
    types = [np.float64] * 4 + [np.int64] + [np.float64] * 4
    vehicles = _Vehicles(*(np.array(values, dtype) for values, dtype in zip(per_vehicle, types, strict=True)))
    prices = np.ascontiguousarray(prices)
    prices = prices if prices.flags.writeable else prices.copy()
    charge, discharge, energy = np.zeros((n, n_steps)), np.zeros((n, n_steps)), np.zeros((n, n_steps + 1))
    _all_schedules(vehicles, costs, prices, charge, discharge, energy)
    return charge, discharge, energy


@compiled
def _all_schedules(vehicles, costs, prices, charge, discharge, energy):
    """Compute the levels of one vehicle after another, then the schedules of a few vehicles side by side."""
    n, n_steps = prices.shape
    room = n_steps + LANES
    charging, discharging, up, down = np.zeros(room), np.zeros(room), np.zeros(room), np.zeros(room)
    up_to, down_to = np.empty((SIDE_BY_SIDE, n_steps)), np.empty((SIDE_BY_SIDE, n_steps))
    mixed = np.empty((SIDE_BY_SIDE, n_steps), dtype=np.bool_)
    n_bits = 10
    while 2**n_bits < 8 * n_steps:
        n_bits += 1
    seen, seen_by = np.empty(2**n_bits), np.full(2**n_bits, -1)
    for first in range(0, n, SIDE_BY_SIDE):
        count = min(SIDE_BY_SIDE, n - first)
        for j in range(count):
            i = first + j
            last = vehicles.n_usable[i]
            _step_slopes(vehicles, costs, i, last, prices[i], charging, discharging, mixed[j])
            width = vehicles.high_kwh[i] - vehicles.low_kwh[i]
            _final_levels(vehicles, costs, i, last, width, charging, discharging, up, down)
            full, back = vehicles.charge_step_kwh[i], vehicles.discharge_step_kwh[i]
            if back == 0:
                _levels_one_way(last, width, full, charging, up, up_to[j])
            elif _alike_and_different(i, last, charging, discharging, n_bits, seen, seen_by):
                _levels_alike(last, width, full, back, charging, up, up_to[j])
                for t in range(last):
                    down_to[j, t] = up_to[j, t]
            else:
                _levels_both_ways(last, width, full, back, charging, discharging, up, down, up_to[j], down_to[j])
        _follow(vehicles, first, count, mixed, up_to, down_to, charge, discharge, energy)


@compiled
def _step_slopes(vehicles, costs, i, last, prices, charging, discharging, mixed):
    """Slopes at which a step starts to charge and to discharge; where it mixes both, the slopes are equal."""
    full, back = vehicles.charge_kw[i], vehicles.discharge_kw[i]
    width = vehicles.charge_step_kwh[i] + vehicles.discharge_step_kwh[i]
    for t in range(last):
        price = prices[t]
        charge_slope, discharge_slope = -price / costs.eta_charge, -(price - costs.wear_cny_kwh) * costs.eta_discharge
        mixed[t] = charge_slope > discharge_slope and back > 0
        if mixed[t]:
            charge_slope = -(price * (full + back) - costs.wear_cny_kwh * back) * costs.step_h / width
            discharge_slope = charge_slope
        charging[t], discharging[t] = charge_slope, discharge_slope


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
def _levels_both_ways(last, width, full, back, charging, discharging, up, down, up_to, down_to):
    """Move the levels `up` and `down` of all earlier steps back over each step, the last first.

    The loop moves over two steps at once, which halves loads and stores; levels do not depend on each other. More than
    two at once gain nothing, as the moves between those steps are not vectorised. To fill the last vector, values in
    `up` and `down` of steps that are done or do not exist are moved along, but never read.
    """
    for t in range(last - 1, 0, -2):
        begin, end, begin_before, end_before = charging[t], discharging[t], charging[t - 1], discharging[t - 1]
        up_to[t], down_to[t] = up[t], down[t]
        up_to[t - 1] = _up_moved(up[t - 1], begin_before, begin, end, width, full, back)
        down_to[t - 1] = _down_moved(down[t - 1], end_before, begin, end, width, full, back)
        for k in range(_full_vectors(t - 1)):
            s = charging[k]
            level = _up_moved(up[k], s, begin, end, width, full, back)
            up[k] = _up_moved(level, s, begin_before, end_before, width, full, back)
            s = discharging[k]
            level = _down_moved(down[k], s, begin, end, width, full, back)
            down[k] = _down_moved(level, s, begin_before, end_before, width, full, back)
    if last % 2 == 1:
        up_to[0], down_to[0] = up[0], down[0]


@compiled
def _full_vectors(count):
    return (count + LANES - 1) // LANES * LANES


# A level is within 0..width and begin <= end, so it moves in one direction, where a bound may stop it, or not at all.
# Both candidates are computed and one is selected, so that nothing waits and nothing branches.


@compiled
def _up_moved(level, s, begin, end, width, full, back):
    lower, higher = level - full, level + back
    lower, higher = lower if lower > 0.0 else 0.0, higher if higher < width else width
    level = lower if s < begin else level
    return higher if s > end else level


@compiled
def _down_moved(level, s, begin, end, width, full, back):
    lower, higher = level - full, level + back
    lower, higher = lower if lower > 0.0 else 0.0, higher if higher < width else width
    level = lower if s < begin else level
    return higher if s >= end else level


@compiled
def _levels_alike(last, width, full, back, slopes, level, levels):
    """`_levels_both_ways` where `_alike_and_different` holds: both levels are equal and move at every step."""
    for t in range(last - 1, 0, -2):
        begin, before = slopes[t], slopes[t - 1]
        levels[t], levels[t - 1] = level[t], _alike_moved(level[t - 1], before, begin, width, full, back)
        for k in range(_full_vectors(t - 1)):
            moved = _alike_moved(level[k], slopes[k], begin, width, full, back)
            level[k] = _alike_moved(moved, slopes[k], before, width, full, back)
    if last % 2 == 1:
        levels[0] = level[0]


@compiled
def _alike_moved(level, s, begin, width, full, back):
    lower, higher = level - full, level + back
    lower, higher = lower if lower > 0.0 else 0.0, higher if higher < width else width
    return lower if s < begin else higher


@compiled
def _alike_and_different(i, last, charging, discharging, n_bits, seen, seen_by):
    """Whether each step has the same slope both ways (no losses, no wear), not zero and different from all other steps.

    Then there are no ties to break, and only ties make the levels up and down differ. The slopes of vehicle i are put
    into a hash table, each at the place given by its bits or the next free one. Equal slopes have equal bits, as none
    is zero, so they meet there. Places taken by other vehicles count as free, which saves emptying the table.
    """
    bits, shift, beyond = charging.view(np.uint64), np.uint64(64 - n_bits), np.uint64(len(seen) - 1)
    for t in range(last):
        if charging[t] != discharging[t] or charging[t] == 0.0:
            return False
        place = (bits[t] * FIBONACCI) >> shift
        while seen_by[place] == i:
            if seen[place] == charging[t]:
                return False
            place = (place + np.uint64(1)) & beyond
        seen[place], seen_by[place] = charging[t], i
    return True


@compiled
def _levels_one_way(last, width, full, charging, up, up_to):
    """Levels up to which a vehicle charges if it cannot discharge; the levels down are never read then."""
    for t in range(last - 1, 0, -1):
        begin = charging[t]
        for k in range(t):
            level = up[k] - (full if charging[k] < begin else 0.0)
            level = level if level > 0.0 else 0.0
            up[k] = level if level < width else width
    for t in range(last):  # as one slice it takes numba four seconds more to compile
        up_to[t] = up[t]


@compiled
def _follow(vehicles, first, count, mixed, up_to, down_to, charge, discharge, energy):
    """Forward pass, all vehicles of a group in each step: steps of one vehicle wait for each other, vehicles do not."""
    group = slice(first, first + count)  # indices from 0 need no check for being negative
    charge, discharge, energy, n_usable = charge[group], discharge[group], energy[group], vehicles.n_usable[group]
    charge_kw, discharge_kw = vehicles.charge_kw[group], vehicles.discharge_kw[group]
    charge_step_kwh, discharge_step_kwh = vehicles.charge_step_kwh[group], vehicles.discharge_step_kwh[group]
    low_kwh, high_kwh = vehicles.low_kwh[group], vehicles.high_kwh[group]
    for t in range(charge.shape[1]):
        for j in range(count):
            if t >= n_usable[j]:
                energy[j, t + 1] = energy[j, t]
                continue
            full, back, low = charge_step_kwh[j], discharge_step_kwh[j], low_kwh[j]
            above_low = energy[j, t] - low
            if mixed[j, t]:
                share_in = min(max((up_to[j, t] - above_low + back) / (full + back), 0.0), 1.0)
                share_out = 1.0 - share_in
            else:
                share_in = min(max((up_to[j, t] - above_low) / full, 0.0), 1.0)
                share_out = min(max((above_low - down_to[j, t]) / back, 0.0), 1.0) if back > 0 else 0.0
            charge[j, t], discharge[j, t] = share_in * charge_kw[j], share_out * discharge_kw[j]
            energy[j, t + 1] = min(max(energy[j, t] + share_in * full - share_out * back, low), high_kwh[j])
