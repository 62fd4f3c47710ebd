"""Schedules of a batch of vehicles: their cost, the schedule without control, and the rules that a schedule breaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.errors import InputError, require

__all__ = ["Schedule", "cost_at", "cost_of", "recourse", "uncontrolled", "usable_prices", "violations"]

AT_A_TIME = 512


@dataclass(frozen=True)
class Schedule:
    """What each of n vehicles does; powers are measured at the meter, energies at the battery.

    Attributes
    ----------
    charge_kw, discharge_kw : ndarray, shape (n, T)
        Power in each usable step [kW].
    energy_kwh : ndarray, shape (n, T + 1)
        Energy gained since plug-in [kWh], constant after the last usable step.
    terminal_kwh, unserved_kwh : ndarray, shape (n,)
        Energy bought after the horizon; energy wanted but never served [kWh].
    """

    charge_kw: np.ndarray
    discharge_kw: np.ndarray
    energy_kwh: np.ndarray
    terminal_kwh: np.ndarray
    unserved_kwh: np.ndarray

    @property
    def power_kw(self):
        """Charge minus discharge [kW], shape (n, T)."""
        return self.charge_kw - self.discharge_kw

    def take(self, index, n_steps: int | None = None) -> Schedule:
        """The vehicles of an index, slice or mask, over their first n_steps usable steps (all by default)."""
        last = self.charge_kw.shape[1] if n_steps is None else n_steps
        return Schedule(
            self.charge_kw[index][:, :last],
            self.discharge_kw[index][:, :last],
            self.energy_kwh[index][:, : last + 1],
            self.terminal_kwh[index],
            self.unserved_kwh[index],
        )

    def times(self, size_veh) -> Schedule:
        """Schedules of whole cohorts with ``size_veh`` vehicles each, shape (n,), from one vehicle of each."""
        return self._each(lambda values, size: size * values, size_veh)

    def shared_by(self, size_veh) -> Schedule:
        """Schedule of one vehicle of each cohort, from whole cohorts of ``size_veh`` vehicles, shape (n,), never 0."""
        return self._each(lambda values, size: values / size, size_veh)

    def plus(self, other: Schedule) -> Schedule:
        """The sum of two schedules of the same vehicles."""
        return Schedule(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def put_into(self, whole: Schedule, rows) -> Schedule:
        """Put this schedule into some rows of a larger batch; these rows do nothing in steps beyond this schedule's.

        Parameters
        ----------
        whole : Schedule
            The larger batch; its other rows stay as they are.
        rows : ndarray of int or bool
            Rows of the larger batch that hold the vehicles of this schedule.

        Returns
        -------
        Schedule
        """
        rows, fields = np.arange(len(whole.charge_kw))[rows], {}
        for name, values in vars(self).items():
            fields[name] = getattr(whole, name).copy()
            fields[name][rows] = 0.0
            columns = (slice(values.shape[1]),) if values.ndim == 2 else ()
            fields[name][(rows, *columns)] = values
        return Schedule(**fields)

    @classmethod
    def idle(cls, n: int, n_steps: int) -> Schedule:
        """Schedule of n vehicles that do nothing over n_steps steps."""
        return cls(np.zeros((n, n_steps)), np.zeros((n, n_steps)), np.zeros((n, n_steps + 1)), np.zeros(n), np.zeros(n))

    def _each(self, operation, size_veh) -> Schedule:
        size = np.asarray(size_veh)
        return Schedule(*(operation(v, size[:, None] if v.ndim == 2 else size) for v in vars(self).values()))


def usable_prices(domain, prices_cny_kwh):
    """Prices [CNY/kWh] as an array (n, T), zero where the vehicle is gone; InputError if shape or value is wrong."""
    prices = np.asarray(prices_cny_kwh, dtype=float)
    if prices.shape != (domain.n, domain.n_steps):
        shape = (domain.n, domain.n_steps)
        raise InputError(f"prices_cny_kwh: shape {prices.shape}; must be {shape}, vehicles x steps")
    if np.any(domain.n_usable < domain.n_steps):
        prices = np.where(domain.active, prices, 0.0)
    finite = np.isfinite(prices)
    if not finite.all():
        require(finite.all(axis=1), "prices_cny_kwh", prices, "finite in every usable step")
    return prices


def cost_of(domain, prices_cny_kwh, schedule):
    """Cost of a schedule, including wear, unserved and terminal energy [CNY], shape (n,).

    Parameters
    ----------
    domain : Domain
    prices_cny_kwh : array_like, shape (n, T)
        Price in each usable step [CNY/kWh]; irrelevant where t >= n_usable.
    schedule : Schedule
    """
    return cost_at(domain, usable_prices(domain, prices_cny_kwh), schedule)


def cost_at(domain, prices, schedule):
    """As `cost_of`, at prices already checked; takes some vehicles at a time, so that arrays stay in the cache."""
    energy = np.empty(domain.n)
    for first in range(0, domain.n, AT_A_TIME):
        rows = slice(first, first + AT_A_TIME)
        charge, discharge = schedule.charge_kw[rows], schedule.discharge_kw[rows]
        paid = charge - discharge
        paid *= prices[rows]
        if domain.wear_cny_kwh > 0:
            paid += domain.wear_cny_kwh * discharge
        energy[rows] = paid.sum(axis=1) * domain.step_h
    terminal = domain.terminal_price_cny_kwh / domain.eta_charge * schedule.terminal_kwh
    return energy + terminal + domain.unserved_cny_kwh * schedule.unserved_kwh


def recourse(domain, energy_end_kwh, terminal_first=True):
    """Terminal and unserved energy [kWh], each (n,), that cover what is missing at the end of the stay.

    ``energy_end_kwh``, shape (n,), is the energy gained by then [kWh].
    """
    missing = np.maximum(domain.target_kwh - energy_end_kwh, 0.0)
    terminal = np.minimum(missing, domain.terminal_limit_kwh) if terminal_first else np.zeros(domain.n)
    return terminal, missing - terminal


def uncontrolled(domain):
    """Charge at full power from the first usable step until the target is reached, in the last step only partly.

    Returns
    -------
    Schedule
        Energy missing at the end is bought after the horizon up to the terminal limit; the rest is unserved.
    """
    step_kwh = domain.charge_step_kwh[:, None]
    steps = np.minimum(np.arange(domain.n_steps + 1), domain.n_usable[:, None])
    energy = np.minimum(steps * step_kwh, domain.target_kwh[:, None])
    share = np.minimum(np.diff(energy, axis=1) / step_kwh, 1.0)
    charge = share * domain.charge_kw[:, None]
    return Schedule(charge, np.zeros_like(charge), energy, *recourse(domain, energy[:, -1]))


def violations(domain, schedule):
    """Largest breach of each rule over all vehicles and steps, 0 where a rule holds.

    Returns
    -------
    dict
        `power_kw` (signs, hull of charge and discharge, idle after the stay), `energy_kwh` (bounds), `target_kwh`
        (target, and limits of terminal and unserved energy), `dynamics_kwh` (energy balance) and `simultaneous_kwh`:
        energy that all vehicles charge and discharge in the same step [kWh, meter side], wasteful but no breach.

    Raises
    ------
    InputError
        If the schedule has the wrong shape or a value that is not finite.
    """
    n, n_steps = domain.n, domain.n_steps
    shapes = dict(charge_kw=(n, n_steps), discharge_kw=(n, n_steps), energy_kwh=(n, n_steps + 1))
    for name, shape in (shapes | dict(terminal_kwh=(n,), unserved_kwh=(n,))).items():
        value = getattr(schedule, name)
        if np.shape(value) != shape or not np.isfinite(value).all():
            raise InputError(f"schedule.{name}: shape {np.shape(value)}; must be {shape} and finite")
    charge, discharge, energy = schedule.charge_kw, schedule.discharge_kw, schedule.energy_kwh
    full, back = domain.charge_kw[:, None], domain.discharge_kw[:, None]
    # share of the step that discharging takes up; if a vehicle cannot discharge, the breach is |discharge| itself
    taken = np.divide(discharge, back, out=np.zeros_like(discharge), where=back > 0)
    powers = (-charge, -discharge, charge - full * (1 - taken), np.where(back > 0, 0.0, discharge))
    powers += (np.where(domain.active, 0.0, charge + np.abs(discharge)),)
    low, high = domain.energy_low_kwh[:, None], domain.energy_high_kwh[:, None]
    terminal, unserved = schedule.terminal_kwh, schedule.unserved_kwh
    ends = (domain.target_kwh - energy[:, -1] - terminal - unserved, -terminal, -unserved)
    balance = domain.step_h * (domain.eta_charge * charge - discharge / domain.eta_discharge)
    jumps = (np.abs(np.diff(energy, axis=1) - balance), np.abs(energy[:, :1]))
    return {
        "power_kw": _largest(*powers),
        "energy_kwh": _largest(low - energy, energy - high),
        "target_kwh": _largest(*ends, terminal - domain.terminal_limit_kwh),
        "dynamics_kwh": _largest(*jumps),
        "simultaneous_kwh": float(np.maximum(np.minimum(charge, discharge), 0.0).sum() * domain.step_h),
    }


def _largest(*breaches):
    return 0.0 + max(float(breach.max(initial=0.0)) for breach in breaches)
