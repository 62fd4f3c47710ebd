"""A wrong forecast: nothing if it was right, never less than having known, and the same vehicles throughout."""

from dataclasses import replace

import numpy as np
import pytest

from evlib import InputError
from evlib.flexibility import Fleet
from evlib.flexibility.station_load import exact_block
from evlib.grid.dno import dispatch_grid
from evlib.grid.grid_case import GridOptions
from evlib.grid.parametric_dispatch import forecast_error, wind_of


@pytest.fixture(scope="module")
def fleet(mini_run):
    here = mini_run.sizes_veh > 0
    cohorts = mini_run.cohorts
    where = (np.ones(here.sum(), int), cohorts.plug_in_step[here] + 1, 2, 24)  # everybody where the sun is
    return Fleet(cohorts.domain.take(here), mini_run.sizes_veh[here], *where)


def test_not_knowing_costs_and_a_right_forecast_does_not(mini, mini_run, fleet):
    """The sun fades over the two hours: kept plans cost more than plans made anew, the more so the larger the error."""
    case, options = mini_run.case, GridOptions.of(mini)
    where = (fleet.station, fleet.first_step, fleet.n_stations, fleet.n_steps)
    planned = dispatch_grid(case, options, exact_block(fleet.domain, fleet.size_veh, *where))
    faded = case.available_kw * np.linspace(1, 0, 24)
    table = forecast_error(case, options, planned, fleet, faded, (0.0, 0.5, 1.0))
    assert table["kept_cny"][0] == pytest.approx(planned.costs_cny["total"], rel=1e-6)
    assert table["foreseen_cny"][0] == pytest.approx(planned.costs_cny["total"], rel=1e-6)
    assert table["error_cny"][0] == pytest.approx(0.0, abs=1e-2)
    assert table["error_cny"].is_monotonic_increasing
    assert table["error_cny"][2] > 0.5
    expected_mwh = (case.available_kw - faded).sum() * case.step_h / 1000
    assert table["error_mwh"].tolist() == pytest.approx([0.0, expected_mwh / 2, expected_mwh])
    assert table["import_mwh"].is_monotonic_increasing


def test_wind_of_another_day_leaves_the_sun(mini_run):
    """A wind farm takes the other day's power, a solar one keeps its own; other farms are refused."""
    case = mini_run.case
    other = replace(case, available_kw=case.available_kw + 7.0)
    kinds = {"wind": 7.0, "solar": 0.0}
    for kind, more in kinds.items():
        farms = [type("Farm", (), {"name": "x", "kind": kind})]
        np.testing.assert_allclose(wind_of(case, farms, other), case.available_kw + more)
    with pytest.raises(InputError, match="farms y with 24 steps; must be solar_b"):
        wind_of(case, [], replace(other, farms=("y",)))
