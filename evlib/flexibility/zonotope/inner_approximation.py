"""The paper's inner approximation: the largest zonotope inside a vehicle's flexible domain."""

from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.optimize import linprog

from evlib.errors import InputError, SolverError
from evlib.flexibility.polymatroid.set_functions import EnergyBounds, least_and_most
from evlib.flexibility.zonotope.geometry import (
    Zonotope,
    energy_rate,
    generator_matrix,
    generator_widths,
    window_normals,
    zonotope_space,
)

__all__ = ["inner_zonotope", "inner_zonotopes", "price_windows"]

# A share of the charging power, to which rows are scaled; the residual that HiGHS leaves is far smaller.
LARGEST_RESIDUAL = 1e-10
# Among the sets of the least largest deficit, the one with the least mean deficit, and with the least that vehicles charge
# and discharge at once: weights beside the largest deficit.
MEAN_DEFICIT, BOTH_AT_ONCE = 1e-3, 1e-4
OBJECTIVES, COORDINATES = ("sum", "widths", "deficit"), ("meter", "stored")


def inner_zonotope(domain, row=0, lags=(1,), objective="sum", coordinates="meter"):
    """Zonotope inside the domain of one vehicle, as large as a linear objective makes it.

    Parameters
    ----------
    domain : Domain
    row : int
        The vehicle.
    lags : tuple of int
        As in `paper_generators`.
    objective : {"sum", "widths", "deficit"} or array_like, shape (m, T) with T >= n_usable
        "deficit" is the published one: the largest gap between the supports of the exact set and of the zonotope, over
        `window_normals` and their opposites, is least. "sum" maximises the sum of half-lengths (their l1 norm), which
        favours shifts between neighbouring steps so much that the final energy is often fixed; "widths" the sum of
        `generator_widths` times half-lengths, and so the mean gap. With m rows of reference prices by usable step
        [CNY/kWh], such as `price_windows` of a forecast, the zonotope has the least mean cost at these prices.
    coordinates : {"meter", "stored"}
        Of a vehicle with losses or wear that discharges. "meter": charge and discharge each have the generators.
        "stored": the generators move stored energy, in which a vehicle has no losses: by charging, or by charging more
        and discharging less at once. Others have but one power, and the choice does not matter.

    Returns
    -------
    Zonotope
        Zonotope over the vehicle's usable steps.

    Raises
    ------
    InputError
        If the objective or coordinates are unknown, or prices have the wrong shape or are not finite.
    SolverError
        If HiGHS does not solve the linear program to a residual of 1e-10 of the charging power.

    Notes
    -----
    With the domain as F z <= h the zonotope lies inside it if and only if F center + |F G| beta <= h, linear in both
    (Mueller, Szabo, Sundstroem, Lygeros, IEEE Transactions on Smart Grid, 2019; arXiv:1705.02815). Their objective
    needs the support of the exact set at the normals, h(e). In stored energy these are the set functions of a generalised
    polymatroid (:func:`evlib.flexibility.polymatroid.least_and_most`), exact without a linear program each:

    .. math:: \\min\\, t: \\quad h(e) - e \\cdot center - |e^T G| \\beta \\le t \\; \\forall e

    Where several sets have the least t, the least mean gap decides, with a small weight in the objective.

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
    if coordinates not in COORDINATES:
        raise InputError(f"coordinates: {coordinates!r}; must be one of {', '.join(map(repr, COORDINATES))}")
    generators = generator_matrix(domain, n, space, is_cut, lags, coordinates)
    full, end_high = domain.charge_kw[row], target - unserved if is_cut else None
    rows, limits = _polytope(domain, row, space, end_low, end_high)
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
    weights, costs = _objective(objective, empty, rate * is_cut, lags)
    deficit = None
    if isinstance(objective, str) and objective == "deficit":
        deficit = _deficit(domain, row, space, end_low, end_high)
    center, beta = _largest_inside(rows, limits / full, generators[:-1], weights, costs, deficit)
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
    n = zonotope.n_steps
    centre = np.zeros(len(zonotope.generators) - 1)
    if isinstance(objective, str):
        if objective not in OBJECTIVES:
            raise InputError(f"objective: {objective!r}; must be 'sum', 'widths', 'deficit' or reference prices")
        widths = np.tile(generator_widths(n, lags), 2 if zonotope.space == "stacked" else 1)
        if objective != "deficit":
            return widths if objective == "widths" else np.ones(widths.size), centre
        if zonotope.space == "stacked":
            centre[n:] = BOTH_AT_ONCE / max(n, 1)
        return MEAN_DEFICIT / max(n * (n + 1) / 2, 1) * widths, centre
    prices = np.asarray(objective, dtype=float)
    if prices.ndim != 2 or not len(prices) or prices.shape[1] < n or not np.isfinite(prices).all():
        raise InputError(f"objective: prices of shape {prices.shape}; must be (m, {n} or more) and finite")
    costs = np.array([zonotope.linear_cost(row[:n]) for row in prices])
    cost = costs.mean(axis=0)
    centre = cost[:-1] - cost[-1] * terminal_rate
    scale = max(np.abs(costs).max(initial=0.0), np.finfo(float).tiny)
    return np.abs(costs @ zonotope.generators).mean(axis=0) / scale, centre / scale


def inner_zonotopes(domain, lags=(1,), objective="sum", coordinates="meter"):
    """List of n zonotopes, one per vehicle; identical vehicles share one, and so one linear program."""
    names = ("charge_kw", "discharge_kw", "n_usable", "energy_low_kwh", "energy_high_kwh", "target_kwh")
    profiles = np.stack([getattr(domain, name) for name in (*names, "terminal_limit_kwh")], axis=1)
    _, first, profile_of = np.unique(profiles, axis=0, return_index=True, return_inverse=True)
    zonotopes = [inner_zonotope(domain, row, lags, objective, coordinates) for row in first]
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


def _deficit(domain, row, space, end_low_kwh, end_high_kwh):
    """Directions, (2 m, d), and the support of the exact set in them over the charging power, (2 m,), for _largest_inside."""
    n, step_h = int(domain.n_usable[row]), domain.step_h
    low, high = (np.full((1, n), domain.__dict__[f"energy_{end}_kwh"][row]) for end in ("low", "high"))
    low[:, -1:] = np.maximum(low[:, -1:], end_low_kwh)
    if end_high_kwh is not None:
        high[:, -1:] = np.minimum(high[:, -1:], end_high_kwh)
    power = [
        np.full((1, n), sign * getattr(domain, f"{way}_step_kwh")[row])
        for sign, way in ((-1, "discharge"), (1, "charge"))
    ]
    normals = window_normals(n)
    least, most = least_and_most(EnergyBounds(*power, low, high), normals > 0)
    stored = np.diag(energy_rate(domain, n, "charge")) / step_h
    if space == "stacked":
        stored = np.hstack([stored, -np.eye(n) / domain.eta_discharge])
    support = np.concatenate([most[0], -least[0]]) * np.tile(normals.max(axis=1, initial=0.0), 2) / step_h
    return np.vstack([normals, -normals]) @ stored, support / domain.charge_kw[row]


def _largest_inside(rows, limits, generators, weights, costs, deficit=None):
    """Centre and half-lengths that maximise weights . beta - costs . center subject to F center + |F G| beta <= h.

    With directions and supports, the largest deficit of the zonotope's support counts besides, in full.
    """
    d, g = generators.shape
    if d == 0:
        return np.zeros(0), np.zeros(g)
    matrix, bounds = np.hstack([rows, np.abs(rows @ generators)]), [(None, None)] * d + [(0, None)] * g
    objective, table, right = np.r_[costs, -weights], matrix, limits
    if deficit is not None:
        directions, support = deficit
        reached = np.hstack([directions, np.abs(directions @ generators), np.ones((len(support), 1))])
        table = np.vstack([np.hstack([matrix, np.zeros((len(matrix), 1))]), -reached])
        objective, right, bounds = np.r_[objective, 1.0], np.r_[limits, -support], [*bounds, (0, None)]
    options = dict(primal_feasibility_tolerance=1e-10, dual_feasibility_tolerance=1e-10)
    result = linprog(objective, A_ub=table, b_ub=right, bounds=bounds, method="highs", options=options)
    if result.status != 0:
        raise SolverError(f"inner zonotope: HiGHS ended with status {result.status} ({result.message})")
    center, beta = result.x[:d], np.maximum(result.x[d : d + g], 0.0)
    residual = float((rows @ center + matrix[:, d:] @ beta - limits).max())
    if residual > LARGEST_RESIDUAL:
        raise SolverError(f"inner zonotope: HiGHS left a residual of {residual:.1e}, more than {LARGEST_RESIDUAL}")
    return center, beta
