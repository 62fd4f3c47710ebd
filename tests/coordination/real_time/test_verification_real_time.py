"""A day in real time against what is known beforehand: perfect forecasts, closed balances, prices that are kept."""

from dataclasses import replace

import numpy as np
import pytest

from evlib import load_scenario
from evlib.assignment.path_costs import evaluate_loading
from evlib.coordination.newton.pressed_rents import PressedRents
from evlib.coordination.real_time import plan
from evlib.coordination.real_time.accounts import accounts
from evlib.coordination.real_time.day import prepare
from evlib.coordination.real_time.perfect import perfect_day
from evlib.coordination.real_time.plan import Effort
from evlib.coordination.real_time.run import real_time
from evlib.coordination.real_time.state import GRID_MEASURES, first_state
from evlib.coordination.real_time.step import plan_at
from evlib.coordination.real_time.under_way import done_steps, under_way
from evlib.flexibility.schedule import Schedule, violations
from evlib.inputs.weather.day import weather_of
from evlib.traffic.loading import load_traffic


@pytest.fixture(params=["short", pytest.param("mini", marks=pytest.mark.verify)])
def perfect_run(request):
    """No forecast error, expected departures: everything goes as planned."""
    scenario = request.getfixturevalue(request.param)
    return real_time(scenario, signal="predicted", whole_vehicles=False)


def test_without_forecast_error_the_day_is_the_day_ahead_plan(perfect_run):
    """Every re-plan finds that the last plan still holds: hardly a flow moves, and costs are within the certificate."""
    planned = perfect_day(perfect_run.day)
    state = perfect_run.state
    moved_veh = np.abs(state.departures_veh - planned.plan.flows_veh).sum() / 2
    assert moved_veh < 0.02 * state.departures_veh.sum()  # nearly equal costs leave nearly equal ways to choose
    tolerance = planned.plan.relative_gap * planned.time_cny + planned.plan.price_gap * perfect_run.day.base.scale_cny
    assert perfect_run.accounts["total_cny"] == pytest.approx(planned.total_cny, abs=tolerance)
    assert planned.plan.relative_gap <= 1e-3
    assert planned.plan.price_gap <= 1e-4


def test_the_rents_of_a_plan_are_those_that_drivers_met_last(mini, monkeypatch):
    pressed, looks = [], []

    class Recorded(PressedRents):
        def __init__(self, *rents):
            super().__init__(*rents)
            pressed.append(self)

        def __call__(self, traffic):
            looks.append(traffic)
            return super().__call__(traffic)

    monkeypatch.setattr(plan, "PressedRents", Recorded)
    scarce = mini.replace({"stations.*.plugs": 20.0})
    day, n_answers, n_steps = prepare(scarce, weather_of(scarce, "2020-07-15")), 2, 12
    made, traffic = plan_at(day, first_state(day), Effort(n_answers, 1e-9, 1e-9, 3, 2, n_steps))
    assert made.iterations == len(pressed) == n_answers
    assert len(looks) >= n_answers * 2 * n_steps  # in every step of drivers, before and after
    assert np.array_equal(made.rent_cny, pressed[-1](traffic))
    assert np.abs(made.rent_cny - pressed[-1].rent_cny).max() > 0.01


@pytest.mark.verify
def test_a_day_of_the_base_case_is_planned_to_the_end():
    """Plugs are scarce and driving takes energy; while rents stood still, the plan ended at a relative gap of 5e-2."""
    nguyen = load_scenario("nguyen")
    made = perfect_day(prepare(nguyen, weather_of(nguyen, "2020-01-10"))).plan
    assert made.relative_gap <= 2e-3
    assert made.price_gap <= 3e-4


def test_vehicles_energy_and_money_close_at_every_step(promised_day, real_run):
    """Whoever has departed is on a road, in a queue, at a plug or gone; power is balanced; energies stay in batteries."""
    day = promised_day
    states, _ = real_run
    for state in states:
        loading = load_traffic(day.base.network, state.departures_veh)
        at = min(state.step * day.base.network.time.substeps, len(loading.time_min) - 1)
        on_arcs, queue = loading.vehicles_veh[:, at].sum(), loading.queue_veh[:, at].sum()
        held, gone = loading.occupied_plugs[:, at].sum(), loading.completed_veh[:, at].sum()
        drawn = (day.drawn_veh + day.others_veh)[:, :, : state.step].sum()
        assert on_arcs + queue + held + gone == pytest.approx(drawn, abs=1e-9)
        fleet = under_way(day.base.cohorts, state.change_kwh, state.step)
        assert (fleet.domain.energy_low_kwh <= 0).all()
        assert (fleet.domain.energy_high_kwh >= 0).all()
        sizes = day.base.sizes(evaluate_loading(loading, day.base.traffic.drivers, "user"))
        price, step_h = state.real_price_cny_kwh[day.base.case.station_bus], day.base.case.step_h
        drawn_kw = day.base.cohorts.of_sizes(sizes).station_kw(state.power_kw)
        assert np.abs(drawn_kw - state.station_kw)[:, : state.step].max(initial=0.0) < 1e-6
        paid_cny = step_h * (day.base.cohorts.cohort_prices(price) * state.power_kw).sum(axis=1)
        assert float(sizes @ paid_cny) == pytest.approx(step_h * (price * state.station_kw).sum(), abs=1e-6)
    end, base = states[-1], day.base
    for k, residual in enumerate(end.grid[GRID_MEASURES.index("balance_residual_kw")]):
        assert residual < 1e-5, k
    book = accounts(day, end)
    assert book["residual_vehicles_veh"] < 1e-9
    assert book["residual_energy_kw"] < 1e-5
    assert book["residual_money_cny"] < 1e-6
    assert book["total_cny"] == pytest.approx(
        sum(book[name] for name in ("time_cny", "grid_cny", "vehicles_cny", "late_cny")), rel=1e-12
    )
    assert done_steps(base.cohorts, day.n_steps).tolist() == base.cohorts.domain.n_usable.tolist()


def test_what_vehicles_did_is_feasible(promised_day, real_run):
    """Executed steps, decided one at a time, are a schedule within every vehicle's domain."""
    domain, end = promised_day.base.cohorts.domain, real_run[0][-1]
    lossy = 1.0 / domain.eta_discharge - domain.eta_charge
    discharge = (domain.eta_charge * end.power_kw - end.change_kwh / domain.step_h) / lossy
    energy = np.concatenate([np.zeros((domain.n, 1)), np.cumsum(end.change_kwh, axis=1)], axis=1)
    missing = np.maximum(domain.target_kwh - energy[:, -1], 0.0)
    terminal = np.minimum(missing, domain.terminal_limit_kwh)
    schedule = Schedule(end.power_kw + discharge, discharge, energy, terminal, missing - terminal)
    breaches = violations(domain, schedule)
    assert max(breaches[name] for name in ("power_kw", "energy_kwh", "target_kwh", "dynamics_kwh")) < 1e-6


def test_whoever_was_promised_pays_what_was_told(promised_day, real_run):
    """Only the time on the road can surprise; without the promise the operator's loss is the drivers'."""
    kept = accounts(promised_day, real_run[0][-1])
    free = accounts(replace(promised_day, signal="predicted"), real_run[0][-1])
    assert kept["surprise_cny_veh"] == pytest.approx(kept["time_surprise_cny_veh"], abs=1e-9)
    assert free["surprise_cny_veh"] > kept["surprise_cny_veh"]
    assert free["operator_bears_cny"] == 0.0
    assert abs(kept["operator_bears_cny"]) <= free["electricity_surprise_cny_veh"] * kept["followers_veh"] + 1e-9
    assert kept["total_cny"] == free["total_cny"]


def test_one_station_one_road_and_a_known_price_surprise_nobody(short):
    """A grid without limits sells at the tariff, one price all day; then what is told is what happens."""
    scenario = short.replace(
        {
            "stations": {"a": {"node": 4, "bus": 4, "plugs": 200}},
            "origins": {"o2": {"node": 2, "share": 1.0}},
            "grid.farms": {},
            "grid.spike.peak_mw": 0.0,
            "grid.zones.*.import_limit_mw": 50.0,
            "grid.import_limit_mw": 50.0,
            "grid.root_voltage_pu": 1.05,
            "grid.load_scale": 0.1,
            "prices.import_tariff": {"all": {"from_clock": "00:00", "price_cny_kwh": 0.5}},
            "prices.import_slope_cny_kwh_mw": 0.0,
        },
        objective="user",
    )
    run = real_time(scenario, signal="promised", whole_vehicles=False)
    assert len(run.day.base.network.paths) == 1
    np.testing.assert_allclose(run.state.real_price_cny_kwh, 0.5, atol=1e-7)
    assert run.accounts["surprise_cny_veh"] < 1e-9
    assert run.accounts["time_surprise_cny_veh"] < 1e-9
    assert abs(run.accounts["operator_bears_cny"]) < 1e-4


def test_drivers_who_follow_nothing_make_no_plan(short):
    """Nearest station: everybody where the shortest path leads, and nobody told anything."""
    run = real_time(short, signal="nearest", day="2020-07-15", whole_vehicles=False)
    paths = run.state.departures_veh.sum(axis=(1, 2)) > 0
    assert paths.sum() == len(run.day.base.network.origins)
    assert np.isnan(run.accounts["surprise_cny_veh"])
    assert run.accounts["switched_share"] == 0.0
    assert run.accounts["vehicles_veh"] == pytest.approx(short.fleet.vehicles)
