"""A day in real time: what is fixed beforehand, and the coupled problem as it stands at the beginning of a step."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evlib.assignment.route_choice import shortest_path_departures
from evlib.assignment.traffic_problem import TrafficProblem
from evlib.coordination.informed import inform
from evlib.coordination.problem import CoupledProblem, cost_scale
from evlib.coordination.real_time.drivers.departures import draw_demand
from evlib.coordination.real_time.state import State
from evlib.coordination.real_time.under_way import under_way
from evlib.errors import InputError
from evlib.grid.fleet_dispatch import vehicle_set
from evlib.grid.grid_case import GridCase
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.scenario import Scenario
from evlib.inputs.weather.day import Weather

__all__ = ["PLANNED", "SIGNALS", "Day", "informed_shares", "prepare"]

# Signals that tell what the plan expects; with the others, drivers' ways are no part of the plan.
PLANNED = ("predicted", "promised")
# `now`: roads, queues and prices as they are. `informed` and `nearest`: rivals, which tell nothing of the grid.
SIGNALS = ("now", *PLANNED, "informed", "nearest")
# Signals that drivers may follow to another station while they are on their way.
TURNING = ("predicted", "now")
# With the signal `now`, the grid expects later drivers to spread as those of the last hour did.
LAST_MIN = 60.0


@dataclass(frozen=True)
class Day:
    """What stays the same during a day.

    Attributes
    ----------
    scenario : Scenario
    signal : str
        One of ``SIGNALS``.
    weather : Weather
    base : CoupledProblem
        The day as measured, with cohorts as they plug in; its demand is what is expected.
    drawn_veh, others_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        Vehicles that really depart: followers, and others, who take the shortest path to the nearest station [veh].
    seed : int
    whole_vehicles : bool
        Whether departures and choices are drawn as whole vehicles; otherwise they are their own means.
    informed_share : ndarray, shape of flows, or None
        Signal ``informed``: share of each path among the followers of its origin, class and step.
    """

    scenario: Scenario
    signal: str
    weather: Weather
    base: CoupledProblem
    drawn_veh: np.ndarray
    others_veh: np.ndarray
    seed: int
    whole_vehicles: bool
    informed_share: np.ndarray | None

    @property
    def n_steps(self) -> int:
        """Steps K of the day."""
        return self.base.case.n_steps

    @property
    def n_departure_steps(self) -> int:
        """Steps in which vehicles depart."""
        return self.base.network.time.n_departure_steps

    @property
    def planned(self) -> bool:
        """Whether drivers are told what the plan expects."""
        return self.signal in PLANNED

    @property
    def knows_rents(self) -> bool:
        """Whether plug rents are announced."""
        return self.planned and self.base.objective == "system" and self.base.traffic.drivers.logit_cny == 0

    def case_at(self, step: int) -> GridCase:
        """The grid as it is forecast at the beginning of a step."""
        rating_kw = 1000.0 * np.array([farm.rating_mw for farm in self.scenario.grid.farms])
        return replace(self.base.case, available_kw=self.weather.forecast.at(step) * rating_kw[:, None])

    def problem_at(self, state: State) -> CoupledProblem:
        """The coupled problem of the rest of the day.

        Departures before the step are what they were; vehicles have the energy that they have by now; wind and sun are
        what is forecast.
        """
        step, base = state.step, self.base
        later = np.arange(self.n_departure_steps) >= step
        expected = np.where(later, base.demand_veh, 0.0)
        fixed = state.departures_veh + np.where(later, base.fixed_veh, 0.0)
        nobody = not (self.planned and expected.any())
        if nobody:
            fixed = fixed + self.expected_share(state) * expected[base.network.path_origin]
            expected = np.zeros_like(expected)
        cohorts = under_way(base.cohorts, state.change_kwh, step)
        objective = "user" if nobody else base.objective
        return replace(
            base,
            traffic=TrafficProblem(base.network, expected, fixed, base.traffic.drivers, objective),
            case=self.case_at(step),
            cohorts=cohorts,
            vehicles=vehicle_set(cohorts, base.charging, "exact"),
            first_step=step,
        )

    def expected_share(self, state: State) -> np.ndarray:
        """How followers who depart later are expected to spread, where the plan does not guide them; shape of flows."""
        network = self.base.network
        nearest = shortest_path_departures(network, np.ones_like(self.base.demand_veh))
        if self.signal == "informed":
            return self.informed_share
        if self.signal != "now" or state.step == 0:
            return nearest
        first = max(state.step - round(LAST_MIN / network.time.step_min), 0)
        last = state.followers_veh[:, :, first : state.step].sum(axis=2)
        total = np.array([last[network.path_origin == o].sum(axis=0) for o in range(len(network.origins))])
        total = total[network.path_origin]
        share = np.divide(last, total, out=np.zeros_like(last), where=total > 0)
        return np.where(total[:, :, None] > 0, share[:, :, None], nearest)


def prepare(
    scenario: Scenario,
    weather: Weather,
    *,
    signal: str = "predicted",
    charging: str = "v2g",
    objective: str | None = None,
    seed: int = 0,
    whole_vehicles: bool = True,
    informed_share: np.ndarray | None = None,
) -> Day:
    """Prepare a day: build its problem and draw who departs.

    Parameters
    ----------
    scenario : Scenario
    weather : Weather
    signal : {"now", "predicted", "promised", "informed", "nearest"}
    charging : {"v2g", "smart"}
    objective : {"user", "system"}, optional
        The scenario's by default.
    seed : int
        Of whole vehicles.
    whole_vehicles : bool
    informed_share : ndarray, optional
        From :func:`informed_shares`, which signal ``informed`` needs; computed if it is missing.

    Returns
    -------
    Day

    Raises
    ------
    InputError
        An unknown signal, or a case that cannot be run in real time; the message says why.
    """
    _check(scenario, signal, charging, seed)
    base = CoupledProblem.of(scenario, charging, objective or scenario.switches.objective)
    rating_kw = 1000.0 * np.array([farm.rating_mw for farm in scenario.grid.farms])
    case = weather.case(build_grid_case(scenario), rating_kw, scenario.tables.load_pu)
    nothing = np.zeros((len(case.stations), case.n_steps))
    scale = cost_scale(case, base.options, ReducedGrid(case, base.options).fixed(nothing).cost_cny)
    base = replace(base, case=case, scale_cny=scale)
    if signal == "informed" and informed_share is None:
        informed_share = informed_shares(scenario, charging)
    follow = scenario.fleet.compliance
    expected = base.demand_veh if follow == 1 else base.demand_veh + _by_origin(base.network, base.fixed_veh)
    drawn, others = base.demand_veh, expected - base.demand_veh
    if whole_vehicles:
        everybody = draw_demand(expected, seed)
        drawn = np.random.default_rng((seed, 2)).binomial(everybody.astype(int), follow).astype(float)
        others = everybody - drawn
    return Day(scenario, signal, weather, base, drawn, others, seed, whole_vehicles, informed_share)


def informed_shares(scenario: Scenario, charging: str) -> np.ndarray:
    """Share of each path where drivers know roads and queues of the expected day and the mean tariff, shape of flows."""
    informed = inform(scenario, charging)
    base = CoupledProblem.of(scenario, charging, "user")
    flows, wanted = informed.flows_veh - base.fixed_veh, base.demand_veh[base.network.path_origin]
    nearest = shortest_path_departures(base.network, np.ones_like(base.demand_veh))
    return np.where(wanted > 0, np.maximum(flows, 0.0) / np.where(wanted > 0, wanted, 1.0), nearest)


def _by_origin(network, flows_veh: np.ndarray) -> np.ndarray:
    return np.array([flows_veh[network.path_origin == o].sum(axis=0) for o in range(len(network.origins))])


def _check(scenario: Scenario, signal: str, charging: str, seed: int) -> None:
    switches = scenario.switches
    if signal not in SIGNALS:
        raise InputError(f"signal {signal!r} is unknown; must be one of {', '.join(SIGNALS)}")
    if charging not in ("v2g", "smart"):
        how = "gives no prices to promise" if signal == "promised" else "does not reply to prices"
        raise InputError(f"charging {charging!r} {how}; in real time it must be 'v2g' or 'smart'")
    if not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed: {seed!r}; must be a whole number, 0 or more")
    gain = scenario.fleet.turn_gain_cny
    if gain is not None:
        where = f"{scenario.file}: fleet.turn_gain_cny is {gain:g}, so drivers turn on their way"
        if signal not in TURNING:
            reason = "was promised a price at one station" if signal == "promised" else "is told nothing"
            raise InputError(f"{where}; with signal {signal!r} who departs {reason}: must be {' or '.join(TURNING)}")
        if scenario.fleet.logit_cny > 0:
            raise InputError(f"{where} to what is cheapest; fleet.logit_cny {scenario.fleet.logit_cny:g} must be 0")
    for name, value, right in (
        ("trip_end", switches.trip_end, ("station",)),
        ("path_set", switches.path_set, ("enumerated",)),
        ("set", switches.set, ("exact", "columns")),
        ("grid_model", switches.grid_model, ("lindistflow", "cone_final")),
    ):
        if value not in right:
            listed = " or ".join(map(repr, right))
            raise InputError(f"{scenario.file}: switches.{name} is {value!r}; in real time it must be {listed}")
