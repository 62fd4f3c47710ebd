"""A wrong forecast: nothing if it was right, never less than having known, and the same vehicles throughout."""

from dataclasses import replace

import numpy as np
import pytest

from evlib import InputError
from evlib.flexibility.station_load import exact_block
from evlib.grid.dno import dispatch_grid
from evlib.grid.parametric_dispatch import forecast_error, wind_of
from evlib.inputs.build_grid import build_grid_options


@pytest.fixture(scope="module")
def fleet(mini_run):
    """Everybody at the station where the sun is."""
    return replace(mini_run.fleet, station=np.ones(mini_run.fleet.n, dtype=int))


def test_not_knowing_costs_and_a_right_forecast_does_not(mini, mini_run, fleet):
    """The sun fades over the two hours: kept plans cost more than plans made anew, the more so the larger the error."""
    case, options = mini_run.case, build_grid_options(mini)
    planned = dispatch_grid(case, options, exact_block(fleet))
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
    for is_wind, added in ((True, 7.0), (False, 0.0)):
        np.testing.assert_allclose(wind_of(case, [is_wind], other), case.available_kw + added)
    with pytest.raises(InputError, match="farms y with 24 steps; must be solar_b"):
        wind_of(case, [], replace(other, farms=("y",)))
