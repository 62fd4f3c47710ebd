"""The account of battery energy: it closes class by class, and levels of arrival hardly change what a day costs."""

import itertools

import numpy as np
import pytest

from evlib import InputError, solve
from evlib.inputs.build_fleet import all_cohorts
from evlib.results.measures import capability_mwh, summary_value

DRIVING = {
    "roads.free_flow_km_h": 40.0,
    "fleet.classes.car.drive_kwh_km": 0.18,
    "fleet.classes.van.drive_kwh_km": 0.3,
}
NO_DRIVING = {"roads.free_flow_km_h": 40.0, "fleet.classes.*.drive_kwh_km": 0.0}


@pytest.fixture(scope="module")
def driven(mini):
    return solve(mini.replace(DRIVING), "snapshot", "v2g", cache=False)


def grid_cny(result):
    return result.tables["costs"].set_index("item")["cost_cny"]["grid: total"]


def test_energy_closes_class_by_class(driven):
    """What vehicles depart with, less their way, is what cohorts arrive with; what they take up is gain plus way."""
    energy = driven.tables["energy"]
    assert (energy["residual_kwh"].abs() <= 1e-9 * energy["departure_kwh"]).all()
    assert driven.certificate.driving_residual_kwh == energy["residual_kwh"].abs().max()
    gain = [member.gain_share * member.battery_kwh for member in driven.scenario.fleet.classes]
    wanted = energy["vehicles_veh"] * gain + energy["driven_kwh"]
    taken = energy["charged_kwh"] - energy["discharged_kwh"] + energy["after_horizon_kwh"] + energy["unserved_kwh"]
    assert taken.to_numpy() == pytest.approx(wanted.to_numpy(), rel=1e-6)  # the grid's solver leaves 1e-7
    assert summary_value(driven, "energy used on the way") == pytest.approx(energy["driven_kwh"].sum() / 1000)


def test_ways_are_counted_from_the_flows(driven):
    """40 km/h on free-flow minutes, by hand: the path label names the roads."""
    minutes = {"1-3": 3, "2-3": 4, "3-4": 3, "3-5": 4, "1-4": 8, "2-5": 7}
    paths = driven.tables["paths"]
    nodes = paths["path"].str.split(": ").str[1].str.split("-")
    km = [sum(minutes[f"{a}-{b}"] for a, b in itertools.pairwise(way)) * 40 / 60 for way in nodes]
    by_class = (paths["departures_veh"] * km).groupby(paths["vehicle_class"]).sum()
    energy = driven.tables["energy"].set_index("vehicle_class")
    assert energy["way_km"].to_dict() == pytest.approx(by_class.to_dict())
    assert energy["driven_kwh"]["van"] == pytest.approx(0.3 * by_class["van"])


def test_levels_hardly_change_the_cost(mini, driven):
    """Twice as many levels change J by less than a thousandth; driving itself changes it by more than a hundredth."""
    twice = solve(mini.replace(DRIVING | {"fleet.arrival_levels": 6}), "snapshot", "v2g", cache=False)
    assert grid_cny(twice) == pytest.approx(grid_cny(driven), rel=1e-3)
    without = solve(mini.replace(NO_DRIVING), "snapshot", "v2g", cache=False)
    assert grid_cny(driven) > 1.01 * grid_cny(without)
    assert "energy" not in without.tables
    assert without.certificate.driving_residual_kwh == 0


def test_a_way_leaves_less_to_discharge(mini, driven):
    """Same traffic, less energy on arrival and more wanted: the capability to discharge in a deficit falls."""
    without = solve(mini.replace(NO_DRIVING), "shortest_path", "v2g", cache=False)
    with_way = solve(mini.replace(DRIVING), "shortest_path", "v2g", cache=False)
    assert capability_mwh(with_way, inside=False) < capability_mwh(without, inside=False)


@pytest.mark.verify
@pytest.mark.parametrize("strategy", ["user", "coordinated"])
def test_levels_hardly_change_a_coordinated_day(mini, strategy):
    few, many = (
        solve(mini.replace(DRIVING | {"fleet.arrival_levels": levels}), strategy, "v2g", cache=False)
        for levels in (3, 6)
    )
    assert grid_cny(many) == pytest.approx(grid_cny(few), rel=1e-3)


def test_plug_ins_without_levels_are_refused(mini, mini_run, still):
    """A loading counts vehicles by class; which of them came a longer way it does not know."""
    cohorts = all_cohorts(mini.replace(DRIVING), 0.5)
    with pytest.raises(InputError, match="3 axes; must be 4 with several levels of arrival"):
        cohorts.sizes_of(mini_run.loading.cohorts_veh[:, :, :24])
    with pytest.raises(InputError, match="4 axes"):
        all_cohorts(still, 0.5).sizes_of(np.zeros((2, 2, 2, 24)))
