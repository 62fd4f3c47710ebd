"""The Minkowski sum of a station's vehicles: add centres and half-lengths of their zonotopes on a common horizon."""

from dataclasses import dataclass, replace

import numpy as np

from evlib.errors import InputError
from evlib.flexibility.domain import Domain
from evlib.flexibility.fleet import check_cohorts
from evlib.flexibility.zonotope.geometry import Zonotope, generator_matrix, zonotope_space
from evlib.flexibility.zonotope.inner_approximation import inner_zonotopes

__all__ = ["StationZonotope", "station_zonotope", "sum_zonotopes"]


@dataclass(frozen=True)
class StationZonotope:
    """The sum of a station's cohorts on a common horizon of K steps, and what one vehicle of each cohort adds to it.

    Parameters
    ----------
    zonotope : Zonotope
        Sum of the cohorts' sets, scaled by their sizes, over the steps of the horizon. Cohorts that the horizon cuts
        off have separate generators (with the terminal energy), so that the least cost of the sum is the sum of least
        costs.
    domain : Domain
    sizes, offsets : ndarray, shape (n,)
        Vehicles in each cohort [veh]; horizon step of its first usable step.
    centers, betas : ndarray, shape (n, d) and (n, g)
        Centre and half-lengths of one vehicle of each cohort, on the horizon.
    """

    zonotope: Zonotope
    domain: Domain
    sizes: np.ndarray
    offsets: np.ndarray
    centers: np.ndarray
    betas: np.ndarray

    def of_size(self, sizes):
        """The zonotope for other sizes, shape (n,) [veh], in which it is linear; its unserved energy is not updated."""
        return replace(self.zonotope, center=sizes @ self.centers, beta=sizes @ self.betas)


def station_zonotope(
    domain, sizes, offsets, n_horizon, lags=(1,), objective="sum", zonotopes=None, coordinates="meter"
):
    """Sum the zonotopes of cohorts that plug in at different steps, on a common horizon.

    Parameters
    ----------
    domain : Domain
        Domain of one vehicle of each of n cohorts.
    sizes : array_like, shape (n,)
        Vehicles in each cohort [veh], real numbers, 0 or more.
    offsets : array_like of int, shape (n,)
        Horizon step of the first usable step: one after the plug-in step.
    n_horizon : int
        K, steps of the horizon.
    lags, objective, coordinates
        As in `inner_zonotope`.
    zonotopes : list of Zonotope, optional
        `inner_zonotopes(domain, lags, objective, coordinates)`, if already known; they do not depend on sizes, offsets or prices.

    Returns
    -------
    StationZonotope

    Raises
    ------
    InputError
        If a size is negative or a stay leaves the horizon.
    """
    sizes, offsets = check_cohorts(domain, sizes, offsets, n_horizon)
    zonotopes = inner_zonotopes(domain, lags, objective, coordinates) if zonotopes is None else zonotopes
    cut, space = domain.terminal_limit_kwh > 0, zonotope_space(domain)
    cut_states = (False, True) if cut.any() else (False,)
    generators = np.hstack(
        [generator_matrix(domain, n_horizon, space, is_cut, lags, coordinates) for is_cut in cut_states]
    )
    centers, betas = np.zeros((domain.n, len(generators))), np.zeros((domain.n, generators.shape[1]))
    for v, member in enumerate(zonotopes):
        at, columns = _place(member, offsets[v], n_horizon, lags)
        centers[v, at], centers[v, -1] = member.center[:-1], member.center[-1]
        betas[v, columns + cut[v] * (generators.shape[1] // 2)] = member.beta
    total = Zonotope(
        center=sizes @ centers,
        generators=generators,
        beta=sizes @ betas,
        space=space,
        n_steps=n_horizon,
        unserved_kwh=float(sizes @ np.array([member.unserved_kwh for member in zonotopes])),
        step_h=domain.step_h,
        wear_cny_kwh=domain.wear_cny_kwh,
        terminal_cny_kwh=domain.terminal_price_cny_kwh / domain.eta_charge,
        unserved_cny_kwh=domain.unserved_cny_kwh,
    )
    return StationZonotope(total, domain, sizes, offsets, centers, betas)


def sum_zonotopes(zonotopes, sizes):
    """Minkowski sum of cohorts with the same plug-in window: add centres, half-lengths and unserved energy.

    Parameters
    ----------
    zonotopes : list of Zonotope
        Zonotope of one vehicle of each of n cohorts.
    sizes : array_like, shape (n,)
        Weights: vehicles in each cohort [veh].

    Returns
    -------
    Zonotope

    Raises
    ------
    InputError
        If there are no zonotopes, a size is negative, or generators, space or cost terms differ.
    """
    sizes = np.asarray(sizes, dtype=float)
    if not zonotopes or sizes.shape != (len(zonotopes),) or not (np.isfinite(sizes) & (sizes >= 0)).all():
        raise InputError(f"sizes: {sizes}; must be one number of 0 or more for each of {len(zonotopes)} zonotopes")
    first = zonotopes[0]
    for i, zonotope in enumerate(zonotopes):
        like = replace(zonotope, unserved_kwh=first.unserved_kwh)
        scalars_agree = all(value == getattr(like, name) for name, value in vars(first).items() if np.isscalar(value))
        if not (scalars_agree and np.array_equal(zonotope.generators, first.generators)):
            raise InputError(f"zonotopes: number {i} differs from number 0 in generators, space or cost; must agree")
    return replace(
        first,
        center=sizes @ np.stack([z.center for z in zonotopes]),
        beta=sizes @ np.stack([z.beta for z in zonotopes]),
        unserved_kwh=float(sizes @ np.array([z.unserved_kwh for z in zonotopes])),
    )


def _place(member, offset, n_horizon, lags):
    """Positions of a vehicle's coordinates and generators among those of the horizon."""
    n, at, columns, begin = member.n_steps, [], [], 0
    for block in range(2 if member.space == "stacked" else 1):
        at.append(block * n_horizon + offset + np.arange(n))
        for lag in (0, *lags):
            columns.append(begin + offset + np.arange(max(n - lag, 0)))
            begin += max(n_horizon - lag, 0)
    return np.concatenate(at), np.concatenate(columns)
