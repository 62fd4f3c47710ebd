"""Arc impedance functions: travel time of an arc as a function of the vehicles on it."""

import numpy as np

__all__ = ["affine", "bpr", "point_queue", "smooth_queue"]


def smooth_queue(vehicles, free_flow_time_min, capacity_veh_min):
    """Travel time that is free flow when light and a queue at capacity when heavy.

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
    Smooth maximum of the free-flow time and the point-queue time x / Q (Vickrey 1969), so the slope never exceeds
    1 / Q. Written with products and square roots only, so that a compiled version equals it to the last bit.

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
    A curve for static *flows*. On the vehicles present it is plausible up to about capacity, x = Q D(x); far beyond,
    the delay grows with the fourth power of the queue and no longer means anything.

    Examples
    --------
    >>> bpr([0.0, 22.5], [9.0, 9.0], [2.5, 2.5]).round(3)
    array([ 9.  , 10.35])
    """
    t0 = np.asarray(free_flow_time_min, dtype=float)
    return t0 * (1.0 + alpha * (np.asarray(vehicles) / (capacity_veh_min * t0)) ** power)


def point_queue(vehicles, free_flow_time_min, capacity_veh_min):
    """Free-flow time only: the queue of a point-queue arc is made by its capacity (Vickrey 1969).

    Parameters
    ----------
    vehicles, free_flow_time_min, capacity_veh_min : array_like, shape (n_arcs,)
        As in :func:`smooth_queue`; the vehicles present do not matter.

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
    The linear delay of Friesz et al. (1993). Its outflow never exceeds Q, so the capacity limit never acts.

    Examples
    --------
    >>> affine([0.0, 90.0], [9.0, 9.0], [2.5, 2.5])
    array([ 9., 45.])
    """
    return np.asarray(free_flow_time_min, dtype=float) + np.asarray(vehicles) / capacity_veh_min
