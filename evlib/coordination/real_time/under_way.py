"""Vehicles in the middle of their stay: cohorts with the energy that they have by now and the steps that they have left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evlib.errors import SolverError
from evlib.flexibility.fleet import Fleet

__all__ = ["done_steps", "keep_remaining", "put_remaining", "under_way"]

# Rounding that executed energies may leave beyond a bound [kWh].
ROUNDING_KWH = 1e-7


def done_steps(fleet: Fleet, step: int) -> np.ndarray:
    """Usable steps of each cohort that lie before a step, shape (n,)."""
    return np.clip(step - fleet.first_step, 0, fleet.domain.n_usable)


def under_way(fleet: Fleet, change_kwh: np.ndarray, step: int) -> Fleet:
    """The same cohorts as they stand at the beginning of a step.

    Whatever a cohort has charged is taken off its bounds and its target, so all energies count from now on.

    Parameters
    ----------
    fleet : Fleet
        Cohorts as they plug in.
    change_kwh : ndarray, shape (n, T)
        Change of energy of one vehicle in each usable step that is over [kWh]; later entries are not read.
    step : int

    Returns
    -------
    Fleet
        In the same order; cohorts whose stay is over have no usable step.

    Raises
    ------
    SolverError
        If the executed energies have left the cohorts' bounds.
    """
    domain, done = fleet.domain, done_steps(fleet, step)
    over = np.arange(change_kwh.shape[1]) < done[:, None]
    gained = np.where(over, change_kwh, 0.0).sum(axis=1)
    low, high = domain.energy_low_kwh - gained, domain.energy_high_kwh - gained
    beyond = max(float(low.max(initial=0.0)), float((-high).max(initial=0.0)))
    if beyond > ROUNDING_KWH:
        raise SolverError(f"vehicles' energy at step {step}: {beyond:.3g} kWh beyond a bound; must be within")
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    left = replace(
        domain,
        n_usable=domain.n_usable - done,
        energy_low_kwh=low,
        energy_high_kwh=high,
        target_kwh=np.clip(domain.target_kwh - gained, low, high),
    )
    return replace(fleet, domain=left, first_step=np.maximum(fleet.first_step, min(step, fleet.n_steps)))


def keep_remaining(values: np.ndarray, done: np.ndarray, n_steps: int) -> np.ndarray:
    """Entries (n, T) by usable step of the whole stay, moved so that they begin with the first remaining one.

    Parameters
    ----------
    values : ndarray, shape (n, T)
    done : ndarray of int, shape (n,)
    n_steps : int
        Columns of the result.

    Returns
    -------
    ndarray, shape (n, n_steps)
    """
    place = done[:, None] + np.arange(n_steps)
    inside = place < values.shape[1]
    return np.where(inside, np.take_along_axis(values, np.where(inside, place, 0), axis=1), 0.0)


def put_remaining(whole: np.ndarray, rest: np.ndarray, done: np.ndarray) -> np.ndarray:
    """The whole stay (n, T) with its remaining steps replaced: the reverse of :func:`keep_remaining`."""
    place = np.arange(whole.shape[1]) - done[:, None]
    inside = (place >= 0) & (place < rest.shape[1])
    return np.where(
        inside, np.take_along_axis(rest, np.where(inside, place, 0), axis=1) if rest.shape[1] else whole, whole
    )
