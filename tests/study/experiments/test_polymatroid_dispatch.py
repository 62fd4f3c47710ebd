"""A dispatch over the exact sum of vehicles without losses: it costs what the exact block costs, and vehicles drive it."""

import numpy as np
import pytest

from evlib.errors import InputError, SolverError
from evlib.flexibility import exact_block, violations
from evlib.grid.dno import solve_grid
from study.experiments import polymatroid_dispatch
from study.experiments.fleets import price_draw, rising_grid, station_fleet
from study.experiments.polymatroid_dispatch import dispatch_polymatroid


def solve(problem):
    solve_grid(problem, "a rising price")


@pytest.fixture(scope="module")
def lossless():
    fleet = station_fleet("lossless")
    return fleet.take(np.arange(fleet.n) % 6 == 0)


def test_the_dispatch_over_a_polymatroid_costs_what_exact_domains_cost(lossless):
    build, _ = rising_grid(lossless, price_draw("surplus", 5))
    cost_cny, _, power_kw, schedule = dispatch_polymatroid(lossless, build, solve)
    problem, _ = build(exact_block(lossless))
    solve(problem)

    assert cost_cny == pytest.approx(1000 * problem.value, rel=2e-5)
    assert power_kw == pytest.approx(lossless.station_kw(schedule.power_kw), abs=1e-3)
    broken = violations(lossless.domain, schedule)
    broken.pop("simultaneous_kwh")
    assert max(broken.values()) < 1e-6


def test_too_few_vertices_and_losses_are_errors(lossless, monkeypatch):
    build, _ = rising_grid(lossless, price_draw("volatile", 5))
    monkeypatch.setattr(polymatroid_dispatch, "MOST_VERTICES", 1)
    with pytest.raises(SolverError, match="g-polymatroid: gap above 1e-05 after 1 vertices"):
        dispatch_polymatroid(lossless, build, solve)
    with pytest.raises(InputError, match="with discharging; must be 1, 1 and 0"):
        dispatch_polymatroid(station_fleet("private"), build, solve)
