"""Cohorts that no price tells apart, merged: vehicles at all stations of a price group reply alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evlib.flexibility.cohorts import mean_over_types, vehicle_costs
from evlib.flexibility.domain import PER_VEHICLE
from evlib.flexibility.fleet import Fleet
from evlib.numba_cache import njit

__all__ = ["Kinds"]


@dataclass(frozen=True)
class Kinds:
    """Cohorts by kind: the same price group, first step and domain.

    Attributes
    ----------
    cohorts : Fleet
        All of them, in C order of (station, class, type, step).
    fleet : Fleet
        One vehicle of every kind; its stations are the price groups.
    of_cohort : ndarray of int, shape (n_cohorts,)
        Kind of each cohort.
    first : ndarray of int, shape (n_kinds,)
        A cohort of each kind.
    station_group : ndarray of int, shape (n_stations,)
    first_station : ndarray of int, shape (n_groups,)
        A station of each group.
    """

    cohorts: Fleet
    fleet: Fleet
    of_cohort: np.ndarray
    first: np.ndarray
    station_group: np.ndarray
    first_station: np.ndarray

    @classmethod
    def of(cls, cohorts: Fleet, station_group: np.ndarray) -> Kinds:
        """Merge cohorts, if their stations have equal prices."""
        domain, group = cohorts.domain, station_group[cohorts.station]
        rows = np.stack([group, cohorts.first_step, domain.n_usable, *(getattr(domain, name) for name in PER_VEHICLE)])
        order = np.lexsort(rows)
        new = np.append(True, (np.diff(rows[:, order], axis=1) != 0).any(axis=0))
        of_cohort = np.empty(cohorts.n, dtype=np.int64)
        of_cohort[order] = np.cumsum(new) - 1
        first = order[new]
        n_groups = int(station_group.max()) + 1
        fleet = replace(cohorts.take(first), station=group[first], n_stations=n_groups)
        return cls(cohorts, fleet, of_cohort, first, station_group, np.unique(station_group, return_index=True)[1])

    def sizes(self, size_veh: np.ndarray) -> np.ndarray:
        """Vehicles of each kind from those of each cohort, (n_cohorts,) -> (n_kinds,) [veh]."""
        return np.bincount(self.of_cohort, weights=size_veh, minlength=self.fleet.n)

    def prices(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """Prices of the groups from those of stations, (n_stations, K) -> (n_groups, K)."""
        return price_cny_kwh[self.first_station]

    def vehicle_cny(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """V of one vehicle of each kind at station prices (n_stations, K), shape (n_kinds,) [CNY]."""
        return vehicle_costs(self.fleet, self.prices(price_cny_kwh))

    def by_step(self, kind_cny: np.ndarray, stay_steps: np.ndarray) -> np.ndarray:
        """Costs of kinds by station, class and plug-in step, see :func:`evlib.flexibility.cohorts.mean_over_types`."""
        return mean_over_types(self.cohorts, kind_cny[self.of_cohort], stay_steps)

    def station_kw(self, size_veh: np.ndarray, power_kw: np.ndarray) -> np.ndarray:
        """Power of every station from that of one vehicle of each kind.

        Parameters
        ----------
        size_veh : ndarray, shape (n_cohorts,)
            [veh].
        power_kw : ndarray, shape (n_kinds, T)

        Returns
        -------
        ndarray, shape (n_stations, K)
            [kW].
        """
        cohorts = self.cohorts
        total = np.zeros((cohorts.n_stations, cohorts.n_steps))
        usable = cohorts.domain.n_usable.astype(np.int64)
        first = cohorts.first_step.astype(np.int64)
        _sum_power(cohorts.station.astype(np.int64), first, usable, size_veh, self.of_cohort, power_kw, total)
        return total


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_power(station, first, usable, size, kind, power, total):
    for i in range(len(size)):
        if size[i] != 0.0:
            for t in range(usable[i]):
                total[station[i], first[i] + t] += size[i] * power[kind[i], t]
