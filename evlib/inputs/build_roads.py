"""Who departs when: the departure profile of each class and the demand of each origin."""

from __future__ import annotations

import numpy as np

from evlib.errors import InputError
from evlib.inputs.schema import clock_to_min

__all__ = ["departure_profile", "origin_demand"]


def departure_profile(step_min, n_departure_steps, peak_min, width_min, peak_over_mean) -> np.ndarray:
    """Share of a class that departs in each step: a bell on a constant floor.

    .. math:: r_k = \\frac1n \\left(1 + (\\rho - 1) \\frac{g_k - \\bar g}{g_{max} - \\bar g}\\right)

    with g a bell curve at the middle of each step, so the mean is 1/n and the peak is rho times the mean.

    Parameters
    ----------
    step_min : float
        Length of a step [min].
    n_departure_steps : int
        Steps n in which vehicles depart.
    peak_min, width_min : float
        Centre of the bell after the first step's begin, and its standard deviation [min].
    peak_over_mean : float
        rho, at least 1.

    Returns
    -------
    ndarray, shape (n_departure_steps,)
        Sums to 1.

    Raises
    ------
    InputError
        A peak so high that the floor would be negative.

    Examples
    --------
    >>> departure_profile(5, 4, 10, 5, 1.5).round(3)
    array([0.125, 0.375, 0.375, 0.125])
    """
    middle = step_min * (np.arange(n_departure_steps) + 0.5)
    bell = np.exp(-0.5 * ((middle - peak_min) / width_min) ** 2)
    spread = bell.max() - bell.mean()
    shape = np.zeros_like(bell) if spread == 0 else (bell - bell.mean()) / spread
    profile = (1 + (peak_over_mean - 1) * shape) / n_departure_steps
    if profile.min() < 0:
        most = 1 - 1 / shape.min()
        raise InputError(
            f"fleet: peak_over_mean {peak_over_mean} needs a negative floor with this peak_width_min; at most {most:.2f}"
        )
    return profile


def origin_demand(scenario) -> np.ndarray:
    """Vehicles that depart from each origin, by class and decision step.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    ndarray, shape (n_origins, n_classes, n_departure_steps)
        [veh]; sums to ``fleet.vehicles``. Where trips go on, an origin is a pair of origin and destination, in the order
        of the network's origins.

    Raises
    ------
    InputError
        See :func:`departure_profile`.
    """
    fleet, time = scenario.fleet, scenario.time
    peak = clock_to_min(fleet.peak_clock) - clock_to_min(time.start_clock)
    profiles = [
        departure_profile(
            time.step_min, time.last_departure_step + 1, peak, fleet.peak_width_min, member.peak_over_mean
        )
        for member in fleet.classes
    ]
    share = np.array([member.share for member in fleet.classes])
    origin = np.array([item.share for item in scenario.origins])
    if scenario.switches.trip_end == "destination":
        origin = np.outer(origin, [item.share for item in scenario.destinations]).ravel()
    return fleet.vehicles * origin[:, None, None] * share[None, :, None] * np.array(profiles)[None]
