"""One Newton step of the dual: a quadratic program in grid variables and rents, without vehicles and flows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evlib.coordination.newton.curvature import Response, respond
from evlib.coordination.newton.dual import Dual, DualPoint
from evlib.coordination.problem import CoupledProblem
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.grid.reduced.station_cost import Block

__all__ = ["LEAST_INERTIA", "LITTLE_GAIN", "Ascent", "Step", "ascend", "newton_step"]

# Rents may become positive only where more than this share of the plugs would be held.
NEARLY_FULL = 0.8
# Added to the curvature by rents [plugs per CNY] so that it has an inverse: at least, and the factors by which it becomes more
# where the dual falls within a step, and less after a whole step. Above the most no step is tried any more.
LEAST_INERTIA, MORE_INERTIA, LESS_INERTIA, MOST_INERTIA = 1e-2, 10.0, 0.25, 1e4
# Added to the curvature by prices [kWh per CNY/kWh]: at least, and for each unit of the inertia of rents.
LEAST_PRICE_INERTIA, PRICE_INERTIA = 1.0, 10.0
# Tolerance of the programs of Newton steps, which only have to lead the right way.
ROUGH = 1e-6
# A step is taken whole, or this long, where the dual falls by at most this share of the scale of costs.
FALL, LENGTHS = 1e-6, (1.0, 0.4)
# Steps end when one gains less than this share of the scale, if the caller does not want to end sooner.
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


@dataclass(frozen=True)
class Ascent:
    """Where Newton steps have led.

    Attributes
    ----------
    point : DualPoint
    inertia : float
        Of rents in the step that would come next [plugs per CNY].
    gain : float
        What the last step added to the dual, as a share of the scale of costs; infinite where no step could be taken.
    exchanged : int
        How many numbers the two sides have told each other: prices and rents one way, and the other way what stations draw and
        hold at them with the entries of their curvature, a symmetric matrix for each station.
    """

    point: DualPoint
    inertia: float
    gain: float
    exchanged: int = 0


def ascend(
    dual: Dual,
    point: DualPoint,
    most_steps: int,
    inertia: float = LEAST_INERTIA,
    little_gain: float = LITTLE_GAIN,
    tolerance: float = ROUGH,
) -> Ascent:
    """Take Newton steps upwards from a point of the dual until one gains little.

    Where the dual is far from its quadratic model a step leads to rents of thousands of CNY. Such a step is not cut short, for
    then prices would not move at all beside the rents: it is computed again with more inertia, which shortens most what the
    model knows least about (Levenberg and Marquardt's rule).
    """
    taken, gain, response, exchanged = 0, math.inf, None, _told(point)
    while taken < most_steps and inertia <= MOST_INERTIA:
        if response is None:
            response = respond(dual, point)
            exchanged += _answered(response, point)
        step = newton_step(dual.problem, dual.grid, point.price_cny_kwh, point.rent_cny, response, inertia, tolerance)
        ahead, length = _search(dual, point, step)
        exchanged += (1 + LENGTHS.index(length) if ahead else len(LENGTHS)) * _told(point)
        if ahead is None:
            inertia *= MORE_INERTIA
            continue
        if length == 1.0:
            inertia = max(LESS_INERTIA * inertia, LEAST_INERTIA)
        gain = (ahead.value_cny - point.value_cny) / dual.problem.scale_cny
        taken, point, response = taken + 1, ahead, None
        if gain < little_gain:
            break
    return Ascent(point, min(inertia, MOST_INERTIA), gain, exchanged)


def _told(point: DualPoint) -> int:
    """Prices, rents, and the value of the reply to them."""
    return point.price_cny_kwh.size + (0 if point.rent_cny is None else point.rent_cny.size) + 1


def _answered(response: Response, point: DualPoint) -> int:
    """Power, held plugs, and half of each symmetric curvature."""
    held = 0 if point.rent_cny is None else response.held_plugs.size
    return response.station_kw.size + held + int(np.count_nonzero(np.triu(response.curvature)))


def _search(dual: Dual, point: DualPoint, step: Step) -> tuple[DualPoint | None, float]:
    """The point after the longest step that the dual allows, and its length; a whole step needs no further grid program."""
    enough = point.value_cny - FALL * dual.problem.scale_cny
    for length in LENGTHS:
        rent = None if step.rent_cny is None else np.maximum(point.rent_cny + length * step.rent_cny, 0.0)
        ahead = dual.at(
            point.price_cny_kwh + length * step.price_cny_kwh, rent, step.grid_cny if length == 1.0 else None
        )
        if ahead.value_cny >= enough:
            return ahead, length
    return None, 0.0


def newton_step(
    problem: CoupledProblem,
    grid: ReducedGrid,
    price_cny_kwh,
    rent_cny,
    response: Response,
    inertia: float = LEAST_INERTIA,
    tolerance: float = ROUGH,
) -> Step:
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
    inertia : float, optional
        Added to the curvature by rents [plugs per CNY], and in proportion by prices.
    tolerance : float, optional
        Of the program.

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
        matrix = _group_curvature(response.curvature[stations], where, n_steps, inertia)
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
    answer = grid.with_blocks(-step_h * price_cny_kwh[first], blocks, tolerance=tolerance)
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


def _group_curvature(curvature: np.ndarray, where: list, n_steps: int, inertia: float) -> np.ndarray:
    """Curvature by the one price of some stations and their rents where these may be positive, with inertia."""
    of_prices = max(LEAST_PRICE_INERTIA, PRICE_INERTIA * inertia)
    size = n_steps + sum(len(steps) for steps in where)
    whole = np.zeros((size, size))
    whole[:n_steps, :n_steps] = curvature[:, :n_steps, :n_steps].sum(axis=0) + of_prices * np.eye(n_steps)
    begin = n_steps
    for matrix, steps in zip(curvature, where, strict=True):
        rows = slice(begin, begin + len(steps))
        whole[rows, rows] = matrix[np.ix_(n_steps + steps, n_steps + steps)] + inertia * np.eye(len(steps))
        whole[:n_steps, rows] = matrix[:n_steps, n_steps + steps]
        whole[rows, :n_steps] = whole[:n_steps, rows].T
        begin += len(steps)
    return whole
