"""Energy of driving: mean energies are exact, the division is linear, and ways that no battery covers are refused."""

import numpy as np
import pytest

from evlib import InputError
from evlib.assignment.route_choice import even_split
from evlib.coordination.joint.joint_program import cohort_map
from evlib.coordination.problem import CoupledProblem
from evlib.inputs.build_roads import build_network
from evlib.traffic.arrival_levels import arrival_levels, plug_ins

KM = [4.0, 7.5, 6.2, 9.0, 9.0]
STATION = np.array([0, 0, 0, 1, 1])
DRIVING = {
    "roads.free_flow_km_h": 40.0,
    "fleet.classes.car.drive_kwh_km": 0.18,
    "fleet.classes.van.drive_kwh_km": 0.3,
}


@pytest.mark.parametrize("n_levels", [2, 3, 7])
def test_every_path_keeps_its_energy(n_levels):
    levels = arrival_levels(KM, [0.18, 1.2], STATION, 2, n_levels)
    assert levels.share.sum(axis=2) == pytest.approx(np.ones((5, 2)), abs=1e-15)
    assert (levels.share >= 0).all()
    assert (levels.share > 0).sum(axis=2).max() <= 2
    mean = (levels.share * levels.drive_kwh[STATION]).sum(axis=2)
    assert mean == pytest.approx(np.outer(KM, [0.18, 1.2]), rel=1e-14)


def test_levels_lie_between_the_shortest_and_the_longest_way():
    levels = arrival_levels(KM, [0.5], STATION, 2, 3)
    assert levels.drive_kwh[0, 0] == pytest.approx([2.0, 2.875, 3.75])
    assert levels.drive_kwh[1, 0] == pytest.approx([4.5, 4.5, 4.5])  # two ways, equally long


@pytest.mark.parametrize(("km", "kwh_km"), [(KM, [0.0, 0.0]), ([3.0, 3.0, 3.0, 9.0, 9.0], [0.2, 1.0])])
def test_one_level_is_enough_where_ways_to_a_station_are_equally_long(km, kwh_km):
    assert arrival_levels(km, kwh_km, STATION, 2, 5).n_levels == 1


def test_cohorts_by_level_are_linear_in_the_flows_and_keep_the_energy(mini):
    """The map of the joint program and the cohorts of the loading agree, and both carry what the ways took."""
    problem = CoupledProblem.of(mini.replace(DRIVING), "v2g", "user")
    traffic = problem.traffic.evaluate(even_split(problem.network, problem.demand_veh))
    traced = cohort_map(problem, traffic) @ traffic.flows_veh.reshape(-1)
    assert traced == pytest.approx(problem.sizes(traffic), abs=1e-12)

    network, flows = problem.network, traffic.flows_veh
    arriving = plug_ins(traffic.loading, traffic.shares).sum(axis=3)
    used = (arriving * network.drive_kwh).sum(axis=(0, 2))
    assert used == pytest.approx((flows.sum(axis=2) * network.arrival_levels.path_kwh).sum(axis=0), rel=1e-12)
    by_level = traced.reshape(2, 2, 2, 3, -1).sum(axis=(1, 2, 4)).sum(axis=1)
    assert by_level == pytest.approx(arriving[..., :].sum(axis=(1, 2)), rel=1e-2)  # a few plug in after the horizon


def test_a_longer_way_costs_its_electricity(mini):
    """V of a path is the mean over its levels; it rises with the length of the way to the same station."""
    scenario = mini.replace(DRIVING)
    problem = CoupledProblem.of(scenario, "smart", "user")
    traffic = problem.traffic.evaluate(even_split(problem.network, problem.demand_veh))
    flat = problem.electricity(np.full_like(problem.case.load_kw, 0.6))
    paid = traffic.costs(flat) - traffic.time_cny
    network = problem.network
    station = network.path_station == network.stations.index("b")
    from_o1 = np.flatnonzero(station & (network.path_origin == 0))
    short, long = from_o1[np.argsort(network.path_km[from_o1])][[0, -1]]
    extra_kwh = network.arrival_levels.path_kwh[long] - network.arrival_levels.path_kwh[short]
    assert (paid[long] - paid[short])[:, 0] == pytest.approx(0.6 * extra_kwh / 0.95, rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (DRIVING | {"fleet.classes.van.drive_kwh_km": 9.0}, r"class van: path a: 1-3-4 of 4 km takes 36 kWh.*24 kWh"),
        (
            DRIVING | {"fleet.classes.van.drive_kwh_km": None},
            r"fleet\.classes\.van\.drive_kwh_km is missing, but other classes have one",
        ),
        (DRIVING | {"fleet.classes.car.drive_kwh_km": -0.1}, r"fleet\.classes\.car\.drive_kwh_km: -0\.1.*equal to 0"),
        (
            {"fleet.classes.*.drive_kwh_km": 0.2},
            r"drive_kwh_km: 0\.2, but roads have no length; set roads\.free_flow",
        ),
        (DRIVING | {"fleet.arrival_levels": 1}, r"fleet\.arrival_levels: 1; must be greater than or equal to 2"),
        (DRIVING | {"roads.free_flow_km_h": 0.0}, r"roads\.free_flow_km_h: 0\.0; must be greater than 0"),
    ],
)
def test_what_cannot_drive_is_refused(mini, changes, message):
    with pytest.raises(InputError, match=message):
        build_network(mini.replace({"roads.free_flow_km_h": None} | changes))


def test_lengths_stand_in_one_place(mini, tmp_path):
    """A column of lengths takes the place of the speed; both together contradict each other."""
    links = "from,to,a,length_km\n1,3,3,2\n2,3,4,2.5\n3,4,3,2\n3,5,4,3\n1,4,8,5\n2,5,7,4\n"
    (tmp_path / "links.csv").write_text(links)
    changes = {"roads.links_file": str(tmp_path / "links.csv"), "roads.free_flow_km_h": None}
    network = build_network(mini.replace(changes | {"fleet.classes.*.drive_kwh_km": 0.2}))
    assert network.path_km[0] == 4.0  # o1 to a by 1-3-4
    with pytest.raises(InputError, match=r"roads\.free_flow_km_h: 40, but .*links\.csv has a column length_km"):
        mini.replace(changes | {"roads.free_flow_km_h": 40.0})
