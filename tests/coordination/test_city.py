"""Method city: the same answer as newton, feeders together and apart, runs that grow and go on, cities by a seed."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from evlib import InputError, load_scenario, solve
from evlib.coordination.city.city_dual import CityDual
from evlib.coordination.city.kinds import Kinds
from evlib.coordination.city.memory import needed_gib, refuse_too_large
from evlib.coordination.city.method import City
from evlib.coordination.city.price_curve import drivers_curvature, whole_curvature
from evlib.coordination.coordinate import coordinate
from evlib.coordination.iteration import Iteration
from evlib.coordination.problem import CoupledProblem
from evlib.flexibility.cohorts import vehicle_costs
from evlib.flexibility.proximal_reply import ProximalFleet
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.grid.reduced.station_cost import Block
from evlib.inputs.build_roads import origin_demand
from evlib.inputs.new_case.city_case import CityAssumptions, synthetic_tables, write_city
from evlib.inputs.new_case.synthetic_city import CitySize


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """A small synthetic city with two feeders, twelve stations and scarce plugs; drivers know two stations each."""
    size, assumed = CitySize(8, 7, stations=12, feeders=2, seed=3), CityAssumptions(400.0, 1.2, nearest_stations=2)
    folder = tmp_path_factory.mktemp("town") / "town"
    file = write_city(folder, synthetic_tables(size, assumed), assumed, "synthetic")
    return load_scenario(file)


@pytest.fixture(scope="module")
def dual(mini):
    """The dual of the mini case at the tariff."""
    problem = CoupledProblem.of(mini, "v2g", "system")
    run = Iteration(problem)
    traffic = problem.traffic.evaluate(run.state.flows_veh)
    grid = ReducedGrid(problem.case, problem.options)
    kinds = Kinds.of(problem.cohorts, grid.station_group)
    fleet = ProximalFleet(kinds.fleet)
    return CityDual(problem, traffic, 10.0 * run.per_level, kinds, fleet, grid, fleet.idle(), 0.02)


def test_merged_cohorts_cost_and_draw_what_all_of_them_do(town):
    problem = CoupledProblem.of(town, "v2g", "system")
    grid = ReducedGrid(problem.case, problem.options)
    kinds, cohorts = Kinds.of(problem.cohorts, grid.station_group), problem.cohorts
    assert kinds.fleet.n == kinds.fleet.n_stations * cohorts.n // cohorts.n_stations < cohorts.n / 5
    rng = np.random.default_rng(0)
    by_group = rng.uniform(-0.2, 1.0, (kinds.fleet.n_stations, cohorts.n_steps))
    price = by_group[grid.station_group]
    assert kinds.vehicle_cny(price)[kinds.of_cohort] == pytest.approx(vehicle_costs(cohorts, price), abs=1e-12)
    sizes, whole = rng.uniform(0.0, 1.0, cohorts.n), ProximalFleet(cohorts)
    reply = whole.reply(price, whole.idle(), 0.02)
    few = ProximalFleet(kinds.fleet)
    merged = few.reply(by_group, few.idle(), 0.02)
    assert kinds.station_kw(sizes, merged.power_kw) == pytest.approx(whole.station_kw(sizes, reply), abs=1e-8)
    assert kinds.sizes(sizes).sum() == pytest.approx(sizes.sum())


def test_the_curvature_of_the_dual_is_its_second_derivative(dual):
    """By prices of the whole feeder, with drivers who change stations: a finite difference of what vehicles draw."""
    kinds, case = dual.kinds, dual.problem.case
    rng = np.random.default_rng(2)
    price = np.repeat(0.6 + rng.uniform(0.0, 0.2, (1, case.n_steps)), len(case.stations), axis=0)
    rent = np.zeros_like(price)
    direction = np.repeat(rng.normal(size=(1, case.n_steps)), len(case.stations), axis=0)

    def drawn_kwh(prices):
        point = dual.at(prices, rent)
        drawn = kinds.station_kw(dual.sizes(point.flows_veh), point.reply.power_kw)
        return case.step_h * drawn.sum(axis=0)

    step = 1e-6
    change = (drawn_kwh(price - step * direction) - drawn_kwh(price + step * direction)) / (2 * step)
    point = dual.at(price, rent)
    vehicles = dual.fleet.curvature(kinds.sizes(dual.sizes(point.flows_veh)), point.reply, dual.weight)
    drivers = drivers_curvature(point.choice, dual.traffic.shares, kinds, point.reply, point.flows_veh)
    exact = whole_curvature(vehicles, drivers) @ direction[kinds.first_station].ravel()
    # types of a class are averaged, which is all that is not exact here
    exact = exact.reshape(-1, case.n_steps).sum(axis=0)
    assert change == pytest.approx(exact, rel=0.05, abs=0.05 * np.abs(exact).max())


@pytest.mark.verify
def test_city_and_newton_agree_within_their_certificates(mini):
    """The same flows to stations and the same prices, from two searches for rents."""
    ours, theirs = (coordinate(mini, method=method) for method in ("city", "newton"))
    for answer in (ours, theirs):
        assert answer.certificate.converged
        assert answer.certificate.excess_cny_veh < 5e-3
    station_veh = [
        np.bincount(answer.network.path_station, weights=answer.flows_veh.sum(axis=(1, 2))) for answer in (ours, theirs)
    ]
    assert station_veh[0] == pytest.approx(station_veh[1], abs=0.5)
    problem = CoupledProblem.of(mini, "v2g", "system")
    sizes = [problem.sizes(problem.traffic.evaluate(answer.flows_veh)) for answer in (ours, theirs)]
    cost = [problem.dispatch(size).dispatch.objective_cny for size in sizes]
    assert cost[0] == pytest.approx(cost[1], abs=2e-3 * problem.scale_cny)


@pytest.mark.verify
def test_city_and_newton_agree_on_the_base_case():
    """Where roads queue too: with rents that give way to drivers' own steps both settle on days that cost the same."""
    nguyen = load_scenario("nguyen")
    problem, cost, apart = CoupledProblem.of(nguyen, "v2g", "system"), [], 0.0
    for method in ("city", "newton"):
        answer = coordinate(nguyen, method=method)
        certificate = answer.certificate
        assert certificate.converged
        assert certificate.relative_gap < 1.5e-3
        assert certificate.price_gap <= 1e-4
        traffic = problem.traffic.evaluate(answer.flows_veh)
        dispatch = problem.dispatch(problem.sizes(traffic)).dispatch
        cost.append(float((answer.flows_veh * traffic.time_cny).sum()) + dispatch.objective_cny)
        apart += certificate.excess_cny_veh * nguyen.fleet.vehicles + certificate.price_gap * problem.scale_cny
    assert cost[0] == pytest.approx(cost[1], abs=apart)


@pytest.mark.verify
def test_a_town_settles_over_all_stations_with_rents(town):
    """Drivers begin with two stations each; the run adds others, and in the end nobody would gain by any of the twelve.

    What drivers earn there is almost what they pay, so a relative gap of 1 % is 0.0014 CNY per vehicle: it has to be asked for.
    """
    settled = coordinate(town.replace({"coordination.stop_excess_cny_veh": 1e-3}), method="city")
    certificate, table = settled.certificate, settled.convergence
    assert certificate.converged
    assert certificate.price_gap <= 1e-4
    assert table["n_paths"].iloc[-1] > table["n_paths"].iloc[0]
    assert certificate.excess_over_all_paths_cny_veh < 0.02
    assert settled.rent_cny.max() > 0.01
    assert abs(certificate.rent_gap_cny_veh) < 0.01


def test_feeders_in_one_program_are_feeders_apart(town):
    """A cost of both groups without anything between them is the sum of two costs."""
    problem = CoupledProblem.of(town, "v2g", "system")
    grid = ReducedGrid(problem.case, problem.options)
    n, rng = problem.case.n_steps, np.random.default_rng(1)
    curves = [np.diag(rng.uniform(1e-5, 1e-4, n)) for _ in range(2)]
    slopes = -rng.uniform(0.2, 0.6, (2, n))
    apart = grid.with_blocks(np.zeros((2, n)), [Block(g, curves[g], slopes[g]) for g in range(2)])
    whole = np.zeros((2 * n, 2 * n))
    whole[:n, :n], whole[n:, n:] = curves
    together = grid.with_blocks(np.zeros((2, n)), [Block((0, 1), whole, slopes.ravel())])
    assert together.cost_cny == pytest.approx(apart.cost_cny, rel=1e-8)
    assert together.station_kw == pytest.approx(apart.station_kw, abs=0.5)


def test_a_solved_city_has_tables_of_the_dispatch_by_its_own_steps(mini):
    """Energy of cohorts is that of the grid, nothing breaks a domain, and the cost is within what the certificate says."""
    result = solve(mini, "coordinated", method="city", cache=False)
    certificate = result.certificate
    assert certificate.dispatched_by == "city"
    assert certificate.energy_residual_kwh < 1e-3
    assert max(value for name, value in certificate.domain_violation.items() if name != "simultaneous_kwh") < 1e-5
    flows = result.tables["paths"]["departures_veh"].to_numpy()
    problem = CoupledProblem.of(mini, "v2g", "system")
    sizes = problem.sizes(problem.traffic.evaluate(flows.reshape(problem.fixed_veh.shape)))
    least = problem.dispatch(sizes).dispatch.objective_cny
    costs = result.tables["costs"].set_index("item")["cost_cny"]
    above = costs["grid: total"] - least
    assert -1e-5 * problem.scale_cny < above <= certificate.dispatch_above_least_cny + 1e-5 * problem.scale_cny
    assert certificate.dispatch_above_least_cny <= 1e-4 * problem.scale_cny


@pytest.mark.parametrize("grows", [False, pytest.param(True, marks=pytest.mark.verify)])
def test_a_run_goes_on_as_if_it_had_not_stopped(mini, town, tmp_path, grows):
    """Paths that it had added are part of what it saved."""
    few = {"coordination.iterations": 2, "coordination.exact_iterations": 2, "coordination.exact_period": 1}
    short, file, lines = (town if grows else mini).replace(few), tmp_path / "run.npz", []
    settled = coordinate(short, method="city")
    assert (settled.convergence["n_paths"].iloc[2] > settled.convergence["n_paths"].iloc[0]) == grows

    class Stop(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())
            if sum(line.startswith("iteration") for line in lines) == 3:
                raise RuntimeError("stopped")

    logger, handler = logging.getLogger("evlib.coordination.coordinate"), Stop()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with pytest.raises(RuntimeError, match="stopped"):
            coordinate(short, method="city", save=file)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    resumed = coordinate(short, method="city", resume=file)
    for name in ("excess_cny_veh", "price_gap", "n_paths"):
        assert resumed.convergence[name].to_numpy() == pytest.approx(settled.convergence[name].to_numpy(), rel=1e-9)


def test_memory_is_refused_before_the_run(town):
    network = CoupledProblem.of(town, "v2g", "system").network
    assert 0.5 < needed_gib(network) < 1.0
    with pytest.raises(InputError, match=r"needs about 0\.\d GiB of memory, 0\.1 are available; choose a longer"):
        refuse_too_large(network, available=0.1)


def few_iterations(scenario, number=1):
    """A run of twice so many answers."""
    keys = {"coordination.iterations": number, "coordination.exact_iterations": 1, "coordination.exact_period": 1}
    return scenario.replace(keys)


def test_plugs_that_lack_are_said_before_the_run_and_in_the_certificate(mini, caplog):
    """80 vehicles for two plugs."""
    scenario = few_iterations(mini.replace({"stations.*.plugs": 1}))
    come = origin_demand(scenario).sum(axis=0)
    stay = [round(member.stay_min / scenario.time.step_min) for member in scenario.fleet.classes]
    held = [
        sum(row[max(step - n + 1, 0) : step + 1].sum() for row, n in zip(come, stay, strict=True))
        for step in range(scenario.time.n_steps)
    ]
    problem = CoupledProblem.of(scenario, "v2g", "system")
    with caplog.at_level("WARNING"):
        method = City(Iteration(problem))
    assert method.plugs_lacking_veh == pytest.approx(max(held) - 2)
    assert f"2 plugs, but {max(held):.0f} vehicles are to be plugged in at once" in caplog.text
    assert City(Iteration(CoupledProblem.of(mini, "v2g", "system"))).plugs_lacking_veh == 0


@pytest.mark.verify
def test_choice_sets_that_turn_out_too_small_are_in_the_certificate(town, monkeypatch):
    """Drivers know two stations each and nobody looks outside: what they miss is counted and priced all the same."""
    monkeypatch.setattr(City, "_look", lambda self, electricity, rent: np.nan)
    settled = coordinate(few_iterations(town), method="city")
    assert len(settled.network.paths) == settled.convergence["n_paths"].iloc[0]
    assert settled.certificate.paths_missing > 0
    assert settled.certificate.excess_over_all_paths_cny_veh > settled.certificate.excess_cny_veh + 1e-3


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("origins.csv", None, "o_far,far,1.0\n", r"case.yaml: origin o_far reaches no station; add a road or move it"),
        ("stations.csv", "B0_", "B9_", r"stations.csv: line 2: bus = 'B9_\d+' is not a bus"),
    ],
)
def test_a_city_that_does_not_hang_together_is_refused(town, tmp_path, file, old, new, message):
    folder = tmp_path / "town"
    shutil.copytree(Path(town.file).parent, folder)
    text = (folder / file).read_text()
    (folder / file).write_text(text + new if old is None else text.replace(old, new, 1))
    if old is None:  # a road leads there, and none leads away
        links = (folder / "links.csv").read_text()
        road = links.splitlines()[1].split(",")
        road[0], road[2] = "r_far", "far"
        (folder / "links.csv").write_text(links + ",".join(road) + "\n")
        (folder / "nodes.csv").write_text((folder / "nodes.csv").read_text() + "far,0,0\n")
    with pytest.raises(InputError, match=message):
        coordinate(load_scenario(folder / "case.yaml"), method="city")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signal": "instantaneous"}, "ways are searched as experienced"),
        ({"grid_model": "cone"}, "switches.grid_model is 'cone'"),
    ],
)
def test_what_the_method_cannot_do_is_refused(mini, changes, message):
    with pytest.raises(InputError, match=message):
        coordinate(mini.replace({}, **changes), method="city")
