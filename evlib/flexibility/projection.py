"""Flexible domains projected to the plane: energy in one window against energy in another, by extreme points."""

from dataclasses import replace

import numpy as np

from evlib.errors import InputError
from evlib.flexibility.fleet import check_cohorts, to_horizon, to_steps
from evlib.flexibility.support import support
from evlib.flexibility.virtual_battery import summed_power

__all__ = ["exact_extreme", "outline", "summed_extreme", "zonotope_extreme"]


def outline(extreme, n_directions=64):
    """Polygon through the extreme points of a convex set in the plane.

    Parameters
    ----------
    extreme : callable
        Maps a direction, shape (2,), to a point of the set that lies farthest in that direction, shape (2,).
    n_directions : int
        Number of directions, evenly around the circle, 3 or more. A polygon with fewer, well-spread edges is drawn
        exactly, any other set from inside.

    Returns
    -------
    ndarray, shape (m, 2)
        Vertices counter-clockwise, m <= n_directions, without repeating the first; repeated points are left out.

    Examples
    --------
    >>> outline(lambda direction: np.sign(direction), 8)
    array([[ 1.,  1.],
           [-1.,  1.],
           [-1., -1.],
           [ 1., -1.]])
    """
    if n_directions < 3:
        raise InputError(f"n_directions: {n_directions}; must be 3 or more")
    # half a step off the axes, along which extreme points are often not unique
    angles = 2 * np.pi * (np.arange(n_directions) + 0.5) / n_directions
    points = np.array([extreme(np.array([np.cos(angle), np.sin(angle)])) for angle in angles])
    near = 1e-9 * np.abs(points).max()
    moved = np.abs(points - np.roll(points, 1, axis=0)).max(axis=1) > near
    return points[moved] if moved.any() else points[:1]


def exact_extreme(domain, sizes, offsets, n_horizon, window_a, window_b, direction):
    """Point of a station's exact set farthest in a direction: energies in two windows [kWh, meter side], shape (2,).

    Parameters
    ----------
    domain : Domain
        One vehicle of each of n cohorts.
    sizes, offsets : array_like, shape (n,)
        Vehicles in each cohort [veh]; horizon step of the first usable step. One EV: [1], [0].
    n_horizon : int
        K.
    window_a, window_b : array_like of int
        Steps of the horizon in each window.
    direction : array_like, shape (2,)

    Notes
    -----
    `support` at prices -direction in the windows and 0 elsewhere, without wear; energy after the horizon is free up to
    its limit. Targets are met wherever possible because unserved energy costs 2 max|price| / eta_charge: every slope of
    the cost-to-go is the slope of a step cost, at most max|price| / eta_charge (for charging; discharging and mixing
    both earn less per kWh of battery), so leaving a kWh unserved saves at most half of its penalty.
    """
    sizes, offsets = check_cohorts(domain, sizes, offsets, n_horizon)
    prices = _window_prices(n_horizon, window_a, window_b, direction)
    _, schedule = support(_drawn(domain, prices, terminal_price_cny_kwh=0.0), to_steps(domain, offsets, prices))
    power = to_horizon(domain, sizes, offsets, schedule.power_kw, n_horizon)
    return _energies(power, domain.step_h, window_a, window_b)


def zonotope_extreme(zonotope, window_a, window_b, direction):
    """The same for a zonotope, which meets targets by construction."""
    prices = _window_prices(zonotope.n_steps, window_a, window_b, direction)
    b = -zonotope.beta * np.sign((prices @ zonotope.power_map) @ zonotope.generators)
    return _energies(zonotope.power_map @ zonotope.point(b), zonotope.step_h, window_a, window_b)


def summed_extreme(bounds, window_a, window_b, direction):
    """The same for summed bounds, with the penalty of `exact_extreme`."""
    prices = _window_prices(bounds.charge_max_kw.size, window_a, window_b, direction)
    power = summed_power(_drawn(bounds, prices, terminal_cny_kwh=0.0), prices)
    return _energies(power, bounds.step_h, window_a, window_b)


def _drawn(domain_or_bounds, prices, **free):
    """The set without its cost terms, but with a penalty on unserved energy that outweighs every price."""
    penalty = 2 * np.abs(prices).max(initial=0.0) / domain_or_bounds.eta_charge
    return replace(domain_or_bounds, wear_cny_kwh=0.0, unserved_cny_kwh=penalty or 1.0, **free)


def _window_prices(n_horizon, window_a, window_b, direction):
    direction = np.asarray(direction, dtype=float)
    if direction.shape != (2,) or not np.isfinite(direction).all() or not direction.any():
        raise InputError(f"direction: {direction}; must be two finite numbers, not both 0")
    prices = np.zeros(n_horizon)
    for window, along in zip((window_a, window_b), direction, strict=True):
        prices[np.asarray(window, dtype=int)] -= along
    return prices


def _energies(power_kw, step_h, window_a, window_b):
    return np.array([power_kw[np.asarray(window, dtype=int)].sum() * step_h for window in (window_a, window_b)])
