"""One Newton step of the dual: a quadratic program in grid variables and rents, without vehicles and flows."""

from __future__ import annotations

import numpy as np

from evlib.coordination.newton.curvature import Response, respond
from evlib.coordination.newton.dual import Dual, DualPoint
from evlib.grid.reduced.reduced_grid import Block

__all__ = ["ascend", "newton_step"]

# Rents may become positive only where more than this share of the plugs would be held.
NEARLY_FULL = 0.8
# Added to the curvature by prices [kWh per CNY/kWh] and by rents [plugs per CNY], so that it has an inverse.
PRICE_INERTIA, RENT_INERTIA = 1.0, 1e-2
# A step is shortened until the dual falls by at most this share of the scale of costs, but not below the least length.
FALL, SHORTEN, LEAST_LENGTH = 1e-6, 0.4, 0.02


def ascend(dual: Dual, point: DualPoint, n_steps: int) -> DualPoint:
    """Take some Newton steps upwards from a point of the dual."""
    for _ in range(n_steps):
        price, rent = newton_step(dual, point, respond(dual, point))
        point = _search(dual, point, price, rent)
    return point


def _search(dual: Dual, point: DualPoint, price, rent) -> DualPoint:
    length = 1.0
    while True:
        ahead_rent = None if rent is None else np.maximum(point.rent_cny + length * rent, 0.0)
        ahead = dual.at(point.price_cny_kwh + length * price, ahead_rent)
        if ahead.value_cny >= point.value_cny - FALL * dual.problem.scale_cny or length < LEAST_LENGTH:
            return ahead
        length *= SHORTEN


def newton_step(dual: Dual, point: DualPoint, response: Response) -> tuple[np.ndarray, np.ndarray | None]:
    """Changes of prices and rents, each of shape (n_stations, K), that maximise the dual's quadratic model.

    .. math:: \\min_{e, t \\ge 0} \\; g(e) - h \\lambda \\cdot e + \\rho \\cdot t + \\tfrac12 a^T H^{-1} a, \\qquad
              a = (h (\\bar e - e), \\; \\bar n - P + t), \\qquad (\\Delta\\lambda, \\Delta\\rho) = H^{-1} a

    Parameters
    ----------
    dual : Dual
    point : DualPoint
    response : Response
        Station power e and held plugs n at the point, with the curvature H.
    """
    grid, step_h, n_steps = dual.grid, dual.problem.case.step_h, dual.problem.case.n_steps
    spare = np.asarray(dual.problem.network.plugs, dtype=float)[:, None] - response.held_plugs
    watched = np.zeros_like(spare, dtype=bool)
    if point.rent_cny is not None:
        watched = (response.held_plugs > NEARLY_FULL * (spare + response.held_plugs)) | (point.rent_cny > 0)
    blocks, groups = [], []
    for group in range(grid.n_groups):
        stations = np.flatnonzero(grid.station_group == group)
        where = [np.flatnonzero(watched[c]) for c in stations]
        matrix = _group_curvature(response.curvature[stations], where, n_steps)
        inverse = np.linalg.inv(matrix)
        inverse = 0.5 * (inverse + inverse.T)
        lacking = [-spare[c, k] for c, k in zip(stations, where, strict=True)]
        start = np.concatenate([step_h * response.station_kw[stations].sum(axis=0), *lacking])
        sign = np.concatenate([np.full(n_steps, -step_h), np.ones(len(start) - n_steps)])
        linear = sign * (inverse @ start)
        if len(start) > n_steps:
            rents = [point.rent_cny[c, k] for c, k in zip(stations, where, strict=True)]
            linear[n_steps:] += np.concatenate(rents)
        blocks.append(Block(group, inverse * np.outer(sign, sign), linear))
        groups.append((stations, where, inverse, start, sign))
    first = [stations[0] for stations, *_ in groups]
    answer = grid.with_blocks(-step_h * point.price_cny_kwh[first], blocks)
    price = np.zeros_like(point.price_cny_kwh)
    rent = None if point.rent_cny is None else np.zeros_like(point.rent_cny)
    for group, (stations, where, inverse, start, sign) in enumerate(groups):
        found = np.concatenate([answer.station_kw[group], answer.extras[group]])
        change = inverse @ (start + sign * found)
        price[stations] = change[:n_steps]
        begin = n_steps
        for c, steps in zip(stations, where, strict=True):
            if len(steps):
                rent[c, steps] = np.maximum(change[begin : begin + len(steps)], -point.rent_cny[c, steps])
            begin += len(steps)
    return price, rent


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
