"""Least-cost schedules in plain NumPy: the executable specification that the compiled kernel must equal."""

import numpy as np

__all__ = ["specified_schedule"]


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
    """Slopes of the cost-to-go [CNY/kWh] at which a step turns to charging, to discharging, and where it mixes both."""
    charging = -prices / domain.eta_charge
    discharging = -(prices - domain.wear_cny_kwh) * domain.eta_discharge
    charge, discharge = domain.charge_kw[:, None], domain.discharge_kw[:, None]
    width = (domain.charge_step_kwh + domain.discharge_step_kwh)[:, None]
    chord = -(prices * (charge + discharge) - domain.wear_cny_kwh * discharge) * domain.step_h / width
    mixed = (charging > discharging) & (discharge > 0)
    return np.where(mixed, chord, charging), np.where(mixed, chord, discharging), mixed


def _levels(domain, charging, discharging):
    """For each step the energies above low [kWh], (n, T), up to which it charges and down to which it discharges.

    Columns are slopes; the loop moves the levels of all *earlier* steps' slopes back over step t. Ties are broken as if
    prices rose a trifle from step to step, after the horizon too, and discharging had a trifle more wear.
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
    """Levels of the terminal cost: unserved up to the terminal purchase, which goes up to the target, then nothing."""
    terminal_cny_kwh = domain.terminal_price_cny_kwh / domain.eta_charge
    target = domain.target_kwh - domain.energy_low_kwh
    levels = (target - domain.terminal_limit_kwh, target)
    unserved_to, bought_to = (np.clip(level[:, None], 0.0, width) for level in levels)
    level = np.where(slopes >= -domain.unserved_cny_kwh, unserved_to, 0.0)
    # a purchase dearer than the penalty is never made: then both conditions are one and the first level is overwritten
    level = np.where(slopes >= -min(terminal_cny_kwh, domain.unserved_cny_kwh), bought_to, level)
    return np.where(beyond_target, width, level)


def _follow(domain, up_to, down_to, mixed):
    """Forward pass: the schedule that the levels lead to."""
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
