"""Waiting time of a station as a function of the vehicles at it: approximations of the queue that the loading counts."""

from __future__ import annotations

import numpy as np

__all__ = [
    "STATION_WAITING",
    "davidson_wait",
    "davidson_wait_slope",
    "smooth_wait",
    "smooth_wait_slope",
    "station_wait_min",
]

ROUNDING = 0.1  # of the corner of smooth_wait, as a share of the plugs
LINEAR_FROM = 0.98  # occupancy from which Davidson's curve goes on as a straight line
# Then each further vehicle adds what it adds to a queue, stay / plugs: J / (1 - 0.98)^2 = 1.
DAVIDSON_J = (1.0 - LINEAR_FROM) ** 2


def smooth_wait(vehicles, plugs, stay_min, rounding=ROUNDING):
    """Smooth positive part of the vehicles without a plug, over the rate at which plugs become free.

    .. math:: W(x) = \\frac{L}{P} \\cdot \\tfrac12 \\left(x - P + \\sqrt{(x - P)^2 + (\\rho P)^2}\\right)

    Parameters
    ----------
    vehicles : array_like
        Vehicles at the station, plugged in and waiting [veh].
    plugs : array_like
        P, positive.
    stay_min : array_like
        L, mean stay of those who plug in [min]; P / L are served a minute.
    rounding : float
        rho, width of the rounded corner as a share of the plugs [1].

    Returns
    -------
    ndarray
        [min].

    Notes
    -----
    Valid where stays end evenly: a queue of n then waits n L / P. Never below max(x - P, 0) L / P, and at x = P above it
    by rho L / 2: with plugs nearly full it charges for a wait that does not happen. The exact queue depends on *when*
    those plugged in came, which no function of x knows.

    Examples
    --------
    >>> smooth_wait([0.0, 10.0, 20.0], 10.0, 60.0).round(2)
    array([ 0.15,  3.  , 60.15])
    """
    excess = np.asarray(vehicles, dtype=float) - plugs
    return 0.5 * (excess + np.sqrt(excess * excess + (rounding * np.asarray(plugs)) ** 2)) * stay_min / plugs


def smooth_wait_slope(vehicles, plugs, stay_min, rounding=ROUNDING):
    """Derivative of :func:`smooth_wait` by the vehicles, between 0 and L / P [min/veh]; arguments alike."""
    excess = np.asarray(vehicles, dtype=float) - plugs
    return 0.5 * (1.0 + excess / np.sqrt(excess * excess + (rounding * np.asarray(plugs)) ** 2)) * stay_min / plugs


def davidson_wait(vehicles, plugs, stay_min, j=DAVIDSON_J, linear_from=LINEAR_FROM):
    """Davidson's curve on the occupancy of the plugs, extended linearly where it would run to infinity.

    .. math:: W(x) = L\\,J\\,\\frac{u}{1 - u}, \\qquad u = x / P \\le 0.98

    Parameters
    ----------
    vehicles, plugs, stay_min : array_like
        As in :func:`smooth_wait`.
    j : float
        J, Davidson's shape parameter [1]. With its default the straight line rises by L / P a vehicle, as a queue does.
    linear_from : float
        Occupancy from which the curve goes on along its tangent [1], below 1.

    Returns
    -------
    ndarray
        [min].

    Notes
    -----
    Davidson (1966, Proc. Australian Road Research Board 3:183) has it for flow over capacity, in a steady state with
    random arrivals. Valid as a convex wait that starts below full occupancy; with a large J the straight line is far
    steeper than any queue.

    Examples
    --------
    >>> davidson_wait([0.0, 9.8, 20.0], 10.0, 60.0).round(3)
    array([ 0.   ,  1.176, 62.376])
    """
    load = np.asarray(vehicles, dtype=float) / plugs
    curve = np.minimum(load, linear_from)
    beyond = np.maximum(load - linear_from, 0.0) / (1.0 - linear_from) ** 2
    return stay_min * j * (curve / (1.0 - curve) + beyond)


def davidson_wait_slope(vehicles, plugs, stay_min, j=DAVIDSON_J, linear_from=LINEAR_FROM):
    """Derivative of :func:`davidson_wait` by the vehicles [min/veh]; arguments alike."""
    curve = np.minimum(np.asarray(vehicles, dtype=float) / plugs, linear_from)
    return stay_min * j / (1.0 - curve) ** 2 / plugs


STATION_WAITING = {"smooth": smooth_wait, "davidson": davidson_wait}


def station_wait_min(loading, station: int, arrival_min, kind: str) -> np.ndarray:
    """Waiting time by one of these functions, for vehicles that arrive at given times of a loading.

    Parameters
    ----------
    loading : Loading
    station : int
    arrival_min : array_like
        [min]; after the loading's end the station is empty.
    kind : {"smooth", "davidson"}

    Returns
    -------
    ndarray
        [min].

    Raises
    ------
    ValueError
        Another kind.

    Notes
    -----
    The vehicles at the station are those that the loading counts there, and the stay is the mean of all who come.
    """
    if kind not in STATION_WAITING:
        raise ValueError(f"station waiting {kind!r}; must be 'exact', 'smooth' or 'davidson'")
    network = loading.network
    present = loading.arrived_veh[station].sum(axis=0) - loading.completed_veh[station]
    by_class = loading.arrived_veh[station, :, -1]
    stay_min = network.time.step_min * network.stay_steps
    came = by_class.sum()
    mean_stay_min = (by_class * stay_min).sum() / came if came > 0 else stay_min.mean()
    there = np.interp(arrival_min, loading.time_min, np.maximum(present, 0.0), right=0.0)
    return STATION_WAITING[kind](there, network.plugs[station], mean_stay_min)
