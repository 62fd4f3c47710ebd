"""A fleet: cohorts at stations on a common horizon, as frozen arrays; a single vehicle is a cohort of one."""

from dataclasses import dataclass, replace

import numpy as np

from evlib.errors import InputError
from evlib.flexibility.checks import require, whole
from evlib.flexibility.domain import Domain
from evlib.flexibility.horizon import check_cohorts

__all__ = ["Fleet"]


@dataclass(frozen=True)
class Fleet:
    """Who stands where and when.

    Parameters
    ----------
    domain : Domain
        One vehicle of each of n cohorts.
    size_veh : array_like, shape (n,)
        Vehicles in each cohort, real, 0 or more.
    station, first_step : array_like of int, shape (n,)
        Station of each cohort; horizon step of its first usable step.
    n_stations, n_steps : int
        Stations, and steps K of the horizon.

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

    def take(self, index):
        """The cohorts of an index, slice or mask."""
        arrays = {name: getattr(self, name)[index] for name in ("size_veh", "station", "first_step")}
        return replace(self, domain=self.domain.take(index), **arrays)

    def place(self):
        """Position station * K + step of every usable step, shape (n, T); 0 where the vehicle is gone."""
        first = self.station * self.n_steps + self.first_step
        return np.where(self.domain.active, first[:, None] + np.arange(self.domain.n_steps), 0)

    def own_prices(self, price_cny_kwh):
        """Station prices (n_stations, K) as each cohort sees them in its usable steps: (n, T), else 0."""
        price = np.asarray(price_cny_kwh, dtype=float)
        shape = (self.n_stations, self.n_steps)
        if price.shape != shape or not np.isfinite(price).all():
            raise InputError(f"price_cny_kwh: shape {price.shape}; must be {shape} and finite")
        if price.size == 0:
            return np.zeros((self.n, self.domain.n_steps))
        return np.where(self.domain.active, price.reshape(-1)[self.place()], 0.0)

    def station_kw(self, power_kw):
        """Power of each station (n_stations, K) from that of one vehicle of every cohort (n, T) [kW]."""
        active = self.domain.active
        weighted = (self.size_veh[:, None] * power_kw)[active]
        total = np.bincount(self.place()[active], weights=weighted, minlength=self.n_stations * self.n_steps)
        return total.reshape(self.n_stations, self.n_steps)
