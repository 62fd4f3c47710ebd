"""Arc impedance functions: travel time of an arc as a function of the vehicles on it, and its derivative."""

from functools import partial

import numpy as np

__all__ = [
    "affine",
    "affine_slope",
    "bpr",
    "bpr_slope",
    "point_queue",
    "point_queue_slope",
    "slope_of",
    "smooth_queue",
    "smooth_queue_slope",
]


def smooth_queue(vehicles, free_flow_time_min, capacity_veh_min):
    """Travel time that is the free-flow time in light traffic and that of a queue at capacity in heavy traffic.

    .. math:: D(x) = \\left(t_0^4 + (x / Q)^4\\right)^{1/4}

    Parameters
    ----------
    vehicles : array_like, shape (n_arcs,)
        Vehicles on each arc [veh], not negative.
    free_flow_time_min : array_like, shape (n_arcs,)
        Travel time of the empty arc [min], positive.
    capacity_veh_min : array_like, shape (n_arcs,)
        Capacity [veh/min], positive.

    Returns
    -------
    ndarray, shape (n_arcs,)
        Travel time of a vehicle that enters now [min].

    Notes
    -----
    Valid at any load: the smooth maximum of the free-flow time and the point-queue time x / Q (Vickrey 1969), so the
    slope never exceeds 1 / Q, and the steady outflow x / D(x) rises towards Q and never falls. Where the corner is
    rounded it is too high, by at most 19 % of the free-flow time, at x = Q t0. Written with products and square roots
    only, so that a compiled version equals it to the last bit.

    Examples
    --------
    >>> smooth_queue([0.0, 90.0], [9.0, 9.0], [2.5, 2.5]).round(3)
    array([ 9.   , 36.035])
    """
    queue_min = np.asarray(vehicles) / capacity_veh_min
    t2, q2 = np.square(free_flow_time_min), np.square(queue_min)
    return np.sqrt(np.sqrt(t2 * t2 + q2 * q2))


def bpr(vehicles, free_flow_time_min, capacity_veh_min, alpha=0.15, power=4.0):
    """Bureau of Public Roads curve on occupancy.

    .. math:: D(x) = t_0 \\left(1 + \\alpha \\left(\\frac{x}{Q\\,t_0}\\right)^{\\beta}\\right)

    Parameters
    ----------
    vehicles, free_flow_time_min, capacity_veh_min : array_like, shape (n_arcs,)
        As in :func:`smooth_queue`.
    alpha, power : float
        Shape [1]; 0.15 and 4 are the classic values (Bureau of Public Roads 1964).

    Returns
    -------
    ndarray, shape (n_arcs,)
        Travel time [min].

    Notes
    -----
    A curve for static *flows*. As a function of the vehicles present it is valid on roads that stay below about 0.9 of
    capacity: the
    steady outflow x / D(x) has a largest value, at :math:`x / (Q t_0) = (\\alpha (\\beta - 1))^{-1/\\beta}`, which is
    0.916 Q at 1.22 Q t0 with the classic numbers. With more vehicles on it the road lets out *less*, and an inflow
    above that value never clears.

    Examples
    --------
    >>> bpr([0.0, 22.5], [9.0, 9.0], [2.5, 2.5]).round(3)
    array([ 9.  , 10.35])
    """
    t0 = np.asarray(free_flow_time_min, dtype=float)
    return t0 * (1.0 + alpha * (np.asarray(vehicles) / (capacity_veh_min * t0)) ** power)


def point_queue(vehicles, free_flow_time_min, capacity_veh_min):
    """Free-flow time only: the queue of a point-queue arc is made by its capacity (Vickrey 1969).

    Valid at any load together with the capacity limit of the loading; by itself it has no delay.

    Parameters
    ----------
    vehicles, free_flow_time_min, capacity_veh_min : array_like, shape (n_arcs,)
        As in :func:`smooth_queue`; the result does not depend on the vehicles.

    Returns
    -------
    ndarray, shape (n_arcs,)
        Travel time before the capacity limit of the loading acts [min].

    Examples
    --------
    >>> point_queue([0.0, 90.0], [9.0, 9.0], [2.5, 2.5])
    array([9., 9.])
    """
    return np.zeros_like(np.asarray(vehicles, dtype=float)) + free_flow_time_min


def affine(vehicles, free_flow_time_min, capacity_veh_min):
    """Straight line, for analytic tests.

    .. math:: D(x) = t_0 + x / Q

    Parameters
    ----------
    vehicles, free_flow_time_min, capacity_veh_min : array_like, shape (n_arcs,)
        As in :func:`smooth_queue`.

    Returns
    -------
    ndarray, shape (n_arcs,)
        Travel time [min].

    Notes
    -----
    The linear delay of Friesz et al. (1993). Its steady outflow x / D(x) rises towards Q and never exceeds it, so the
    capacity limit never acts. Use it where a closed form is wanted: even vehicles that drive freely count as delay,
    so that at x = Q t0 the travel time is twice the free-flow time.

    Examples
    --------
    >>> affine([0.0, 90.0], [9.0, 9.0], [2.5, 2.5])
    array([ 9., 45.])
    """
    return np.asarray(free_flow_time_min, dtype=float) + np.asarray(vehicles) / capacity_veh_min


def smooth_queue_slope(vehicles, free_flow_time_min, capacity_veh_min):
    """Derivative of :func:`smooth_queue` with respect to the vehicles, (x / Q)^3 / (Q D^3), from 0 to 1 / Q.

    Parameters
    ----------
    vehicles, free_flow_time_min, capacity_veh_min : array_like, shape (n_arcs,)
        As in :func:`smooth_queue`.

    Returns
    -------
    ndarray, shape (n_arcs,)
        [min/veh].

    Examples
    --------
    >>> smooth_queue_slope([0.0, 22.5, 1e6], 9.0, 2.5).round(3)
    array([0.   , 0.238, 0.4  ])
    """
    ratio = np.asarray(vehicles) / capacity_veh_min / smooth_queue(vehicles, free_flow_time_min, capacity_veh_min)
    return ratio * ratio * ratio / capacity_veh_min


def bpr_slope(vehicles, free_flow_time_min, capacity_veh_min, alpha=0.15, power=4.0):
    """Derivative of :func:`bpr` with respect to the vehicles.

    Parameters
    ----------
    vehicles, free_flow_time_min, capacity_veh_min, alpha, power
        As in :func:`bpr`; the power must be at least 1.

    Returns
    -------
    ndarray, shape (n_arcs,)
        [min/veh].

    Examples
    --------
    >>> bpr_slope([0.0, 22.5], 9.0, 2.5).round(3)
    array([0.  , 0.24])
    """
    load = np.asarray(vehicles) / (capacity_veh_min * np.asarray(free_flow_time_min, dtype=float))
    return alpha * power / capacity_veh_min * load ** (power - 1.0)


def point_queue_slope(vehicles, free_flow_time_min, capacity_veh_min):
    """Derivative of :func:`point_queue` with respect to the vehicles: 0, as delay comes from the capacity alone.

    Parameters
    ----------
    vehicles, free_flow_time_min, capacity_veh_min : array_like, shape (n_arcs,)
        As in :func:`smooth_queue`.

    Returns
    -------
    ndarray, shape (n_arcs,)
        [min/veh].
    """
    return np.zeros_like(point_queue(vehicles, free_flow_time_min, capacity_veh_min))


def affine_slope(vehicles, free_flow_time_min, capacity_veh_min):
    """Derivative of :func:`affine` with respect to the vehicles, 1 / Q.

    Parameters
    ----------
    vehicles, free_flow_time_min, capacity_veh_min : array_like, shape (n_arcs,)
        As in :func:`smooth_queue`.

    Returns
    -------
    ndarray, shape (n_arcs,)
        [min/veh].
    """
    return 1.0 / capacity_veh_min + point_queue_slope(vehicles, free_flow_time_min, capacity_veh_min)


_SLOPES = {smooth_queue: smooth_queue_slope, bpr: bpr_slope, point_queue: point_queue_slope, affine: affine_slope}


def slope_of(delay_function):
    """The derivative that belongs to an impedance.

    Parameters
    ----------
    delay_function : callable
        A function of this module, or a :class:`functools.partial` of one with keywords.

    Returns
    -------
    callable or None
        With the same arguments; None for any other callable, whose derivative is not known here.

    Examples
    --------
    >>> slope_of(partial(bpr, power=2.0))([22.5], 9.0, 2.5).round(3)
    array([0.12])
    """
    if isinstance(delay_function, partial) and not delay_function.args:
        known = slope_of(delay_function.func)
        return known and partial(known, **delay_function.keywords)
    try:
        return _SLOPES.get(delay_function)
    except TypeError:  # a callable that cannot be hashed
        return None
