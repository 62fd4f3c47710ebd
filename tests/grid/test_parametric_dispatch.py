"""The problem built once: the same answers as built anew, whatever changes."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest

from evlib import InputError
from evlib.flexibility.station_load import StationLoad, exact_block, no_vehicles
from evlib.grid.dno import dispatch_grid
from evlib.grid.parametric_dispatch import GridProgram
from evlib.inputs.build_grid import build_grid_case, build_grid_options


@pytest.fixture(scope="module")
def grid(mini):
    return build_grid_case(mini), build_grid_options(mini)


@pytest.mark.parametrize("grid_model", ["lindistflow", "cone"])
def test_solved_again_is_built_anew(grid, grid_model):
    """Demand, wind and fixed stations change three times; costs and prices are those of a fresh problem."""
    case, options = grid
    options = replace(options, grid_model=grid_model)
    power = cp.Parameter((2, 24), nonneg=True)
    program = GridProgram(case, options, StationLoad(power, cp.Constant(0.0)))
    rng = np.random.default_rng(6)
    for _ in range(3):
        power.value = rng.uniform(0, 0.2, (2, 24))
        extra_kw = rng.uniform(-5, 20, case.load_kw.shape)
        other = replace(case, available_kw=case.available_kw * rng.uniform(0.5, 1.0, case.available_kw.shape))
        fixed = StationLoad(cp.Constant(power.value), cp.Constant(0.0))
        given = {"loss_cny_kwh": 0.7} if grid_model == "cone" else {}
        factor = 0.7 / (0.5 + options.curtailment_slope * other.available_kw.max() / 1000)
        again = program.solve(extra_kw=extra_kw, available_kw=other.available_kw, **given)
        anew = dispatch_grid(other, replace(options, loss_price_factor=factor), fixed, extra_kw=extra_kw)
        assert again.objective_cny == pytest.approx(anew.objective_cny, rel=1e-7)
        assert again.costs_cny["total"] == pytest.approx(anew.costs_cny["total"], rel=1e-6)
        assert again.price_cny_kwh == pytest.approx(anew.price_cny_kwh, abs=2e-4)
        assert again.curtailed_kw == pytest.approx(anew.curtailed_kw, abs=0.5)
        assert again.certificate.grid_ac_loss_kwh == pytest.approx(anew.certificate.grid_ac_loss_kwh, rel=1e-4)


def test_sizes_of_cohorts_may_be_parameters(mini, mini_run, grid):
    """Exact domains, compiled for one fleet and solved for another of the same kinds."""
    case, options = grid
    fleet = mini_run.fleet
    number = cp.Parameter(fleet.n, nonneg=True, value=fleet.size_veh)
    program = GridProgram(case, options, exact_block(fleet, number), changing=())
    assert program.solve().costs_cny["total"] == pytest.approx(mini_run.dispatch.costs_cny["total"], rel=1e-6)
    number.value = 1.5 * fleet.size_veh
    anew = dispatch_grid(case, options, exact_block(fleet, 1.5 * fleet.size_veh))
    assert program.solve().costs_cny["total"] == pytest.approx(anew.costs_cny["total"], rel=1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"extra_kw": np.zeros((6, 3))}, r"extra_kw has shape \(6, 3\); must be \(6, 24\)"),
        ({"extra_kw": np.full((6, 24), np.nan)}, "extra_kw = nan in row 0, step 0; must be finite"),
        ({"available_kw": np.full((1, 24), -1.0)}, "available_kw = -1; must not be negative"),
        ({"loss_cny_kwh": 0.1}, "'loss_price' is not among what changes"),
    ],
)
def test_bad_numbers_are_refused_by_name(grid, given, words):
    program = GridProgram(*grid, no_vehicles(2, 24), changing=("demand", "available"))
    with pytest.raises(InputError, match=words):
        program.solve(**given)
    with pytest.raises(InputError, match="changing 'weather' is unknown; known are demand, available, loss_price"):
        GridProgram(*grid, no_vehicles(2, 24), changing=("weather",))
