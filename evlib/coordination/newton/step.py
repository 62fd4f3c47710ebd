"""One Newton step of the dual: a quadratic program in grid variables and rents, without vehicles and flows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.coordination.newton.curvature import Response, respond
from evlib.coordination.newton.dual import Dual, DualPoint
from evlib.coordination.problem import CoupledProblem
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.grid.reduced.station_cost import Block

__all__ = ["Step", "ascend", "newton_step"]

# Rents may become positive only where more than this share of the plugs would be held.
NEARLY_FULL = 0.8
# Added to the curvature by prices [kWh per CNY/kWh] and by rents [plugs per CNY], so that it has an inverse.
PRICE_INERTIA, RENT_INERTIA = 1.0, 1e-2
# Tolerance of the programs of Newton steps, which only have to lead the right way.
ROUGH = 1e-6
# A step is shortened until the dual falls by at most this share of the scale of costs, but not below the least length.
FALL, SHORTEN, LEAST_LENGTH = 1e-6, 0.4, 0.02
# Steps end when one gains less than this share of the scale.
LITTLE_GAIN = 2e-6


@dataclass(frozen=True)
class Step:
    """A whole Newton step.

    Attributes
    ----------
    price_cny_kwh, rent_cny : ndarray, shape (n_stations, K)
        Changes; no rents for objective ``user``.
    grid_cny : float
        The grid's part of the dual after the whole step [CNY]: prices are the derivative of its cost there.
    """

    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    grid_cny: float


def ascend(dual: Dual, point: DualPoint, most_steps: int) -> DualPoint:
    """Take Newton steps upwards from a point of the dual until one gains little."""
    scale = dual.problem.scale_cny
    for _ in range(most_steps):
        ahead = _search(
            dual, point, newton_step(dual.problem, dual.grid, point.price_cny_kwh, point.rent_cny, respond(dual, point))
        )
        gain, point = ahead.value_cny - point.value_cny, ahead
        if gain < LITTLE_GAIN * scale:
            break
    return point


def _search(dual: Dual, point: DualPoint, step: Step) -> DualPoint:
    """The point after a step that is as long as the dual allows; a whole step needs no further program of the grid."""
    length, grid_cny, enough = 1.0, step.grid_cny, point.value_cny - FALL * dual.problem.scale_cny
    while True:
        rent = None if step.rent_cny is None else np.maximum(point.rent_cny + length * step.rent_cny, 0.0)
        ahead = dual.at(point.price_cny_kwh + length * step.price_cny_kwh, rent, grid_cny)
        if ahead.value_cny >= enough or length < LEAST_LENGTH:
            return ahead
        length, grid_cny = length * SHORTEN, None


def newton_step(problem: CoupledProblem, grid: ReducedGrid, price_cny_kwh, rent_cny, response: Response) -> Step:
    """Changes of prices and rents that maximise the dual's quadratic model.

    .. math:: \\min_{e, t \\ge 0} \\; g(e) - h \\lambda \\cdot e + \\rho \\cdot t + \\tfrac12 a^T H^{-1} a, \\qquad
              a = (h (\\bar e - e), \\; \\bar n - P + t), \\qquad (\\Delta\\lambda, \\Delta\\rho) = H^{-1} a

    Parameters
    ----------
    problem : CoupledProblem
    grid : ReducedGrid
    price_cny_kwh : ndarray, shape (n_stations, K)
    rent_cny : ndarray, shape (n_stations, K), or None
        No rents for objective ``user``, or where nobody may drive elsewhere.
    response : Response
        Station power e and held plugs n at these prices and rents, with the curvature H.

    Returns
    -------
    Step
    """
    step_h, n_steps = problem.case.step_h, problem.case.n_steps
    spare = np.asarray(problem.network.plugs, dtype=float)[:, None] - response.held_plugs
    watched = np.zeros_like(spare, dtype=bool)
    if rent_cny is not None:
        watched = (response.held_plugs > NEARLY_FULL * (spare + response.held_plugs)) | (rent_cny > 0)
        watched[:, : problem.first_step] = False
    blocks, groups = [], []
    for group in range(grid.n_groups):
        stations = np.flatnonzero(grid.station_group == group)
        where = [np.flatnonzero(watched[c]) for c in stations]
        matrix = _group_curvature(response.curvature[stations], where, n_steps)
        factor = _factor(matrix, np.concatenate([np.arange(n_steps), *where]))
        inverse = np.linalg.inv(matrix)
        inverse = 0.5 * (inverse + inverse.T)
        lacking = [-spare[c, k] for c, k in zip(stations, where, strict=True)]
        start = np.concatenate([step_h * response.station_kw[stations].sum(axis=0), *lacking])
        sign = np.concatenate([np.full(n_steps, -step_h), np.ones(len(start) - n_steps)])
        linear = sign * (inverse @ start)
        if len(start) > n_steps:
            rents = [rent_cny[c, k] for c, k in zip(stations, where, strict=True)]
            linear[n_steps:] += np.concatenate(rents)
        blocks.append(Block(group, inverse * np.outer(sign, sign), linear, factor / sign[:, None]))
        groups.append((stations, where, inverse, start, sign))
    first = [stations[0] for stations, *_ in groups]
    answer = grid.with_blocks(-step_h * price_cny_kwh[first], blocks, tolerance=ROUGH)
    price = np.zeros_like(price_cny_kwh)
    rent = None if rent_cny is None else np.zeros_like(rent_cny)
    grid_cny = answer.grid_cny
    for group, (stations, where, inverse, start, sign) in enumerate(groups):
        replied = np.concatenate([answer.station_kw[group], answer.extras[group]])
        change = inverse @ (start + sign * replied)
        price[stations] = change[:n_steps]
        now = price_cny_kwh[stations[0]] + change[:n_steps]
        grid_cny -= step_h * float(now @ answer.station_kw[group])
        begin = n_steps
        for c, steps in zip(stations, where, strict=True):
            if len(steps):
                rent[c, steps] = np.maximum(change[begin : begin + len(steps)], -rent_cny[c, steps])
            begin += len(steps)
    return Step(price, rent, grid_cny)


def _factor(matrix: np.ndarray, step: np.ndarray) -> np.ndarray:
    """C with C C' the matrix, almost empty as far steps hardly touch: Cholesky's factor in order of the entries' steps."""
    order = np.argsort(step, kind="stable")
    factor = np.zeros_like(matrix)
    factor[np.ix_(order, order)] = np.linalg.cholesky(matrix[np.ix_(order, order)])
    return factor


def _group_curvature(curvature: np.ndarray, where: list, n_steps: int) -> np.ndarray:
    """Curvature by the one price of some stations and their rents where these may be positive, with some inertia."""
    size = n_steps + sum(len(steps) for steps in where)
    whole = np.zeros((size, size))
    whole[:n_steps, :n_steps] = curvature[:, :n_steps, :n_steps].sum(axis=0) + PRICE_INERTIA * np.eye(n_steps)
    begin = n_steps
    for matrix, steps in zip(curvature, where, strict=True):
        rows = slice(begin, begin + len(steps))
        whole[rows, rows] = matrix[np.ix_(n_steps + steps, n_steps + steps)] + RENT_INERTIA * np.eye(len(steps))
        whole[:n_steps, rows] = matrix[:n_steps, n_steps + steps]
        whole[rows, :n_steps] = whole[:n_steps, rows].T
        begin += len(steps)
    return whole
