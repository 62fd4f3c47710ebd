"""The flexible domain of a batch of vehicles: the powers feasible for each while plugged in, and their cost."""

from dataclasses import dataclass

import numpy as np

from evlib.errors import InputError, require, require_one, whole
from evlib.flexibility.schedule import Schedule, cost_of, uncontrolled, violations

__all__ = ["Adjustments", "Domain", "Schedule", "cost_of", "uncontrolled", "vehicle_domain", "violations"]

# An energy that differs from a bound by less than this share of the battery is rounding, not an adjustment.
ROUNDING = 1e-9
PER_VEHICLE = ("charge_kw", "discharge_kw", "energy_low_kwh", "energy_high_kwh", "target_kwh", "terminal_limit_kwh")


@dataclass(frozen=True)
class Domain:
    """Feasible powers of n vehicles, by usable step t = 0..T-1 counted from each vehicle's first usable step.

    .. math::
        0 \\le c_t, d_t, \\quad c_t / P^{ch} + d_t / P^{dis} \\le 1, \\quad
        X_{t+1} = X_t + h (\\eta_c c_t - d_t / \\eta_d), \\quad X_0 = 0, \\quad low \\le X_t \\le high, \\\\
        X_{end} + terminal + unserved \\ge target, \\quad 0 \\le terminal \\le limit, \\quad 0 \\le unserved

    Parameters
    ----------
    charge_kw, discharge_kw : array_like, shape (n,)
        Largest charging power [kW], positive; largest discharging power [kW], 0 for charging only. Meter side.
    n_usable : array_like of int, shape (n,)
        Usable steps inside the horizon; power is zero in steps t >= n_usable.
    energy_low_kwh, energy_high_kwh, target_kwh : array_like, shape (n,)
        Bounds on the energy gained since plug-in, low <= 0 <= high; energy wanted, low <= target <= high [kWh, battery
        side]. The target is negative for a vehicle that has more than it wants already, in the middle of its stay.
    terminal_limit_kwh : array_like, shape (n,)
        Energy that may be bought after the horizon [kWh, battery side]; 0 if the stay ends within the horizon.
    eta_charge, eta_discharge : float
        Efficiencies in (0, 1].
    wear_cny_kwh, unserved_cny_kwh, terminal_price_cny_kwh : float
        Cost per kWh discharged (meter), per kWh unserved (battery), per kWh bought after the horizon (meter) [CNY/kWh].
    step_h : float
        Length of a step [h].

    Raises
    ------
    InputError
        If an array has the wrong shape, or a value the wrong sign or order.
    """

    charge_kw: np.ndarray
    discharge_kw: np.ndarray
    n_usable: np.ndarray
    energy_low_kwh: np.ndarray
    energy_high_kwh: np.ndarray
    target_kwh: np.ndarray
    terminal_limit_kwh: np.ndarray
    eta_charge: float
    eta_discharge: float
    wear_cny_kwh: float
    unserved_cny_kwh: float
    terminal_price_cny_kwh: float
    step_h: float

    def __post_init__(self):
        for name in ("eta_charge", "eta_discharge"):
            require_one(0 < getattr(self, name) <= 1, name, getattr(self, name), "in (0, 1]")
        for name in ("wear_cny_kwh", "unserved_cny_kwh", "terminal_price_cny_kwh"):
            require_one(0 <= getattr(self, name) < np.inf, name, getattr(self, name), "finite and 0 or more")
        require_one(0 < self.step_h < np.inf, "step_h", self.step_h, "finite and positive")
        for name in PER_VEHICLE:
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        object.__setattr__(self, "n_usable", whole("n_usable", self.n_usable))
        shape = (np.size(self.n_usable),)
        for name in (*PER_VEHICLE, "n_usable"):
            value = getattr(self, name)
            if value.shape != shape:
                raise InputError(f"{name}: shape {value.shape}; must be {shape}, one value per vehicle")
            require(np.isfinite(value), name, value, "finite")
        require(self.charge_kw > 0, "charge_kw", self.charge_kw, "positive")
        for name in ("discharge_kw", "n_usable", "energy_high_kwh", "terminal_limit_kwh"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        require(self.energy_low_kwh <= 0, "energy_low_kwh", self.energy_low_kwh, "0 or less")
        require(self.target_kwh >= self.energy_low_kwh, "target_kwh", self.target_kwh, "at least energy_low_kwh")
        require(self.target_kwh <= self.energy_high_kwh, "target_kwh", self.target_kwh, "at most energy_high_kwh")

    @property
    def n(self):
        """Number of vehicles."""
        return self.n_usable.size

    @property
    def n_steps(self):
        """T, the usable steps of the longest stay."""
        return int(self.n_usable.max(initial=0))

    @property
    def active(self):
        """Which steps are usable, shape (n, T)."""
        return np.arange(self.n_steps) < self.n_usable[:, None]

    @property
    def charge_step_kwh(self):
        """Energy that one step at full charging power adds to the battery [kWh], shape (n,)."""
        return self.step_h * self.eta_charge * self.charge_kw

    @property
    def discharge_step_kwh(self):
        """Energy that one step at full discharging power takes from the battery [kWh], shape (n,)."""
        return self.step_h * self.discharge_kw / self.eta_discharge

    @property
    def least_unserved_kwh(self):
        """Energy that no schedule can serve, even at full power throughout [kWh], shape (n,)."""
        most = self.n_usable * self.charge_step_kwh + self.terminal_limit_kwh
        return np.maximum(self.target_kwh - most, 0.0)

    def take(self, index):
        """Domain of the vehicles in an index, slice or mask; T shrinks to the longest stay among them."""
        vehicles = {name: getattr(self, name)[index] for name in (*PER_VEHICLE, "n_usable")}
        return Domain(**{**self.__dict__, **vehicles})


@dataclass(frozen=True)
class Adjustments:
    """Where a vehicle's wishes were adjusted to the limits of its battery, each of shape (n,).

    Parameters
    ----------
    target_cut_kwh : ndarray
        Wanted gain beyond the largest energy, cut from the target [kWh]; 0 where nothing was cut.
    below_minimum_kwh : ndarray
        How far the energy on arrival lies below the least energy, which is lowered to it [kWh]; 0 where it does not.
    """

    target_cut_kwh: np.ndarray
    below_minimum_kwh: np.ndarray

    @property
    def counts(self):
        """Number of vehicles by kind of adjustment."""
        return {
            "targets_capped": int(np.count_nonzero(self.target_cut_kwh)),
            "arrivals_below_minimum": int(np.count_nonzero(self.below_minimum_kwh)),
        }


def vehicle_domain(
    *,
    battery_kwh,
    charge_kw,
    discharge_kw,
    soc_arrival,
    soc_min,
    soc_max,
    gain_kwh,
    n_stay_steps,
    n_cut_steps,
    eta_charge,
    eta_discharge,
    wear_cny_kwh,
    unserved_cny_kwh,
    terminal_price_cny_kwh,
    step_h,
):
    """Domain of vehicles described in a driver's terms.

    Parameters
    ----------
    battery_kwh, gain_kwh : array_like
        Capacity and energy wanted [kWh, battery side]. One value per vehicle, as in all arrays below; they broadcast.
    charge_kw, discharge_kw : array_like
        Largest powers [kW, meter side]; discharge_kw is 0 for charging only.
    soc_arrival, soc_min, soc_max : array_like
        States of charge: on arrival, least and largest [share of battery_kwh].
    n_stay_steps, n_cut_steps : array_like of int
        Steps plugged in, L >= 1, of which L - 1 are usable (not the step of plugging in); number of usable steps that
        lie after the horizon.
    eta_charge, eta_discharge, wear_cny_kwh, unserved_cny_kwh, terminal_price_cny_kwh, step_h : float
        As in `Domain`.

    Returns
    -------
    domain : Domain
    adjustments : Adjustments
        Targets capped at the largest energy, and arrivals below the least energy.

    Raises
    ------
    InputError
        If a value is out of range; the message names the vehicle and the value.

    Notes
    -----
    E_target = min(E_0 + gain, E_max). Energy stays in [min(E_min, E_0), E_max], counted from E_0, so that doing nothing
    is allowed. In each step cut off by the horizon a vehicle could charge at full power: that is its terminal limit.
    """
    inputs = dict(battery_kwh=battery_kwh, gain_kwh=gain_kwh, charge_kw=charge_kw, discharge_kw=discharge_kw)
    inputs |= dict(soc_arrival=soc_arrival, soc_min=soc_min, soc_max=soc_max)
    inputs |= dict(n_stay_steps=n_stay_steps, n_cut_steps=n_cut_steps)
    try:
        arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, dtype=float)) for value in inputs.values()))
    except (TypeError, ValueError) as error:
        raise InputError(f"{', '.join(inputs)}: must be numbers or arrays of one length ({error})") from error
    v = dict(zip(inputs, arrays, strict=True))
    for name, value in v.items():
        require(np.isfinite(value), name, value, "finite")
    require(v["battery_kwh"] > 0, "battery_kwh", v["battery_kwh"], "positive")
    require(v["gain_kwh"] >= 0, "gain_kwh", v["gain_kwh"], "0 or more")
    require((v["soc_min"] >= 0) & (v["soc_min"] <= v["soc_max"]), "soc_min", v["soc_min"], "in [0, soc_max]")
    require(v["soc_max"] <= 1, "soc_max", v["soc_max"], "at most 1")
    stay, cut = (whole(name, v[name]) for name in ("n_stay_steps", "n_cut_steps"))
    require(stay >= 1, "n_stay_steps", stay, "1 or more")
    require((cut >= 0) & (cut <= stay - 1), "n_cut_steps", cut, "in 0..n_stay_steps - 1")

    arrival, least, most = (v["battery_kwh"] * v[name] for name in ("soc_arrival", "soc_min", "soc_max"))
    rounding = ROUNDING * v["battery_kwh"]
    inside = (arrival >= 0) & (arrival <= most + rounding)
    require(inside, "soc_arrival", arrival, "an energy in [0, battery_kwh * soc_max]", unit=" kWh")
    high = np.maximum(most - arrival, 0.0)
    domain = Domain(
        charge_kw=v["charge_kw"],
        discharge_kw=v["discharge_kw"],
        n_usable=stay - 1 - cut,
        energy_low_kwh=np.minimum(least - arrival, 0.0),
        energy_high_kwh=high,
        target_kwh=np.minimum(v["gain_kwh"], high),
        terminal_limit_kwh=cut * v["charge_kw"] * eta_charge * step_h,
        eta_charge=eta_charge,
        eta_discharge=eta_discharge,
        wear_cny_kwh=wear_cny_kwh,
        unserved_cny_kwh=unserved_cny_kwh,
        terminal_price_cny_kwh=terminal_price_cny_kwh,
        step_h=step_h,
    )
    excess, shortage = v["gain_kwh"] - high, least - arrival
    return domain, Adjustments(np.where(excess > rounding, excess, 0.0), np.where(shortage > rounding, shortage, 0.0))
