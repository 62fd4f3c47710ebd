"""How far drivers are from equilibrium: excess cost and relative gap over the cheapest paths."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from evlib.assignment.path_costs import Traffic

__all__ = ["Gaps", "gaps", "regret_cny"]


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """How far drivers are from equilibrium.

    For objective ``system`` the costs contain tolls, which neglect what a delay does further downstream (see
    :mod:`evlib.assignment.marginal_costs`): a small excess then says that drivers are content with *these* tolls, not how
    far the total is from its least value.

    Attributes
    ----------
    excess_cny_veh : float
        Mean cost above that of the cheapest path for the same origin, class and departure step [CNY per vehicle].
    relative_gap : float
        The same excess as a share of time and queue cost.
    excess_cny_veh_by_origin, excess_cny_veh_by_class : dict of str -> float
        Mean excess of one origin or class [CNY per vehicle].
    rent_gap_cny_veh : float
        Cost of waiting that plug rents fail to explain, as far as it is the waiting of those who follow the signal
        [CNY per vehicle]; the first two include it. nan without rents.
    """

    excess_cny_veh: float = np.nan
    relative_gap: float = np.nan
    excess_cny_veh_by_origin: dict = field(default_factory=dict)
    excess_cny_veh_by_class: dict = field(default_factory=dict)
    rent_gap_cny_veh: float = np.nan


def gaps(traffic: Traffic, electricity_cny: np.ndarray, rent_cny: np.ndarray | None = None) -> Gaps:
    """Measure how far drivers are from the cheapest path for their origin, class and departure step.

    .. math:: excess = \\frac{\\sum f (C - C_{min})}{\\sum f}, \\qquad gap = \\frac{\\sum f (C - C_{min})}{\\sum f T}

    Logit drivers, who misjudge costs on a scale theta, are in equilibrium if :math:`C + \\theta \\ln (f / d)` is the
    same on all paths, with d their demand. For them this sum replaces C, and its least value
    :math:`-\\theta \\ln \\sum_p e^{-C_p / \\theta}` replaces C_min.

    Parameters
    ----------
    traffic : Traffic
    electricity_cny : ndarray, shape (n_stations, n_classes, K + 1)
        Electricity cost V of one vehicle [CNY].
    rent_cny : ndarray, shape (n_stations, K), optional
        Plug rents [CNY] announced to drivers instead of waiting and toll at stations, for objective ``system``.

    Returns
    -------
    Gaps

    Notes
    -----
    C is the cost under the problem's objective, and its minimum is taken over *all* paths. The denominator T contains
    only time and queue cost, so that electricity prices do not distort the gap.
    """
    network, flows = traffic.loading.network, traffic.flows_veh
    cost = traffic.costs(electricity_cny, rent_cny)
    regret = np.empty_like(cost)
    for o in range(len(network.origins)):
        rows = network.path_origin == o
        regret[rows] = regret_cny(cost[rows], flows[rows], traffic.logit_cny)
    lost = flows * regret

    def per_vehicle(chosen, axis):
        vehicles = flows[chosen].sum(axis=axis)
        return np.divide(lost[chosen].sum(axis=axis), vehicles, out=np.zeros_like(vehicles), where=vehicles > 0)

    followers = flows.sum()
    rent_gap_cny = 0.0 if rent_cny is None else traffic.rent_gap_cny(rent_cny) * _share_of_waiting(traffic)
    total = lost.sum() + rent_gap_cny
    by_origin = [float(per_vehicle(network.path_origin == o, None)) for o in range(len(network.origins))]
    return Gaps(
        excess_cny_veh=float(total / followers),
        relative_gap=float(total / (flows * traffic.time_cny).sum()),
        excess_cny_veh_by_origin=dict(zip(network.origins, by_origin, strict=True)),
        excess_cny_veh_by_class=dict(zip(network.classes, per_vehicle(slice(None), (0, 2)).tolist(), strict=True)),
        rent_gap_cny_veh=np.nan if rent_cny is None else float(rent_gap_cny / followers),
    )


def _share_of_waiting(traffic: Traffic) -> float:
    """Share of all waiting that falls on those who follow the signal; their share of vehicles where nobody waits."""
    everybody, waiting_cny = traffic.loading.departures_veh, traffic.stations.waiting_cny
    total_cny = (everybody * waiting_cny).sum()
    if total_cny > 0:
        return (traffic.flows_veh * waiting_cny).sum() / total_cny
    return traffic.flows_veh.sum() / everybody.sum()


def regret_cny(cost_cny: np.ndarray, flows_veh: np.ndarray, logit_cny: float) -> np.ndarray:
    """Cost of each path above that of the best one [CNY per vehicle]; the first axis holds paths. See :func:`gaps`."""
    least = cost_cny.min(axis=0)
    if logit_cny == 0:
        return cost_cny - least
    demand = flows_veh.sum(axis=0)
    share = np.divide(flows_veh, demand, out=np.ones_like(flows_veh), where=(flows_veh > 0) & (demand > 0))
    best = least - logit_cny * np.log(np.exp((least - cost_cny) / logit_cny).sum(axis=0))
    return cost_cny + logit_cny * np.log(share) - best
