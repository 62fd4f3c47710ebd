"""Cities made by a seed or of files: sizes, plugs by the rule, limits by feeder, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import yaml

from evlib import InputError, load_scenario
from evlib.__main__ import main
from evlib.inputs.build_roads import origin_demand
from evlib.inputs.new_case.city_case import CityAssumptions, even_peak_veh, synthetic_tables, write_city
from evlib.inputs.new_case.synthetic_city import CitySize


def test_a_synthetic_city_is_made_by_its_seed():
    size, assumed = CitySize(), CityAssumptions()
    one, two = (synthetic_tables(size, assumed) for _ in range(2))
    other = synthetic_tables(CitySize(seed=1), assumed)
    assert one.roads.links.equals(two.roads.links)
    assert one.stations.equals(two.stations)
    assert not one.roads.links.equals(other.roads.links)
    assert (len(one.roads.nodes), len(one.stations), len(one.origins)) == (3888, 315, 97)
    assert 8000 < len(one.roads.links) < 9000
    assert 0.85 < (one.roads.links["free_flow_min"] < 0.5).mean() < 0.95
    with pytest.raises(InputError, match="stations = 99; must be at most 8"):
        CitySize(4, 4, stations=99)
    with pytest.raises(InputError, match=r"city: plug_factor = -1; must be above 0"):
        CityAssumptions(plug_factor=-1)


def test_plugs_follow_the_peak_of_an_even_spread(tmp_path):
    """The peak is that of the scenario's own departures, and every feeder has a limit of its own."""
    size, assumed = CitySize(8, 7, stations=12, feeders=2, seed=3), CityAssumptions(600.0, 1.6)
    file = write_city(tmp_path / "town", synthetic_tables(size, assumed), assumed, "a town")
    scenario = load_scenario(file)
    come = np.pad(origin_demand(scenario).sum(axis=0), ((0, 0), (0, 40))).cumsum(axis=1)
    stay = [round(member.stay_min / 5) for member in scenario.fleet.classes]
    held = sum(row - np.pad(row, (n, 0))[: len(row)] for row, n in zip(come, stay, strict=True))
    assert even_peak_veh(600.0) == pytest.approx(held.max(), rel=1e-9)
    assert {station.plugs for station in scenario.stations} == {round(1.6 * held.max() / 12)}
    zones = yaml.safe_load(file.read_text())["grid"]["zones"]
    assert sorted(zones) == ["feeder_B0_1", "feeder_B1_1"]
    mean_mw = 600.0 * (0.6 * 18 + 0.25 * 24 + 0.15 * 50) / 8 / 1000
    loads = pd.read_csv(tmp_path / "town" / "buses.csv")["p_kw"].sum() / 1000
    limits = sum(zone["import_limit_mw"] for zone in zones.values())
    assert 0 < limits - 1.3 * (loads + mean_mw) < 4


def test_the_command_makes_a_city_and_says_what_it_lacks(tmp_path, capsys):
    folder = tmp_path / "city"
    assert main(["city", str(folder), "--vehicles", "100", "--plug-factor", "2"]) == 0
    assert "method='city'" in capsys.readouterr().out
    assert len(load_scenario(folder / "case.yaml").stations) == 315
    assert main(["city", str(folder)]) == 2
    assert "there is a case already" in capsys.readouterr().err
    assert main(["city", str(tmp_path / "other"), "--roads", "roads.tntp"]) == 2
    assert "--roads without --feeder" in capsys.readouterr().err
