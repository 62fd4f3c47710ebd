"""How much station energy and held plugs change with prices and rents, at the replies of vehicles and drivers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.coordination.newton.dual import Dual, DualPoint

__all__ = ["Response", "respond"]

# The curvature of drivers from above makes steps too short: as demand is fixed, flows cannot all move by themselves.
# This share of it is taken; the search along a step makes up for what is then missing.
DRIVERS_SHARE = 0.6


@dataclass(frozen=True)
class Response:
    """What stations draw and hold at a point of the dual, and the curvature of the dual there.

    Attributes
    ----------
    station_kw : ndarray, shape (n_stations, K)
    held_plugs : ndarray, shape (n_stations, K)
        Plugs that would be held at the end of each step, were they not limited; zeros for objective ``user``.
    curvature : ndarray, shape (n_stations, 2 K, 2 K), or (n_stations, K, K) where there are no rents
        Minus the second derivative by prices (first K) and rents of each station: that of vehicles exactly, of drivers
        ``DRIVERS_SHARE`` of what it would be if the demand of an origin were not fixed.
    """

    station_kw: np.ndarray
    held_plugs: np.ndarray
    curvature: np.ndarray


def respond(dual: Dual, point: DualPoint) -> Response:
    """Power and held plugs of all stations at a point, with the curvature.

    .. math:: H = \\sum_{cohorts} N \\, Q + \\theta \\sum_f \\frac{1}{M_f} c_f c_f^T

    Q is the curvature of a vehicle's reply, and c_f what one vehicle of a flow draws [kWh] and holds in every step.

    Parameters
    ----------
    dual : Dual
    point : DualPoint

    Returns
    -------
    Response
    """
    problem, traffic, network = dual.problem, dual.traffic, dual.problem.network
    n_stations, n_classes, n_types, n_steps = problem.cohorts.shape
    plug_in, path_station, n_levels = traffic.shares, network.path_station.astype(np.int64), problem.cohorts.n_levels
    everybody = point.flows_veh + problem.fixed_veh
    plug_ins = plug_in.sums(path_station, _by_level(everybody, network, n_levels), n_stations)
    sizes = problem.cohorts.sizes_of(
        plug_ins.reshape(n_stations, n_classes, n_levels, n_steps) if n_levels > 1 else plug_ins
    )
    station_kw = dual.fleet.station_kw(sizes, point.reply)
    curvature = np.zeros((n_stations, 2 * n_steps, 2 * n_steps))
    curvature[:, :n_steps, :n_steps] = dual.fleet.curvature(sizes, point.reply, dual.weight)
    by_level = (n_stations, n_classes, n_types // n_levels, n_levels, n_steps, -1)
    mean_kw = point.reply.power_kw.reshape(by_level).mean(axis=2)
    energy = problem.case.step_h * _shifted(mean_kw.reshape(n_stations, n_classes * n_levels, n_steps, -1))
    moves = _by_level(np.where(point.flows_veh > 0, DRIVERS_SHARE / dual.metric, 0.0), network, n_levels)
    pairs = plug_in.pairs(plug_in, path_station, moves, n_stations)
    curvature[:, :n_steps, :n_steps] += np.einsum("cmji,cmjk,cmkl->cil", energy, pairs, energy, optimize=True)
    held = np.zeros((n_stations, n_steps))
    if point.rent_cny is not None:
        arrive = traffic.stations.arrival_shares
        arrivals, hold = arrive.sums(path_station, everybody, n_stations), point.waiting.hold
        held = np.einsum("cmj,cmji->ci", arrivals, hold)
        hold = np.repeat(hold, n_levels, axis=1)
        both = np.einsum(
            "cmji,cmjk,cmkl->cil", energy, plug_in.pairs(arrive, path_station, moves, n_stations), hold, optimize=True
        )
        curvature[:, :n_steps, n_steps:], curvature[:, n_steps:, :n_steps] = both, both.transpose(0, 2, 1)
        pairs = arrive.pairs(arrive, path_station, moves, n_stations)
        curvature[:, n_steps:, n_steps:] = np.einsum("cmji,cmjk,cmkl->cil", hold, pairs, hold, optimize=True)
        curvature[:, n_steps:, n_steps:] += point.waiting.curvature(arrivals)
    return Response(station_kw, held, curvature)


def _by_level(values, network, n_levels: int) -> np.ndarray:
    """Values of flows, divided by level of arrival: shape (n_paths, n_classes * n_levels, n_departure_steps).

    What a flow draws is a mixture over its levels. Products of a mixture are at most the mixture of the products, so this
    keeps the curvature from above.
    """
    if n_levels == 1:
        return values
    divided = network.arrival_levels.share[:, :, :, None] * values[:, :, None, :]
    return np.ascontiguousarray(divided.reshape(len(values), -1, values.shape[2]))


def _shifted(power: np.ndarray) -> np.ndarray:
    """Power by step of the horizon from power by usable step, which begins after the step of plugging in."""
    n_stations, n_classes, n_steps, n_usable = power.shape
    whole = np.zeros((n_stations, n_classes, n_steps, n_steps))
    for step in range(n_steps - 1):
        last = min(n_usable, n_steps - step - 1)
        whole[:, :, step, step + 1 : step + 1 + last] = power[:, :, step, :last]
    return whole
