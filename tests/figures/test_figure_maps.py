"""The map: where buses, virtual nodes and roads are drawn."""

import numpy as np
import pandas as pd
import pytest

from evlib import build_network, load_scenario
from evlib.figures.maps import networks
from evlib.figures.own_case.case_map import MOST_NAMED, case_map
from evlib.figures.style import line_look
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.map_table import drawing_table, feeder_layout


@pytest.fixture(scope="module", params=["nguyen", "mini"])
def scenario(request):
    return load_scenario(request.param)


def test_every_bus_has_a_place_of_its_own_one_row_below_the_bus_that_feeds_it(scenario):
    layout = feeder_layout(scenario.tables.feeder)
    assert not layout[["x", "y"]].duplicated().any()
    below_root = layout.iloc[1:]
    assert (below_root["y_from"] - below_root["y"] == 1).all()
    parents = scenario.tables.feeder.branch_from
    assert below_root["x_from"].to_numpy() == pytest.approx(layout["x"].to_numpy()[parents])


def test_the_trunk_of_the_33_buses_is_drawn_straight():
    layout = feeder_layout(load_scenario("nguyen").tables.feeder).set_index("bus")
    assert (layout.loc[range(1, 19), "x"] == 0).all()
    assert layout.loc[18, "y"] == -17
    assert layout["x"].nunique() == 3


def test_the_map_holds_every_road_station_farm_and_line_once(scenario):
    network, case = build_network(scenario), build_grid_case(scenario)
    items = drawing_table(scenario, network, case)
    assert not items[["panel", "kind", "name"]].duplicated().any()
    count = items.groupby("kind").size()
    assert count["road"] == network.n_arcs - len(network.origins)
    assert count["origin"] == len(network.origins)
    assert count["station"] == count["plugs"] == len(network.stations)
    assert count["farm"] == len(case.farms)
    assert count["line"] == case.feeder.n_branch
    assert (items[items["kind"] == "line"]["group"] == "tie").sum() == len(case.zones)


def test_virtual_nodes_stand_clear_of_nodes_and_roads():
    """No road of the Nguyen map passes within a quarter of a grid cell of an origin or a station."""
    scenario = load_scenario("nguyen")
    items = drawing_table(scenario, build_network(scenario), build_grid_case(scenario))
    roads, virtual = items[items["kind"] == "road"], items[items["kind"].isin(["origin", "station"])]
    for spot in virtual[["x", "y"]].to_numpy():
        tail, head = roads[["x_from", "y_from"]].to_numpy(), roads[["x", "y"]].to_numpy()
        along = np.clip(((spot - tail) * (head - tail)).sum(axis=1) / ((head - tail) ** 2).sum(axis=1), 0, 1)
        distance = np.hypot(*(tail + along[:, None] * (head - tail) - spot).T)
        assert distance.min() > 0.25


def test_every_zone_of_a_large_feeder_is_drawn_and_looks_like_no_other():
    """Eight zones ended in an IndexError, and a ninth would not have been drawn at all."""
    scenario = load_scenario("nguyen")
    items = drawing_table(scenario, build_network(scenario), build_grid_case(scenario))
    buses = items.index[(items["panel"] == "feeder") & (items["kind"] == "bus")]
    items["group"] = items["group"].astype(object)
    items.loc[buses[1:31], "group"] = [f"zone {number // 3}" for number in range(30)]
    zones = [trace for trace in networks(items, "ten zones").data if trace.fill == "toself"]
    looks = {(trace.line.color, trace.fillpattern.shape) for trace in zones}
    assert len(zones) == len(looks) >= 10


def test_24_lines_of_a_figure_look_different():
    assert len({(look["color"], look["dash"]) for look in map(line_look, range(24))}) == 24


@pytest.mark.parametrize("n_stations", [2, MOST_NAMED, MOST_NAMED + 1])
def test_stations_of_an_own_case_are_named_beside_them_unless_they_are_many(n_stations):
    names = [f"P{i}: north" for i in range(n_stations)]  # a colon in a name is part of it
    places = {"x": np.arange(n_stations), "y": 0.0, "x_from": np.nan, "y_from": np.nan}
    stations = pd.DataFrame(
        {"kind": "station", "name": names, "label": [f"{name}: 0.2 to node 3" for name in names], **places}
    )
    (drawn,) = case_map(stations, "a finding").data
    assert list(drawn.hovertext) == list(stations["label"])
    if n_stations > MOST_NAMED:
        assert drawn.text is None
    else:
        assert list(drawn.text) == names
