"""Lines without a rating beside lines that have one: the same dispatch as with a rating that no power reaches."""

from dataclasses import replace

import numpy as np
import pytest

from evlib import InputError
from evlib.flexibility.station_load import no_vehicles
from evlib.grid.dno import dispatch_grid
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.inputs.build_grid import build_grid_case, build_grid_options

NEVER_KVA = 1e6


@pytest.fixture(scope="module")
def binding(mini):
    """Four steps of the mini case; the first line below the root carries less than the loads draw, all others anything."""
    case, options = build_grid_case(mini), build_grid_options(mini)
    cut = {name: getattr(case, name)[:, 12:16] for name in ("load_kw", "load_kvar", "available_kw")}
    case = replace(case, **cut, import_price_cny_kwh=case.import_price_cny_kwh[12:16])
    behind = case.feeder.downstream @ case.load_kw
    first = int(np.flatnonzero(case.feeder.branch_from == 0)[0])
    rating = np.full(case.feeder.n_branch, np.inf)
    rating[first] = 0.6 * behind[first].max()
    return replace(case, rating_kva=rating), replace(options, import_limit_kw=1e5), first


def no_cars(case):
    return no_vehicles(len(case.stations), case.n_steps)


@pytest.mark.parametrize("grid_model", ["lindistflow", "cone"])
@pytest.mark.parametrize("soft_limits", [False, True])
def test_a_line_without_rating_is_one_whose_rating_no_power_reaches(binding, grid_model, soft_limits):
    """The only rated line binds; voltages, flows, prices and overloads are those of the same case with 1 GVA elsewhere."""
    case, options, first = binding
    options = replace(options, grid_model=grid_model, soft_limits=soft_limits)
    found = dispatch_grid(case, options, no_cars(case))
    wide = replace(case, rating_kva=np.where(np.isfinite(case.rating_kva), case.rating_kva, NEVER_KVA))
    expected = dispatch_grid(wide, options, no_cars(case))
    assert found.objective_cny == pytest.approx(expected.objective_cny, rel=1e-6)
    assert found.branch_kw == pytest.approx(expected.branch_kw, abs=0.05)
    assert found.price_cny_kwh == pytest.approx(expected.price_cny_kwh, abs=1e-3)
    congestion = found.price_parts_cny_kwh["congestion"]
    assert congestion == pytest.approx(expected.price_parts_cny_kwh["congestion"], abs=1e-3)
    assert congestion[first + 1].max() > 0.01
    assert found.line_overload_kva.shape == case.load_kw[1:].shape
    assert (found.line_overload_kva[first].max() > 1) == soft_limits
    assert np.delete(found.line_overload_kva, first, axis=0).max() == 0


def test_the_reduced_grid_watches_rated_lines_only(binding):
    case, options, _ = binding
    full = dispatch_grid(case, options, no_cars(case))
    reduced = ReducedGrid(case, options).fixed(np.zeros((len(case.stations), case.n_steps)))
    assert reduced.cost_cny == pytest.approx(full.objective_cny, rel=1e-6)
    assert reduced.price_cny_kwh == pytest.approx(full.price_cny_kwh, abs=1e-3)


@pytest.mark.parametrize("soft_limits", [False, True])
def test_no_line_at_all_may_have_a_rating(binding, soft_limits):
    case, options, _ = binding
    case, options = (
        replace(case, rating_kva=np.full(case.feeder.n_branch, np.inf)),
        replace(options, soft_limits=soft_limits),
    )
    dispatch = dispatch_grid(case, options, no_cars(case))
    wide = dispatch_grid(replace(case, rating_kva=np.full_like(case.rating_kva, NEVER_KVA)), options, no_cars(case))
    assert dispatch.objective_cny == pytest.approx(wide.objective_cny, rel=1e-6)
    assert dispatch.line_overload_kva.max() == 0


@pytest.mark.parametrize("value", [np.nan, -1.0, -np.inf])
def test_a_rating_that_is_none_is_infinite_not_nan_or_negative(binding, value):
    case = binding[0]
    with pytest.raises(InputError, match="grid case: rating_kva: line"):
        replace(case, rating_kva=np.full(case.feeder.n_branch, value))


def test_ratings_in_the_wrong_unit_are_seen_beside_lines_without_one(binding):
    case = binding[0]
    with pytest.raises(InputError, match=r"rating_kva is 0\.6 at most"):
        replace(case, rating_kva=np.where(np.isfinite(case.rating_kva), 0.6, np.inf))
