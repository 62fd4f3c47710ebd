"""Which cohorts share the columns of a grid problem, and mean vehicles that stand in for many."""

from dataclasses import replace

import numpy as np

from evlib.flexibility.domain import PER_VEHICLE
from evlib.flexibility.fleet import Fleet

__all__ = ["column_groups", "mean_vehicles"]

WINDOW_STEPS = 2
STAY_STEPS = 4


def column_groups(fleet: Fleet):
    """Groups of cohorts of one station that plug in during the same step.

    Returns
    -------
    group : ndarray of int, shape (n,)
        Group of each cohort.
    station : ndarray of int, shape (n_groups,)
        Station of each group.
    """
    key = fleet.station * (fleet.n_steps + 1) + fleet.first_step
    found, group = np.unique(key, return_inverse=True)
    return group, found // (fleet.n_steps + 1)


def mean_vehicles(fleet: Fleet) -> Fleet:
    """One mean vehicle for all that are alike in station, plug-in (two steps) and stay (four steps).

    Returns
    -------
    Fleet
        Not a bound: means of domains that overlap only in part. Its prices are a good start.
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
