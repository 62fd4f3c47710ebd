"""The paper's inner approximation: the largest zonotope inside a vehicle's flexible domain."""

from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.optimize import linprog

from evlib.errors import InputError, SolverError
from evlib.flexibility.zonotope.geometry import (
    Zonotope,
    energy_rate,
    generator_matrix,
    generator_widths,
    paper_generators,
    zonotope_space,
)

__all__ = ["inner_zonotope", "inner_zonotopes", "price_windows"]

# A share of the charging power, to which rows are scaled; the residual that HiGHS leaves is far smaller.
LARGEST_RESIDUAL = 1e-10


def inner_zonotope(domain, row=0, lags=(1,), objective="sum"):
    """Zonotope inside the domain of one vehicle, as large as a linear objective makes it.

    Parameters
    ----------
    domain : Domain
    row : int
        The vehicle.
    lags : tuple of int
        As in `paper_generators`.
    objective : {"sum", "widths"} or array_like, shape (m, T) with T >= n_usable
        "sum" maximises the sum of half-lengths (their l1 norm), "widths" the sum of `generator_widths` times
        half-lengths. The first favours shifts between neighbouring steps so much that the final energy is often fixed;
        the second spreads the set more, especially with further lags. With m rows of reference prices by usable step
        [CNY/kWh], such as `price_windows` of a forecast, the zonotope has the least mean cost at these prices.

    Returns
    -------
    Zonotope
        Zonotope over the vehicle's usable steps.

    Raises
    ------
    InputError
        If the objective is unknown, or prices have the wrong shape or are not finite.
    SolverError
        If HiGHS does not solve the linear program to a residual of 1e-10 of the charging power.

    Notes
    -----
    With the domain as F z <= h the zonotope lies inside it if and only if F center + |F G| beta <= h, linear in both
    (Mueller, Szabo, Sundstroem, Lygeros, IEEE Transactions on Smart Grid, 2019; arXiv:1705.02815).

    The recourse is fixed beforehand, so that costs of sums are sums of costs: the least possible shortfall is a
    constant, and the rest of the target is a hard bound. A vehicle cut off by the horizon ends between its target less
    the terminal limit and its target; the energy that it buys later is then linear in its powers and is the last
    coordinate. Without losses and wear, net power is enough; otherwise charge and discharge are stacked, each with the
    generators.
    """
    n, space = int(domain.n_usable[row]), zonotope_space(domain, row)
    target, limit = domain.target_kwh[row], domain.terminal_limit_kwh[row]
    end_low = min(target - limit, n * domain.charge_step_kwh[row])
    unserved, is_cut = domain.least_unserved_kwh[row], bool(limit > 0)
    generators = generator_matrix(domain, n, space, is_cut, lags)
    full = domain.charge_kw[row]
    rows, limits = _polytope(domain, row, space, end_low, target - unserved if is_cut else None)
    empty = Zonotope(
        center=np.zeros(len(generators)),
        generators=generators,
        beta=np.zeros(generators.shape[1]),
        space=space,
        n_steps=n,
        unserved_kwh=float(unserved),
        step_h=domain.step_h,
        wear_cny_kwh=domain.wear_cny_kwh,
        terminal_cny_kwh=domain.terminal_price_cny_kwh / domain.eta_charge,
        unserved_cny_kwh=domain.unserved_cny_kwh,
    )
    rate = energy_rate(domain, n, space)
    center, beta = _largest_inside(
        rows, limits / full, generators[:-1], *_objective(objective, empty, rate * is_cut, lags)
    )
    terminal = target - unserved - rate @ center * full if is_cut else 0.0
    return replace(empty, center=np.append(center * full, terminal), beta=beta * full)


def price_windows(price_cny_kwh, n_steps):
    """All runs of n_steps consecutive prices, as reference prices for `inner_zonotope`.

    Parameters
    ----------
    price_cny_kwh : array_like, shape (..., K)
    n_steps : int
        At most K.

    Returns
    -------
    ndarray, shape (m, n_steps)

    Examples
    --------
    >>> price_windows([1, 2, 3], 2)
    array([[1, 2],
           [2, 3]])
    """
    return sliding_window_view(np.asarray(price_cny_kwh), n_steps, axis=-1).reshape(-1, n_steps)


def _objective(objective, zonotope, terminal_rate, lags):
    """Weights of the half-lengths, and cost of the centre, per kW."""
    n, blocks = zonotope.n_steps, 2 if zonotope.space == "stacked" else 1
    idle = np.zeros(len(zonotope.generators) - 1)
    if isinstance(objective, str):
        if objective not in ("sum", "widths"):
            raise InputError(f"objective: {objective!r}; must be 'sum', 'widths' or reference prices")
        widths = generator_widths(n, lags) if objective == "widths" else np.ones(paper_generators(n, lags).shape[1])
        return np.tile(widths, blocks), idle
    prices = np.asarray(objective, dtype=float)
    if prices.ndim != 2 or not len(prices) or prices.shape[1] < n or not np.isfinite(prices).all():
        raise InputError(f"objective: prices of shape {prices.shape}; must be (m, {n} or more) and finite")
    costs = np.array([zonotope.linear_cost(row[:n]) for row in prices])
    cost = costs.mean(axis=0)
    centre = cost[:-1] - cost[-1] * terminal_rate
    scale = max(np.abs(costs).max(initial=0.0), np.finfo(float).tiny)
    return np.abs(costs @ zonotope.generators).mean(axis=0) / scale, centre / scale


def inner_zonotopes(domain, lags=(1,), objective="sum"):
    """List of n zonotopes, one per vehicle; identical vehicles share one, and so one linear program."""
    names = ("charge_kw", "discharge_kw", "n_usable", "energy_low_kwh", "energy_high_kwh", "target_kwh")
    profiles = np.stack([getattr(domain, name) for name in (*names, "terminal_limit_kwh")], axis=1)
    _, first, profile_of = np.unique(profiles, axis=0, return_index=True, return_inverse=True)
    zonotopes = [inner_zonotope(domain, row, lags, objective) for row in first]
    return [zonotopes[k] for k in profile_of.ravel()]


def _polytope(domain, row, space, end_low_kwh, end_high_kwh):
    """F and h of the domain F z <= h, with z in kW and energy rows divided by the step length [kW]."""
    n, full, back = int(domain.n_usable[row]), domain.charge_kw[row], domain.discharge_kw[row]
    identity, rate = np.eye(n), energy_rate(domain, n, space) / domain.step_h
    if space == "stacked":
        bounds = [(-np.eye(2 * n), 0.0), (np.hstack([identity, identity * (full / back)]), full)]
    else:
        bounds = [(-identity, back), (identity, full)]
    energy = np.hstack([np.tril(np.ones((n, n)))] * (2 if space == "stacked" else 1)) * rate
    bounds += [(energy, domain.energy_high_kwh[row] / domain.step_h)]
    bounds += [(-energy, -domain.energy_low_kwh[row] / domain.step_h)]
    bounds += [(-rate[None, :], -end_low_kwh / domain.step_h)]
    if end_high_kwh is not None:
        bounds += [(rate[None, :], end_high_kwh / domain.step_h)]
    return np.vstack([rows for rows, _ in bounds]), np.concatenate([np.full(len(rows), h) for rows, h in bounds])


def _largest_inside(rows, limits, generators, weights, costs):
    """Centre and half-lengths that maximise weights . beta - costs . center subject to F center + |F G| beta <= h."""
    d, g = generators.shape
    if d == 0:
        return np.zeros(0), np.zeros(g)
    matrix = np.hstack([rows, np.abs(rows @ generators)])
    objective, bounds = np.r_[costs, -weights], [(None, None)] * d + [(0, None)] * g
    options = dict(primal_feasibility_tolerance=1e-10, dual_feasibility_tolerance=1e-10)
    result = linprog(objective, A_ub=matrix, b_ub=limits, bounds=bounds, method="highs", options=options)
    if result.status != 0:
        raise SolverError(f"inner zonotope: HiGHS ended with status {result.status} ({result.message})")
    center, beta = result.x[:d], np.maximum(result.x[d:], 0.0)
    residual = float((rows @ center + matrix[:, d:] @ beta - limits).max())
    if residual > LARGEST_RESIDUAL:
        raise SolverError(f"inner zonotope: HiGHS left a residual of {residual:.1e}, more than {LARGEST_RESIDUAL}")
    return center, beta
