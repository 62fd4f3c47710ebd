"""One step of a day in real time: plan the rest, tell whoever departs, dispatch the step that has come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evlib.assignment.path_costs import Traffic, evaluate_loading
from evlib.assignment.route_choice import shortest_path_departures
from evlib.coordination.real_time.act import Act, act
from evlib.coordination.real_time.day import Day
from evlib.coordination.real_time.drivers.departures import draw_paths
from evlib.coordination.real_time.drivers.signals import (
    Told,
    cheapest_shares,
    shares_of_plan,
    tell_all,
    tell_now,
    tell_plan,
)
from evlib.coordination.real_time.drivers.turning import arcs_left, open_paths, turn
from evlib.coordination.real_time.plan import FIRST_PLAN, LATER_PLAN, Effort, Plan, make_plan
from evlib.coordination.real_time.state import State
from evlib.coordination.real_time.under_way import done_steps, keep_remaining, put_remaining
from evlib.coordination.real_time.window_grid import WindowGrid
from evlib.inputs.scenario import Scenario
from evlib.traffic.loading import load_traffic

__all__ = ["advance", "plan_at", "replan_effort"]


def replan_effort(scenario: Scenario) -> Effort:
    """How far plans after the first are worked out: the scenario's ``coordination.replan_*``, where it states them."""
    keys = scenario.coordination
    stated = {
        "iterations": keys.replan_iterations,
        "relative_gap": keys.replan_relative_gap,
        "price_gap": keys.replan_price_gap,
    }
    return replace(LATER_PLAN, **{name: value for name, value in stated.items() if value is not None})


def plan_at(day: Day, state: State, effort: Effort) -> tuple[Plan, Traffic]:
    """The plan of the rest of the day at the beginning of a step, and the loading of its flows.

    Where the scenario states ``coordination.replan_every_steps``, prices, rents and recommended ways of the last plan hold
    on in the steps between, at times that are read off the roads anew.

    Parameters
    ----------
    day : Day
    state : State
        Its plan is what this one starts from.
    effort : Effort
        How far the plan is worked out.

    Returns
    -------
    Plan
    Traffic
    """
    step, problem = state.step, day.problem_at(state)
    start = Plan(
        flows_veh=state.plan_flows_veh * (np.arange(day.n_departure_steps) >= step),
        price_cny_kwh=state.price_cny_kwh,
        rent_cny=state.rent_cny if day.knows_rents else None,
        change_kwh=keep_remaining(
            state.plan_change_kwh, done_steps(day.base.cohorts, step), problem.cohorts.domain.n_steps
        ),
        weight=state.weight,
        level_cny_veh=state.level_cny_veh,
        walk_step=state.walk_step,
        monitored=state.monitored,
    )
    if step % (day.scenario.coordination.replan_every_steps or 1):
        return start, problem.traffic.evaluate(start.flows_veh)
    backup = state.backup_kw if state.has_backup else None
    grid = WindowGrid(problem.case, problem.options, step, day.n_steps, backup, state.monitored)
    return make_plan(problem, grid, start, effort)


def advance(
    day: Day,
    state: State,
    first: Effort = FIRST_PLAN,
    later: Effort | None = None,
    planned: tuple[Plan, Traffic] | None = None,
) -> tuple[State, Plan]:
    """The state after a step, and the plan made in it.

    Parameters
    ----------
    day : Day
    state : State
        At the beginning of the step.
    first, later : Effort
        How far the day's first plan, and later ones, are worked out; later ones as the scenario says.
    planned : tuple of Plan and Traffic, optional
        What :func:`plan_at` returns for this state, if it is known already.

    Returns
    -------
    State
        At the beginning of the next step.
    Plan
        From the present step on.
    """
    step, problem = state.step, day.problem_at(state)
    backup = state.backup_kw if state.has_backup else None
    done = done_steps(day.base.cohorts, step)
    plan, traffic = planned or plan_at(day, state, (later or replan_effort(day.scenario)) if step else first)
    if day.scenario.fleet.turn_gain_cny is not None:
        state = _turn(day, state, problem, plan, traffic)
    if step < day.n_departure_steps:
        told, share = _signal(day, state, problem, plan, traffic)
        state = _depart(day, state, told, share)
    loading = load_traffic(day.base.network, state.departures_veh)
    present = evaluate_loading(loading, day.base.traffic.drivers, "user")
    acted = act(problem, plan, day.base.case, problem.sizes(present), backup)
    return _after(day, state, plan, acted, done), plan


def _signal(day: Day, state: State, problem, plan: Plan, traffic) -> tuple[Told | None, np.ndarray]:
    """What followers are told, and the share of each path among them, shape (n_paths, n_classes)."""
    step, network, drivers = state.step, day.base.network, day.base.traffic.drivers
    if day.planned:
        told = tell_plan(traffic, problem.electricity(plan.price_cny_kwh), plan.rent_cny, step)
        if drivers.logit_cny > 0:
            return told, cheapest_shares(network, told.cost_cny, drivers.logit_cny)
        return told, shares_of_plan(network, plan.flows_veh[:, :, step], told.cost_cny)
    if day.signal == "now":
        told = _told_now(day, state, problem)
        return told, cheapest_shares(network, told.cost_cny, drivers.logit_cny)
    return None, day.expected_share(state)[:, :, step]


def _told_now(day: Day, state: State, problem) -> Told:
    """What the signal ``now`` says at the beginning of a step: before the first dispatch, at the tariff."""
    step, network = state.step, day.base.network
    price = day.base.case.import_price_cny_kwh[:1] * np.ones((len(state.price_cny_kwh), 1))
    if step:
        price = state.real_price_cny_kwh[:, step - 1 : step]
    flat = np.broadcast_to(price, state.price_cny_kwh.shape)
    loading = load_traffic(network, state.departures_veh)
    return tell_now(loading, day.base.traffic.drivers, step, problem.electricity(flat))


def _turn(day: Day, state: State, problem, plan: Plan, traffic: Traffic) -> State:
    """The state after followers on their way have changed station; they are told how much less their trips will cost."""
    network, parts = day.base.network, ("time_cny", "electricity_cny", "transfer_cny")
    if not state.followers_veh.any():
        return state
    if day.planned:
        if (
            traffic.stations is None and plan.rent_cny is not None
        ):  # nobody departs any more, but rents are still announced
            traffic = evaluate_loading(traffic.loading, day.base.traffic.drivers, day.base.objective)
        told = tell_all(traffic, problem.electricity(plan.price_cny_kwh), plan.rent_cny)
    else:
        everywhere = np.zeros_like(state.followers_veh)
        told = Told(*(values[:, :, None] + everywhere for values in vars(_told_now(day, state, problem)).values()))
    loading = load_traffic(network, state.departures_veh)
    possible = open_paths(network, arcs_left(loading, network.time.step_min * state.step))
    moves = turn(state.followers_veh, told.cost_cny, possible, network.path_station, day.scenario.fleet.turn_gain_cny)
    followers, departures = state.followers_veh.copy(), state.departures_veh.copy()
    quotes = {name: getattr(state, f"told_{name}").copy() for name in parts}
    for p, _, m, j in moves:
        departures[p, m, j] = max(departures[p, m, j] - state.followers_veh[p, m, j], 0.0)
        followers[p, m, j] = 0.0
    for p, q, m, j in moves:
        count, there = state.followers_veh[p, m, j], followers[q, m, j]
        for name, quote in quotes.items():
            announced = getattr(told, name)
            own = getattr(state, f"told_{name}")[p, m, j] + announced[q, m, j] - announced[p, m, j]
            quote[q, m, j] = (there * quote[q, m, j] + count * own) / (there + count) if there else own
        followers[q, m, j] += count
        departures[q, m, j] += count
    turned = float(sum(state.followers_veh[p, m, j] for p, _, m, j in moves))
    return replace(
        state,
        followers_veh=followers,
        departures_veh=departures,
        turned_veh=_put(state.turned_veh, state.step, turned),
        **{f"told_{name}": quote for name, quote in quotes.items()},
    )


def _depart(day: Day, state: State, told: Told | None, share: np.ndarray) -> State:
    """The state with the departures of the step, and what they were told."""
    step, network = state.step, day.base.network
    followers, others = day.drawn_veh[:, :, step], day.others_veh[:, :, step]
    if day.whole_vehicles:
        chosen = draw_paths(share, followers, network.path_origin, day.seed, step)
    else:
        chosen = share * followers[network.path_origin]
    rest = shortest_path_departures(network, others[:, :, None])[:, :, 0]
    changes = {
        "followers_veh": _put(state.followers_veh, step, chosen),
        "departures_veh": _put(state.departures_veh, step, chosen + rest),
    }
    if told is not None:
        for name, values in vars(told).items():
            changes[f"told_{name}"] = _put(getattr(state, f"told_{name}"), step, values)
    return replace(state, **changes)


def _after(day: Day, state: State, plan: Plan, acted: Act, done: np.ndarray) -> State:
    """The state at the beginning of the next step."""
    step = state.step
    change, power = state.change_kwh.copy(), state.power_kw.copy()
    change[acted.rows, done[acted.rows]] = acted.change_kwh
    power[acted.rows, done[acted.rows]] = acted.power_kw
    planned = put_remaining(state.plan_change_kwh, plan.change_kwh, done)
    row = [plan.excess_cny_veh, plan.relative_gap, plan.price_gap, plan.iterations]
    return replace(
        state,
        step=step + 1,
        change_kwh=change,
        power_kw=power,
        real_price_cny_kwh=_put(state.real_price_cny_kwh, step, acted.price_cny_kwh),
        station_kw=_put(state.station_kw, step, acted.station_kw),
        grid=_put(state.grid, step, _measures(day, step, acted)),
        backup_kw=np.clip(acted.machines.backup_kw[:, 0], 0.0, day.base.case.backup_kw),
        plan_flows_veh=plan.flows_veh,
        plan_change_kwh=planned,
        price_cny_kwh=plan.price_cny_kwh,
        rent_cny=state.rent_cny if plan.rent_cny is None else plan.rent_cny,
        monitored=plan.monitored,
        weight=plan.weight,
        level_cny_veh=plan.level_cny_veh,
        walk_step=plan.walk_step,
        certificate=_put(state.certificate, step, row),
    )


def _measures(day: Day, step: int, acted: Act) -> list[float]:
    """Values of ``GRID_MEASURES``; the balance is that of the whole feeder, which the model feeds without losses."""
    case, machines = day.base.case, acted.machines
    load, station, available = case.load_kw[:, step].sum(), acted.station_kw.sum(), case.available_kw[:, step].sum()
    curtailed, backup, shed = machines.curtailed_kw.sum(), machines.backup_kw.sum(), machines.shed_kw.sum()
    imported, exported = machines.import_kw.sum(), machines.export_kw.sum()
    residual = imported - exported + backup + available - curtailed + shed - load - station
    overload = machines.tie_overload_kw.sum() + machines.line_overload_kva.sum()
    return [
        *(acted.cost_cny, load, station, available, curtailed, backup, imported, exported, shed, overload),
        abs(residual),
    ]


def _put(values: np.ndarray, step: int, new) -> np.ndarray:
    """A copy with the column of a step replaced."""
    values = values.copy()
    values[..., step] = new
    return values
