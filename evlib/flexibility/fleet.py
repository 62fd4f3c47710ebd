"""A fleet: cohorts at stations on a common horizon, as frozen arrays. A single vehicle is a cohort of size 1."""

from dataclasses import dataclass, replace

import numpy as np

from evlib.errors import InputError, require, whole
from evlib.flexibility.domain import PER_VEHICLE, Adjustments, Domain

__all__ = ["Fleet", "check_cohorts", "column_groups", "mean_vehicles", "to_horizon", "to_steps"]

# A mean vehicle represents vehicles that plug in within WINDOW_STEPS and whose stays differ by less than STAY_STEPS.
WINDOW_STEPS = 2
STAY_STEPS = 4


@dataclass(frozen=True)
class Fleet:
    """Cohorts of identical vehicles: how many stand where, and when.

    Parameters
    ----------
    domain : Domain
        Domain of one vehicle of each of n cohorts; its usable step t is step ``first_step + t`` of the horizon.
    size_veh : array_like, shape (n,)
        Vehicles in each cohort, real numbers, 0 or more; ones if the cohorts are only listed.
    station, first_step : array_like of int, shape (n,)
        Station of each cohort; horizon step of its first usable step, one after the plug-in step.
    n_stations, n_steps : int
        Number of stations, and of steps K of the horizon.
    vehicle_class, soc_type : array_like of int, shape (n,), optional
        Class, and type by state of charge on departure and arrival: ``type * n_levels + level``.
    adjustments : Adjustments, optional
        Where drivers' wishes were adjusted to their batteries.
    n_levels : int
        Into how many levels of arrival each type is divided, see :mod:`evlib.traffic.arrival_levels`.

    Raises
    ------
    InputError
        If a size is negative, a stay leaves the horizon, or a station does not exist.
    """

    domain: Domain
    size_veh: np.ndarray
    station: np.ndarray
    first_step: np.ndarray
    n_stations: int
    n_steps: int
    vehicle_class: np.ndarray | None = None
    soc_type: np.ndarray | None = None
    adjustments: Adjustments | None = None
    n_levels: int = 1

    def __post_init__(self):
        sizes, first = check_cohorts(self.domain, self.size_veh, self.first_step, self.n_steps)
        station = whole("station", self.station)
        if station.shape != sizes.shape:
            raise InputError(f"station: shape {station.shape}; must be {sizes.shape}, one value per vehicle")
        require((station >= 0) & (station < self.n_stations), "station", station, f"in 0..{self.n_stations - 1}")
        for name, value in (("size_veh", sizes), ("first_step", first), ("station", station)):
            object.__setattr__(self, name, value)

    @property
    def n(self):
        """Number of cohorts."""
        return self.domain.n

    @property
    def plug_in_step(self):
        """Horizon step in which each cohort plugs in, shape (n,)."""
        return self.first_step - 1

    @property
    def shape(self):
        """(n_stations, n_classes, n_types, K), if the fleet lists every combination in C order."""
        return self.n_stations, int(self.vehicle_class.max()) + 1, int(self.soc_type.max()) + 1, self.n_steps

    def of_sizes(self, size_veh):
        """The same cohorts with other sizes, shape (n,) [veh]."""
        return replace(self, size_veh=size_veh)

    def sizes_of(self, plug_ins_veh):
        """Vehicles of each cohort from plug-ins, split evenly over the types.

        The fleet must list every combination of station, class, type and step in C order.

        Parameters
        ----------
        plug_ins_veh : ndarray, shape (n_stations, n_classes, K), or (n_stations, n_classes, n_levels, K)
            Vehicles that plug in [veh]; by level if there are several.

        Returns
        -------
        ndarray, shape (n,)
            [veh].

        Raises
        ------
        InputError
            Plug-ins without levels for a fleet with several, or the other way round.
        """
        if (self.n_levels > 1) != (plug_ins_veh.ndim == 4):
            raise InputError(
                f"plug_ins_veh: {plug_ins_veh.ndim} axes; must be 4 with several levels of arrival, else 3: "
                "see evlib.traffic.arrival_levels.plug_ins"
            )
        n_types = self.shape[2] // self.n_levels
        return np.repeat(plug_ins_veh[:, :, None] / n_types, n_types, axis=2).reshape(-1)

    def take(self, index):
        """The cohorts of an index, slice or mask."""
        names = ("size_veh", "station", "first_step", "vehicle_class", "soc_type")
        arrays = {name: getattr(self, name)[index] for name in names if getattr(self, name) is not None}
        return replace(self, domain=self.domain.take(index), adjustments=None, **arrays)

    def place(self):
        """Position station * K + step of every usable step, shape (n, T); 0 where the vehicle is gone."""
        first = self.station * self.n_steps + self.first_step
        return np.where(self.domain.active, first[:, None] + np.arange(self.domain.n_steps), 0)

    def cohort_prices(self, price_cny_kwh):
        """Station prices as each cohort sees them.

        Parameters
        ----------
        price_cny_kwh : array_like, shape (n_stations, K)
            [CNY/kWh].

        Returns
        -------
        ndarray, shape (n, T)
            Prices in the usable steps of each cohort [CNY/kWh], 0 in all other steps.

        Raises
        ------
        InputError
            If the prices have the wrong shape or are not finite.
        """
        price = np.asarray(price_cny_kwh, dtype=float)
        shape = (self.n_stations, self.n_steps)
        if price.shape != shape or not np.isfinite(price).all():
            raise InputError(f"price_cny_kwh: shape {price.shape}; must be {shape} and finite")
        if price.size == 0:
            return np.zeros((self.n, self.domain.n_steps))
        return np.where(self.domain.active, price.reshape(-1)[self.place()], 0.0)

    def station_kw(self, power_kw):
        """Power of each station from the power of one vehicle of every cohort.

        Parameters
        ----------
        power_kw : ndarray, shape (n, T)
            Power of one vehicle in each usable step [kW].

        Returns
        -------
        ndarray, shape (n_stations, K)
            Sum over the cohorts, weighted with their sizes [kW].
        """
        active = self.domain.active
        weighted = (self.size_veh[:, None] * power_kw)[active]
        total = np.bincount(self.place()[active], weights=weighted, minlength=self.n_stations * self.n_steps)
        return total.reshape(self.n_stations, self.n_steps)


def check_cohorts(domain, sizes, offsets, n_horizon):
    """Return sizes [veh] as a float array and offsets as an int array, both (n,), or raise an error.

    Raises
    ------
    InputError
        If a size is negative or not finite, an offset is not whole, or a stay leaves the steps 0..n_horizon - 1.
    """
    sizes, offsets = np.asarray(sizes, dtype=float), whole("offsets", offsets)
    for name, value in (("sizes", sizes), ("offsets", offsets)):
        if value.shape != (domain.n,):
            raise InputError(f"{name}: shape {value.shape}; must be {(domain.n,)}, one value per vehicle")
    require(np.isfinite(sizes) & (sizes >= 0), "sizes", sizes, "finite and 0 or more")
    # a vehicle without usable steps may plug in at the very end; it needs no steps on the horizon
    fits = (domain.n_usable == 0) | ((offsets >= 0) & (offsets + domain.n_usable <= n_horizon))
    require(fits, "offsets", offsets, f"0 or more and, with n_usable, at most the horizon of {n_horizon} steps")
    return sizes, offsets


def to_steps(domain, offsets, values):
    """Values on the horizon as each vehicle sees them in its usable steps.

    Parameters
    ----------
    domain : Domain
    offsets : array_like of int, shape (n,)
        Horizon step of each vehicle's first usable step.
    values : array_like, shape (K,) for all vehicles or (n, K)

    Returns
    -------
    ndarray, shape (n, T)
        0 in steps that are not usable.
    """
    values = np.asarray(values)
    step = np.where(domain.active, np.asarray(offsets)[:, None] + np.arange(domain.n_steps), 0)
    if values.shape[-1] == 0:
        return np.zeros(step.shape)
    seen = values[step] if values.ndim == 1 else np.take_along_axis(values, step, axis=1)
    return np.where(domain.active, seen, 0.0)


def to_horizon(domain, sizes, offsets, values, n_horizon):
    """Sum of size times values over all cohorts, on the horizon.

    Parameters
    ----------
    domain : Domain
    sizes, offsets : array_like, shape (n,)
        Vehicles in each cohort [veh]; horizon step of its first usable step.
    values : ndarray, shape (n, T)
        Values of one vehicle of each cohort.
    n_horizon : int
        K, steps of the horizon.

    Returns
    -------
    ndarray, shape (K,)
    """
    step = np.asarray(offsets)[:, None] + np.arange(domain.n_steps)
    weighted = np.asarray(sizes)[:, None] * values
    return np.bincount(step[domain.active], weights=weighted[domain.active], minlength=n_horizon)


def column_groups(fleet: Fleet):
    """Group the cohorts that plug in at the same station during the same step.

    Returns
    -------
    group : ndarray of int, shape (n,)
        Group of each cohort.
    station : ndarray of int, shape (n_groups,)
        Station of each group.
    """
    key = fleet.station * (fleet.n_steps + 1) + fleet.first_step
    pairs, group = np.unique(key, return_inverse=True)
    return group, pairs // (fleet.n_steps + 1)


def mean_vehicles(fleet: Fleet) -> Fleet:
    """One mean vehicle for all cohorts of a station that are close in plug-in (two steps) and stay (four steps).

    Returns
    -------
    Fleet
        Neither an inner nor an outer set, because the averaged domains overlap only in part. The prices found with it
        are a good start.
    """
    domain = fleet.domain
    kinds = np.stack([fleet.station, fleet.first_step // WINDOW_STEPS, domain.n_usable // STAY_STEPS])
    _, first, kind = np.unique(kinds, axis=1, return_index=True, return_inverse=True)
    kind, weight = kind.ravel(), np.where(fleet.size_veh > 0, fleet.size_veh, 1e-12)
    total = np.bincount(kind, weights=weight, minlength=len(first))

    def mean(values):
        return np.bincount(kind, weights=weight * values, minlength=len(first)) / total

    means = {name: mean(getattr(domain, name)) for name in PER_VEHICLE}
    means["target_kwh"] = np.minimum(means["target_kwh"], means["energy_high_kwh"])  # rounding
    begin = np.minimum(np.round(mean(fleet.first_step)).astype(int), fleet.n_steps)
    stay = np.minimum(np.round(mean(domain.n_usable)).astype(int), fleet.n_steps - begin)
    sizes = np.bincount(kind, weights=fleet.size_veh, minlength=len(first))
    return Fleet(
        replace(domain, n_usable=stay, **means), sizes, fleet.station[first], begin, fleet.n_stations, fleet.n_steps
    )
