"""The same day with perfect foresight: one plan at its beginning, with the wind, sun and departures that really come."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evlib.assignment.route_choice import even_split, shortest_path_departures
from evlib.coordination.real_time.day import Day
from evlib.coordination.real_time.plan import FIRST_PLAN, Effort, Plan, make_plan
from evlib.coordination.real_time.state import first_state
from evlib.coordination.real_time.window_grid import WindowGrid
from evlib.flexibility.cohorts import mean_over_types
from evlib.flexibility.proximal_reply import ProximalFleet
from evlib.traffic.arrival_levels import plug_ins
from evlib.traffic.network import Network

__all__ = ["PerfectDay", "perfect_day"]


@dataclass(frozen=True)
class PerfectDay:
    """The day-ahead result that real time is compared with.

    It is an equilibrium at the announced prices, tolls and rents, not the least possible total: real time may come out
    below it.

    Attributes
    ----------
    plan : Plan
        With its certificate.
    time_cny, grid_cny, vehicles_cny, late_cny, total_cny : float
        As in :func:`evlib.coordination.real_time.accounts.accounts`.
    """

    plan: Plan
    time_cny: float
    grid_cny: float
    vehicles_cny: float
    late_cny: float

    @property
    def total_cny(self) -> float:
        """Time, grid and vehicles together."""
        return self.time_cny + self.grid_cny + self.vehicles_cny + self.late_cny


def perfect_day(day: Day, effort: Effort = FIRST_PLAN, forecast: Plan | None = None) -> PerfectDay:
    """Plan a day once, knowing everything.

    Parameters
    ----------
    day : Day
        With a planned signal.
    effort : Effort
    forecast : Plan, optional
        The day's first plan, made on forecasts, to start from; drivers begin with its shares of paths.

    Returns
    -------
    PerfectDay
    """
    base, network = day.base, day.base.network
    traffic = replace(
        base.traffic, demand_veh=day.drawn_veh, fixed_veh=shortest_path_departures(network, day.others_veh)
    )
    problem, state = replace(base, traffic=traffic), first_state(day)
    grid = WindowGrid(base.case, base.options, 0, day.n_steps)
    start = Plan(
        flows_veh=even_split(network, day.drawn_veh),
        price_cny_kwh=state.price_cny_kwh,
        rent_cny=state.rent_cny if day.knows_rents else None,
        change_kwh=state.plan_change_kwh,
    )
    if forecast is not None:
        flows = _as_shared(network, forecast.flows_veh, day.drawn_veh)
        start = replace(start, flows_veh=flows, price_cny_kwh=forecast.price_cny_kwh, rent_cny=forecast.rent_cny)
    plan, loaded = make_plan(problem, grid, start, effort)
    sizes, fleet = problem.sizes(loaded), ProximalFleet(problem.cohorts)
    price = plan.price_cny_kwh[base.case.station_bus]
    reply = fleet.reply(price, plan.change_kwh, plan.weight)
    everybody = loaded.loading.departures_veh
    paid = fleet.paid_cny(price, reply) + reply.own_cny
    return PerfectDay(
        plan,
        time_cny=float((everybody * loaded.time_cny).sum()),
        grid_cny=grid.fixed(fleet.station_kw(sizes, reply)).grid_cny,
        vehicles_cny=float(sizes @ reply.own_cny),
        late_cny=_late_cny(problem, loaded, paid),
    )


def _as_shared(network: Network, flows_veh: np.ndarray, demand_veh: np.ndarray) -> np.ndarray:
    """Another demand, split as given flows split theirs; evenly where these have none."""
    total = np.array([flows_veh[network.path_origin == o].sum(axis=0) for o in range(len(network.origins))])
    total, even = total[network.path_origin], even_split(network, np.ones_like(demand_veh))
    share = np.divide(flows_veh, total, out=even, where=total > 0)
    return share * demand_veh[network.path_origin]


def _late_cny(problem, loaded, paid: np.ndarray) -> float:
    """What vehicles pay that plug in after the horizon [CNY]."""
    by_class = mean_over_types(problem.cohorts, paid, problem.network.stay_steps)
    late = plug_ins(loaded.loading, loaded.shares)[..., problem.case.n_steps :].sum(axis=-1)
    return float((late * by_class[..., -1]).sum())
