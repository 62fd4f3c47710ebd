"""What vehicles do at given prices if they also stay near a plan, with the derivative of station power by price.

Without the second wish the least cost of a vehicle has kinks in the prices, and no derivative where it matters. The
proximal term makes it smooth; since its centre moves with every answer, no bias remains (Rockafellar 1976).

The file is longer than others because numba's cache on disk notices changes of a file but not of its imports, so all
compiled functions of the recursion stay together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.flexibility.domain import Domain
from evlib.flexibility.fleet import Fleet
from evlib.flexibility.schedule import Schedule, recourse
from evlib.numba_cache import njit

__all__ = ["ProximalFleet", "ProximalReply", "schedule_of"]

compiled = njit(cache=True, nogil=True, error_model="numpy")

# Two energies that differ by less than this share of the battery's range are the same bound.
TOUCHES = 1e-9


@dataclass(frozen=True)
class ProximalReply:
    """Best reply of one vehicle of every cohort to prices and a plan.

    Attributes
    ----------
    change_kwh : ndarray, shape (n, T)
        Change of the battery's energy in each usable step [kWh].
    power_kw : ndarray, shape (n, T)
        Net charging power at the meter [kW].
    own_cny : ndarray, shape (n,)
        Wear, unserved energy and energy bought after the horizon [CNY], without what electricity costs.
    away_cny : ndarray, shape (n,)
        The proximal term [CNY].
    slope : ndarray, shape (n, T)
        Energy at the meter per energy in the battery, where the step may still move; 0 where it may not.
    held : ndarray of bool, shape (n, T)
        Whether the energy at the end of the step is fixed: at a bound or, at the end of the stay, at a kink.
    """

    change_kwh: np.ndarray
    power_kw: np.ndarray
    own_cny: np.ndarray
    away_cny: np.ndarray
    slope: np.ndarray
    held: np.ndarray


def schedule_of(domain: Domain, reply: ProximalReply) -> Schedule:
    """A reply as a schedule.

    Parameters
    ----------
    domain : Domain
        Of one vehicle of each of the n cohorts.
    reply : ProximalReply

    Returns
    -------
    Schedule
        Where the battery gains less than the net power at the meter would bring, the rest is lost by charging and
        discharging in the same step.
    """
    charge, discharge = np.maximum(reply.power_kw, 0.0), np.maximum(-reply.power_kw, 0.0)
    brought = domain.step_h * (domain.eta_charge * charge - discharge / domain.eta_discharge)
    lost_per_kw = domain.step_h * (1.0 / domain.eta_discharge - domain.eta_charge)
    lost = np.where(brought - reply.change_kwh > TOUCHES, brought - reply.change_kwh, 0.0)
    both = lost / lost_per_kw if lost_per_kw > 0 else np.zeros_like(lost)
    energy = np.pad(np.cumsum(reply.change_kwh, axis=1), ((0, 0), (1, 0)))
    terminal_first = domain.terminal_price_cny_kwh / domain.eta_charge <= domain.unserved_cny_kwh
    return Schedule(charge + both, discharge + both, energy, *recourse(domain, energy[:, -1], terminal_first))


class ProximalFleet:
    """The cohorts of a fleet, ready to reply to many prices.

    .. math:: V_\\varepsilon(\\lambda) = \\min_{\\delta} \\; cost(\\delta; \\lambda)
              + \\tfrac{\\varepsilon}{2} |\\delta - \\bar\\delta|^2

    delta is the change of energy in each step, within the vehicle's exact domain. The recursion is that of
    :func:`evlib.flexibility.support.support`: with the proximal term a step's reply to a slope of the cost-to-go is
    piecewise linear, and so is the energy at which the cost-to-go has that slope. It is kept as a polyline.

    Parameters
    ----------
    fleet : Fleet
        One vehicle of each cohort.
    """

    def __init__(self, fleet: Fleet):
        domain = fleet.domain
        self.fleet = fleet
        self.station, self.first = fleet.station.astype(np.int64), fleet.first_step.astype(np.int64)
        low, high = domain.energy_low_kwh, domain.energy_high_kwh
        self._arrays = tuple(
            np.array(values, dtype=float)
            for values in (
                *(domain.charge_kw, domain.discharge_kw, domain.charge_step_kwh, domain.discharge_step_kwh, low, high),
                *(
                    np.clip(level, low, high)
                    for level in (domain.target_kwh - domain.terminal_limit_kwh, domain.target_kwh)
                ),
            )
        )
        self._costs = tuple(
            float(value)
            for value in (
                *(domain.eta_charge, domain.eta_discharge, domain.wear_cny_kwh, domain.unserved_cny_kwh),
                *(domain.terminal_price_cny_kwh / domain.eta_charge, domain.step_h),
            )
        )
        self._usable = domain.n_usable.astype(np.int64)

    def idle(self) -> np.ndarray:
        """The plan of doing nothing, shape (n, T) [kWh]."""
        return np.zeros((self.fleet.n, self.fleet.domain.n_steps))

    def reply(self, price_cny_kwh: np.ndarray, plan_kwh: np.ndarray, weight: float) -> ProximalReply:
        """Reply of one vehicle of every cohort.

        Parameters
        ----------
        price_cny_kwh : ndarray, shape (n_stations, K)
        plan_kwh : ndarray, shape (n, T)
            Change of energy that it stays near [kWh].
        weight : float
            epsilon, positive [CNY/kWh^2].

        Returns
        -------
        ProximalReply
        """
        n, n_steps = plan_kwh.shape
        price = np.ascontiguousarray(price_cny_kwh, dtype=float)
        change, power, slope = (np.zeros((n, n_steps)) for _ in range(3))
        own, away, held = np.zeros(n), np.zeros(n), np.zeros((n, n_steps), dtype=np.bool_)
        _reply_all(
            price, self.station, self.first, plan_kwh, float(weight), self._usable, self._arrays, self._costs,
            change, power, own, away, slope, held,
        )  # fmt: skip
        return ProximalReply(change, power, own, away, slope, held)

    def paid_cny(self, price_cny_kwh: np.ndarray, reply: ProximalReply) -> np.ndarray:
        """What electricity costs one vehicle of each cohort, shape (n,) [CNY]."""
        return self.fleet.domain.step_h * (self.fleet.cohort_prices(price_cny_kwh) * reply.power_kw).sum(axis=1)

    def station_kw(self, size_veh: np.ndarray, reply: ProximalReply) -> np.ndarray:
        """Power of each station with cohorts of sizes (n,) [veh], shape (n_stations, K) [kW]."""
        total = np.zeros((self.fleet.n_stations, self.fleet.n_steps))
        _sum_power(self.station, self.first, self._usable, np.asarray(size_veh, dtype=float), reply.power_kw, total)
        return total

    def curvature(self, size_veh: np.ndarray, reply: ProximalReply, weight: float) -> np.ndarray:
        """Minus the derivative of each station's energy by its prices, a positive semidefinite matrix for each.

        Between two touched bounds what one step takes another gives:
        :math:`\\tfrac1\\varepsilon (diag(\\kappa^2) - \\kappa \\kappa^T / |F|)` over the steps F that may move, with kappa
        the energy at the meter per energy in the battery. Without the second term where the end is free.

        Parameters
        ----------
        size_veh : ndarray, shape (n,)
            Vehicles in each cohort [veh].
        reply : ProximalReply
        weight : float
            epsilon of the reply [CNY/kWh^2].

        Returns
        -------
        ndarray, shape (n_stations, K, K)
            [kWh per CNY/kWh].
        """
        n_steps = self.fleet.n_steps
        total = np.zeros((self.fleet.n_stations, n_steps, n_steps))
        size = np.asarray(size_veh, dtype=float)
        _sum_curvature(self.station, self.first, self._usable, size, reply.slope, reply.held, float(weight), total)
        return total


@compiled
def _step_reply(s, charging, discharging, plan, weight, full, back):
    """Change of energy that minimises a step's cost and proximal term plus s times the change."""
    if s <= -charging - weight * (full - plan):
        return full
    if s < -charging + weight * plan:
        return plan - (s + charging) / weight
    if s <= -discharging + weight * plan:
        return 0.0
    if s < -discharging + weight * (plan + back):
        return plan - (s + discharging) / weight
    return -back


@compiled
def _segment(value, rising, count):
    """Position of the point of a polyline that begins the segment with a value; the first or last segment beyond its ends."""
    low, high = 0, count - 1
    while high - low > 1:
        middle = (low + high) // 2
        if rising[middle] <= value:
            low = middle
        else:
            high = middle
    return low


@compiled
def _level_at(s, slopes, levels, count):
    """Level of a polyline at a slope strictly between two of its points, or beyond its ends."""
    if s <= slopes[0]:
        return levels[0]
    if s >= slopes[count - 1]:
        return levels[count - 1]
    low = _segment(s, slopes, count)
    rise = slopes[low + 1] - slopes[low]
    return levels[low] + (s - slopes[low]) / rise * (levels[low + 1] - levels[low])


@compiled
def _slope_at(level, slopes, levels, count):
    """A slope at which a polyline has a level; of several, any will do, as the step's reply is the same."""
    low = _segment(level, levels, count)
    rise = levels[low + 1] - levels[low]
    if rise <= 0.0:
        return slopes[low]
    return slopes[low] + (level - levels[low]) / rise * (slopes[low + 1] - slopes[low])


@compiled
def _one_step_back(turns, charging, discharging, plan, weight, full, back, low, high, after, before, room):
    """The polyline before a step from that after it: its level less the step's reply, cut off at both bounds.

    ``after`` and ``before`` are pairs of arrays (slopes, levels), ``room`` a pair to work in. Returns the number of
    points before.
    """
    slopes, levels = after[0], after[1]
    raw_slopes, raw_levels = room[0], room[1]
    count, i, j, n = turns[0], 0, 0, 0
    corner = (
        -charging - weight * (full - plan),
        -charging + weight * plan,
        -discharging + weight * plan,
        -discharging + weight * (plan + back),
    )
    while i < count or j < 4:
        if j < 4 and (i == count or corner[j] < slopes[i]):
            s = corner[j]
            level = _level_at(s, slopes, levels, count)
            j += 1
        else:
            s, level = slopes[i], levels[i]
            i += 1
        raw_slopes[n] = s
        raw_levels[n] = level - _step_reply(s, charging, discharging, plan, weight, full, back)
        n += 1
    first = 0
    while first + 1 < n and raw_levels[first + 1] <= low:
        first += 1
    end = first + 1
    while end < n and raw_levels[end] < high:
        end += 1
    # points first .. end - 1 lie below the upper bound; the curve rises through it, if at all, just before point `end`
    kept = 0
    for place in range(first, end):
        level = raw_levels[place]
        if place == first and level < low and first + 1 < n and raw_levels[first + 1] > level:
            share = (low - level) / (raw_levels[first + 1] - level)
            before[0][kept] = raw_slopes[first] + share * (raw_slopes[first + 1] - raw_slopes[first])
            before[1][kept] = low
        else:
            before[0][kept], before[1][kept] = raw_slopes[place], min(max(level, low), high)
        kept += 1
    if end < n:
        level, earlier = raw_levels[end], raw_levels[end - 1]
        share = 1.0
        if level > earlier:
            share = (high - earlier) / (level - earlier)
        before[0][kept] = raw_slopes[end - 1] + share * (raw_slopes[end] - raw_slopes[end - 1])
        before[1][kept] = high
        kept += 1
    turns[0] = kept


@compiled
def _reply_all(price, station, first, plan, weight, usable, arrays, costs, change, power, own, away, slope, held):
    charge_kw, discharge_kw, full_kwh, back_kwh, low_kwh, high_kwh, unserved_to, bought_to = arrays
    eta_charge, eta_discharge, wear, unserved_cny, bought_cny, step_h = costs
    bought_cny = min(bought_cny, unserved_cny)
    n, n_steps = plan.shape
    most = 5 * n_steps + 16
    slopes, levels = np.empty((n_steps + 1, most)), np.empty((n_steps + 1, most))
    room, turns = np.empty((2, most)), np.zeros(1, dtype=np.int64)
    counts = np.empty(n_steps + 1, dtype=np.int64)
    charging, discharging = np.empty(n_steps), np.empty(n_steps)
    mixed = np.empty(n_steps, dtype=np.bool_)
    for i in range(n):
        last, low, high = usable[i], low_kwh[i], high_kwh[i]
        full, back, unserved, bought = full_kwh[i], back_kwh[i], unserved_to[i], bought_to[i]
        for t in range(last):
            now = price[station[i], first[i] + t]
            rate_in, rate_out = now / eta_charge, (now - wear) * eta_discharge
            mixed[t] = rate_out > rate_in and back > 0.0
            if mixed[t]:  # idling costs more than the chord from full discharge to full charge
                rate_in = (now * (charge_kw[i] + discharge_kw[i]) - wear * discharge_kw[i]) * step_h / (full + back)
                rate_out = rate_in
            charging[t], discharging[t] = rate_in, min(rate_out, rate_in)
        ends_s, ends_l = slopes[last], levels[last]
        ends_s[0], ends_s[1], ends_s[2], ends_s[3], ends_s[4], ends_s[5] = (
            -unserved_cny, -unserved_cny, -bought_cny, -bought_cny, 0.0, 0.0,
        )  # fmt: skip
        ends_l[0], ends_l[1], ends_l[2], ends_l[3], ends_l[4], ends_l[5] = low, unserved, unserved, bought, bought, high
        turns[0] = 6
        counts[last] = 6
        for t in range(last - 1, -1, -1):
            _one_step_back(
                turns, charging[t], discharging[t], plan[i, t], weight, full, back, low, high,
                (slopes[t + 1], levels[t + 1]), (slopes[t], levels[t]), (room[0], room[1]),
            )  # fmt: skip
            counts[t] = turns[0]
        energy, spent, far = 0.0, 0.0, 0.0
        touch, little = TOUCHES * (high - low), TOUCHES * (full + back)
        for t in range(last):
            s = _slope_at(energy, slopes[t], levels[t], counts[t])
            move = _step_reply(s, charging[t], discharging[t], plan[i, t], weight, full, back)
            move = min(max(move, low - energy), high - energy)
            inside = -back + little < move < full - little
            if mixed[t]:
                share = (move + back) / (full + back)
                into, out = share * charge_kw[i], (1.0 - share) * discharge_kw[i]
                slope[i, t] = (charge_kw[i] + discharge_kw[i]) * step_h / (full + back) if inside else 0.0
            elif move >= 0.0:
                into, out = move / (step_h * eta_charge), 0.0
                slope[i, t] = 1.0 / eta_charge if inside and move > little else 0.0
            else:
                into, out = 0.0, -move * eta_discharge / step_h
                slope[i, t] = eta_discharge if inside and move < -little else 0.0
            change[i, t], power[i, t] = move, into - out
            spent += wear * step_h * out
            far += 0.5 * weight * (move - plan[i, t]) ** 2
            energy += move
            held[i, t] = energy <= low + touch or energy >= high - touch
        if last > 0 and (abs(energy - unserved) <= touch or abs(energy - bought) <= touch):
            held[i, last - 1] = True
        missing, beyond = max(bought - energy, 0.0), max(unserved - energy, 0.0)
        own[i] = spent + unserved_cny * beyond + bought_cny * (missing - beyond)
        away[i] = far


@compiled
def _sum_power(station, first, usable, size, power, total):
    for i in range(len(size)):
        if size[i] != 0.0:
            for t in range(usable[i]):
                total[station[i], first[i] + t] += size[i] * power[i, t]


@compiled
def _sum_curvature(station, first, usable, size, slope, held, weight, total):
    for i in range(len(size)):
        if size[i] <= 0.0:
            continue
        c, begin, scale = station[i], 0, size[i] / weight
        for end in range(usable[i]):
            if not held[i, end] and end + 1 < usable[i]:
                continue
            free = 0
            for t in range(begin, end + 1):
                if slope[i, t] > 0.0:
                    free += 1
            for t in range(begin, end + 1):
                if slope[i, t] == 0.0:
                    continue
                row = first[i] + t
                total[c, row, row] += scale * slope[i, t] ** 2
                if held[i, end]:
                    for u in range(begin, end + 1):
                        total[c, row, first[i] + u] -= scale * slope[i, t] * slope[i, u] / free
            begin = end + 1
