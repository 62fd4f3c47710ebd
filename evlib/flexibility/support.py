"""Least cost of a vehicle at given prices and a schedule that attains it, by exact backward recursion over the stay."""

import numpy as np

from evlib.errors import InputError
from evlib.flexibility.schedule import Schedule, cost_at, recourse, usable_prices
from evlib.flexibility.support_compiled import compiled_schedule

__all__ = ["specified_schedule", "support"]


def support(domain, prices_cny_kwh, *, kernel="compiled"):
    """Least cost of each vehicle at given prices, and a schedule that attains it.

    Parameters
    ----------
    domain : Domain
        n vehicles with up to T usable steps.
    prices_cny_kwh : array_like, shape (n, T)
        Price in each usable step [CNY/kWh], of any sign; ignored where t >= n_usable.
    kernel : {"compiled", "numpy"}, optional
        Compiled code, or the executable specification in plain NumPy; the results are the same to the last bit.

    Returns
    -------
    value_cny : ndarray, shape (n,)
        Least cost, including wear, unserved and terminal energy [CNY]; equal to `cost_of` the schedule.
    schedule : Schedule
        A cheapest schedule. Among equally cheap ones it charges early, discharges late and does neither without need.

    Raises
    ------
    InputError
        If the prices have the wrong shape or are not finite in a usable step, or the kernel is unknown.

    Notes
    -----
    The cost-to-go W_t is convex and piecewise linear in the energy x, and all its slopes are known beforehand: they are
    the slopes of the step costs and of the recourse. So it is enough to track, for each slope s, the energy up to which
    W_t falls faster, :math:`L_t(s) = \\arg\\min_x W_t(x) - s x`. With
    :math:`W_t(x) = \\min_d \\phi_t(d) + W_{t+1}(x + d)`,

    .. math:: L_t(s) = \\min(\\max(L_{t+1}(s) - \\arg\\min_d[\\phi_t(d) + s d],\\ low),\\ high)

    where d is the change of energy in the step and phi its cost, the lower convex envelope of full discharge, idling
    and full charge, so that the inner minimum is at one of these three. (Clipping is exact: a convex function attains
    its minimum over an interval at its free minimiser, clipped.) The same computation could be written with breakpoints
    as unknowns: insert two segments into the sorted cost-to-go and clip it on both sides. No tolerance is involved:
    slopes are compared with each other, never tested for zero, so a common factor on all prices changes nothing.

    In the forward pass the vehicle charges up to L_{t+1}(s) at the slope s of charging, and discharges down to it at
    the slope of discharging. At prices below -wear eta_d / (1 / eta_c - eta_d) idling costs more than the chord from
    discharging to charging; then both slopes are equal and the vehicle mixes the two on the edge of the hull. O(n T^2)
    operations on arrays.

    Examples
    --------
    A vehicle wants 10 kWh within two hours and can charge 10 kW: it waits for the cheap hour.

    >>> from evlib.flexibility import vehicle_domain
    >>> domain, _ = vehicle_domain(
    ...     battery_kwh=50, charge_kw=10, discharge_kw=0, soc_arrival=0.5, soc_min=0.2, soc_max=1, gain_kwh=10,
    ...     n_stay_steps=3, n_cut_steps=0, eta_charge=1, eta_discharge=1, wear_cny_kwh=0, unserved_cny_kwh=5,
    ...     terminal_price_cny_kwh=1, step_h=1)
    >>> value_cny, schedule = support(domain, [[0.6, 0.4]])
    >>> value_cny.round(9), schedule.power_kw
    (array([4.]), array([[ 0., 10.]]))
    """
    if kernel not in ("compiled", "numpy"):
        raise InputError(f"kernel {kernel!r}; must be 'compiled' or 'numpy'")
    prices = usable_prices(domain, prices_cny_kwh)
    powers = compiled_schedule(domain, prices) if kernel == "compiled" else specified_schedule(domain, prices)
    cheaper = domain.terminal_price_cny_kwh / domain.eta_charge <= domain.unserved_cny_kwh
    schedule = Schedule(*powers, *recourse(domain, powers[-1][:, -1], terminal_first=cheaper))
    return cost_at(domain, prices, schedule), schedule


def specified_schedule(domain, prices):
    """Charge, discharge (n, T) [kW] and energy (n, T + 1) [kWh] of a cheapest schedule, see :func:`support`.

    Parameters
    ----------
    domain : Domain
    prices : ndarray, shape (n, T)
        Checked already, 0 where the vehicle is not plugged in [CNY/kWh].
    """
    charging, discharging, mixed = _step_slopes(domain, prices)
    up_to, down_to = _levels(domain, charging, discharging)
    return _follow(domain, up_to, np.where(mixed, up_to, down_to), mixed)


def _step_slopes(domain, prices):
    """Slopes of the cost-to-go [CNY/kWh] at which a step starts to charge and to discharge, and where it mixes both."""
    charging = -prices / domain.eta_charge
    discharging = -(prices - domain.wear_cny_kwh) * domain.eta_discharge
    charge, discharge = domain.charge_kw[:, None], domain.discharge_kw[:, None]
    width = (domain.charge_step_kwh + domain.discharge_step_kwh)[:, None]
    chord = -(prices * (charge + discharge) - domain.wear_cny_kwh * discharge) * domain.step_h / width
    mixed = (charging > discharging) & (discharge > 0)
    return np.where(mixed, chord, charging), np.where(mixed, chord, discharging), mixed


def _levels(domain, charging, discharging):
    """For each step the energies above low [kWh], (n, T), up to which it charges and down to which it discharges.

    Columns belong to slopes; the loop moves the levels of all *earlier* steps' slopes back over step t. Ties are broken
    as if prices rose very slightly from step to step, also after the horizon, and discharging had slightly more wear.
    """
    width = (domain.energy_high_kwh - domain.energy_low_kwh)[:, None]
    up_to = _final_levels(domain, charging, width, charging > 0)
    down_to = _final_levels(domain, discharging, width, discharging >= 0)
    full, back = domain.charge_step_kwh[:, None], domain.discharge_step_kwh[:, None]
    for t in range(domain.n_steps - 1, 0, -1):
        plugged = (t < domain.n_usable)[:, None]
        lose, gain = np.where(plugged, full, 0.0), np.where(plugged, back, 0.0)
        begin, end = charging[:, t, None], discharging[:, t, None]
        s, level = charging[:, :t], up_to[:, :t]
        up_to[:, :t] = np.clip(level - lose * (s < begin) + gain * (s > end), 0.0, width)
        s, level = discharging[:, :t], down_to[:, :t]
        down_to[:, :t] = np.clip(level - lose * (s < begin) + gain * (s >= end), 0.0, width)
    return up_to, down_to


def _final_levels(domain, slopes, width, beyond_target):
    """Levels of the terminal cost: energy is unserved up to the first, then bought up to the target, then free."""
    terminal_cny_kwh = domain.terminal_price_cny_kwh / domain.eta_charge
    target = domain.target_kwh - domain.energy_low_kwh
    levels = (target - domain.terminal_limit_kwh, target)
    unserved_to, bought_to = (np.clip(level[:, None], 0.0, width) for level in levels)
    level = np.where(slopes >= -domain.unserved_cny_kwh, unserved_to, 0.0)
    # if a purchase costs more than the penalty it is never made: both conditions agree and the second level is used
    level = np.where(slopes >= -min(terminal_cny_kwh, domain.unserved_cny_kwh), bought_to, level)
    return np.where(beyond_target, width, level)


def _follow(domain, up_to, down_to, mixed):
    """Forward pass: the schedule that follows from the levels."""
    n, n_steps = domain.n, domain.n_steps
    full, back = domain.charge_step_kwh, domain.discharge_step_kwh
    some_back = np.where(back > 0, back, 1.0)
    share_in, share_out = np.zeros((n, n_steps)), np.zeros((n, n_steps))
    energy = np.zeros((n, n_steps + 1))
    low, high = domain.energy_low_kwh, domain.energy_high_kwh
    for t in range(n_steps):
        above_low = energy[:, t] - low
        apart_in = np.clip((up_to[:, t] - above_low) / full, 0.0, 1.0)
        apart_out = np.where(back > 0, np.clip((above_low - down_to[:, t]) / some_back, 0.0, 1.0), 0.0)
        edge = np.clip((up_to[:, t] - above_low + back) / (full + back), 0.0, 1.0)
        plugged = t < domain.n_usable
        share_in[:, t] = plugged * np.where(mixed[:, t], edge, apart_in)
        share_out[:, t] = plugged * np.where(mixed[:, t], 1.0 - edge, apart_out)
        after = energy[:, t] + share_in[:, t] * full - share_out[:, t] * back
        energy[:, t + 1] = np.clip(after, low, high)
    charge, discharge = share_in * domain.charge_kw[:, None], share_out * domain.discharge_kw[:, None]
    return charge, discharge, energy
