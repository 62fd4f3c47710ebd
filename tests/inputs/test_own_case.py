"""A case of one's own: a few lines, plain tables, and everything else by stated defaults."""

import copy
import re

import numpy as np
import pytest
import yaml

from evlib import InputError, build_network, load_scenario, solve
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.own_case.case_feeders import read_feeders
from evlib.inputs.own_case.profiles import step_means

CASE = """\
own_case: 1
currency: EUR
time: {start_clock: "21:00", step_min: 15, hours: 8}
fleet: {vehicles: 60, classes: {car: {stay_min: 50, vot_eur_h: 12}}}
prices: {import_tariff: {late: {from_clock: "22:00", price_eur_kwh: 0.4}, night: {from_clock: "00:00", price_eur_kwh: 0.3}}}
"""
FILES = {
    "links": "from,to,length_km,speed_km_h,lanes,capacity_veh_h\n"
    "a,m,1,50,1,600\na,m,2,50,1,900\nm,b,0.1,50,1,700\nm,a,1,50,1,600\nb,m,1,50,1,600\n",
    "nodes": "node,x,y\na,0,0\nm,1,0\nb,2,0\n",
    "origins": "origin,node,share\no1,a,3\no2,b,1\n",
    "stations": "station,node,bus,plugs,plug_kw,site_kw\ns1,b,2,10,50,200\ns2,m,T4,20,22,5000\n",
    "buses": "bus,name,base_kv,p_kw,q_kvar,type,v_min_pu,v_max_pu\n"
    "1,R1,10,0,0,slack,1,1\n2,A2,10,100,20,pq,0.9,1.1\n3,R3,20,0,0,slack,1,1\n4,T4,20,300,20,pq,0.9,1.1\n",
    "branches": "branch,from_bus,to_bus,r_ohm,x_ohm,status\n1,1,2,0.5,0.4,1\n2,3,4,0,0.4,1\n",
}


@pytest.fixture
def case(tmp_path):
    """Write the case with some texts replaced, and read it."""

    def read(**changes):
        for name, text in (FILES | {"case": CASE}).items():
            for old, new in changes.get(name, {}).items():
                assert old in text
                text = text.replace(old, new)
            (tmp_path / f"{name}.{'yaml' if name == 'case' else 'csv'}").write_text(text)
        return load_scenario(tmp_path / "case.yaml")

    return read


def test_five_lines_and_six_tables_are_solved(case):
    """Parallel roads, an origin at a station, two feeders of 10 and 20 kV, a night: everybody plugs in and drives on."""
    scenario = case()
    result = solve(scenario, "shortest_path", "uncontrolled", cache=False)
    summary = result.tables["summary"].set_index("measure")["value"]
    assert summary["vehicles"] == pytest.approx(60)
    assert summary["vehicles at s1"] == pytest.approx(15)  # those of o2, who drive on no road
    assert summary["mean time on the road"] == pytest.approx(0.75 * 1.2, rel=1e-3)
    network = build_network(scenario)
    assert network.capacity_veh_min[2:] * 60 == pytest.approx([600, 900, 700, 600, 600])
    assert network.arc_name[:4] == ("o1", "o2", "a-m", "a-m (2)")


def test_a_night_pays_the_block_of_its_clock(case):
    """21:00-05:00 with blocks from 22:00 and from midnight: 0.30, then 0.40 for two hours, then 0.30."""
    price = build_grid_case(case()).import_price_cny_kwh
    assert price == pytest.approx([0.3] * 4 + [0.4] * 8 + [0.3] * 20)


def test_stays_are_whole_steps_and_the_case_says_so(case):
    scenario = case()
    assert scenario.fleet.classes[0].stay_min == 60
    assert scenario.own_case.rounded == ("fleet.classes.car.stay_min: 50 is taken as 60 min, whole steps, at least 2",)


def test_plugs_limit_what_vehicles_charge_at(case):
    """The class may charge at 60 kW; the plugs of the stations have 50 and 22."""
    fleet = all_cohorts(case(), 0.3)
    assert {*fleet.domain.charge_kw[fleet.station == 0]} == {50.0}
    assert {*fleet.domain.charge_kw[fleet.station == 1]} == {22.0}


def test_a_site_limit_is_the_rating_of_a_connection_of_its_own(case):
    scenario = case()
    grid = build_grid_case(scenario)
    own = [int(np.flatnonzero(grid.feeder.branch_to == bus)[0]) for bus in grid.station_bus]
    assert grid.rating_kva[own] == pytest.approx([200.0, 5000.0])
    assert (grid.feeder.r_pu[own] == 0).all()
    assert {zone.name: zone.buses for zone in scenario.grid.zones} == {"feeder_R1": (1, 2, 6), "feeder_R3": (3, 4, 7)}
    dispatch = solve(scenario, "shortest_path", "smart", cache=False).tables["summary"].set_index("measure")["value"]
    assert dispatch["highest line loading (AC)"] <= 1.0 + 1e-3


def test_feeders_of_two_voltages_keep_their_impedances_per_unit(case, tmp_path):
    case()
    feeders = read_feeders(tmp_path / "buses.csv", tmp_path / "branches.csv")
    per_unit = dict(zip(feeders.feeder.branch.tolist(), feeders.feeder.x_pu, strict=True))
    assert per_unit[1] == pytest.approx(0.4 / 100)
    assert per_unit[2] == pytest.approx(0.4 / 400)


def test_values_left_out_are_listed_and_those_written_are_not_stated(case):
    table = case().parameters().set_index("parameter")
    assert table.loc["fleet.vehicles", "kind"] == "not stated"
    assert table.loc["fleet.wear_cny_kwh", "kind"] == "default"
    assert table.loc["fleet.classes.car.battery_kwh", "kind"] == "default"
    stated = case(
        case={"vehicles: 60": "vehicles: {value: 60, unit: veh, source: survey, range: [50, 70]}"}
    ).parameters()
    assert stated.set_index("parameter").loc["fleet.vehicles", ["source", "high"]].tolist() == ["survey", 70]


def test_a_variant_is_scaled_as_a_file_would_be(case):
    """Twice the loads by replace are twice the loads by the file, and so for impedances."""
    changes = {"grid.load_scale": 2.0, "grid.impedance_divisor": 4.0}
    replaced = case().replace(changes)
    written = case(case={"fleet:": "grid: {load_scale: 2, impedance_divisor: 4}\nfleet:"})
    for name in ("load_kw", "load_kvar", "r_pu", "x_pu"):
        assert getattr(replaced.tables.feeder, name) == pytest.approx(getattr(written.tables.feeder, name), rel=1e-12)


PROFILE = "time,load_pu\n" + "".join(f"2026-01-05 {hour:02d}:00:00,{hour}\n" for hour in range(24))


def test_an_hourly_profile_of_one_day_goes_on_after_midnight(case, tmp_path):
    """Load n per unit in hour n of the day: 21, 22, 23, 0, ... 4, four steps of 15 min each."""
    (tmp_path / "profile.csv").write_text(PROFILE)
    scenario = case(case={"fleet:": "grid: {profiles_file: profile.csv}\nfleet:"})
    assert scenario.tables.load_pu.tolist() == np.repeat([21, 22, 23, 0, 1, 2, 3, 4], 4).tolist()


@pytest.mark.parametrize("step_min", [1, 15, 30, 60])
def test_resampling_keeps_the_energy(step_min):
    """Whatever the steps, the mean over them is the mean of the profile; 5-min rows at 5-min steps stay as they are."""
    values = np.random.default_rng(1).random(288)
    minute = 5.0 * np.arange(289)
    means = step_means(minute, values, np.arange(0, 1440, step_min), step_min)
    assert means.mean() == pytest.approx(values.mean(), rel=1e-12)
    assert (step_means(minute, values, minute[:-1], 5) == values).all()


BAD = {
    "unknown column": ({"links": {"lanes": "lines"}}, "links.csv: column 'lines' is unknown; did you mean 'lanes'"),
    "self-loop": ({"links": {"m,b,0.1": "m,m,0.1"}}, "links.csv: line 4: from and to are both m"),
    "two capacities": ({"links": {"lanes": "capacity_veh_h_lane"}}, "keep one of the two columns"),
    "time twice": ({"links": {"lanes": "free_flow_min"}}, "free_flow_min = 1, but length_km and speed_km_h give"),
    "zero capacity": ({"links": {"0.1,50,1,700": "0.1,50,1,0"}}, r"capacity_veh_h = '0'; must be .* above 0 \[veh/h\]"),
    "node nowhere": ({"nodes": {"b,2,0\n": ""}}, "node b of links.csv has no coordinates"),
    "origin nowhere": ({"origins": {"o2,b": "o2,c"}}, "origins.csv: line 3: node = 'c' is not a node of the links"),
    "station twice": ({"stations": {"s2,m": "s1,m"}}, "station s1 is there 2 times"),
    "bus nowhere": ({"stations": {"T4": "T9"}}, "stations.csv: line 3: bus = 'T9' is not a bus, by number or name"),
    "other currency": ({"case": {"vot_eur_h": "vot_cny_h"}}, "this case is in EUR; write vot_eur_h"),
    "own key": ({"case": {"vot_eur_h: 12": "vot_eur_h: -12"}}, "fleet.classes.car.vot_eur_h: -12"),
    "own unknown key": ({"case": {"vot_eur_h": "wages_eur_h"}}, "fleet.classes.car.wages_eur_h: unknown key"),
    "unit": (
        {"case": {"vehicles: 60": "vehicles: {value: 60, unit: cars}"}},
        "unit 'cars' is wrong; this field is in 'veh'",
    ),
    "currency of a unit": (
        {"case": {"vot_eur_h: 12": "vot_eur_h: {value: 12, unit: USD/h}"}},
        "vot_eur_h: unit 'USD/h' is wrong; this field is in 'EUR/h'",
    ),
    "no vehicles": ({"case": {"vehicles: 60, ": ""}}, "fleet.vehicles: missing"),
    "version": ({"case": {"own_case: 1": "own_case: 2"}}, "own_case: must be 1"),
    "step": ({"case": {"step_min: 15": "step_min: 90"}}, "time.step_min: 90; must be a number of minutes from 1 to 60"),
    "no root": ({"buses": {"slack": "pq"}}, "no slack bus"),
    "two roots joined": ({"branches": {"2,3,4,0": "2,2,3,0"}}, "slack buses 1 and 3 are connected"),
    "no feeder": (
        {"branches": {"2,3,4,0,0.4,1": "2,3,4,0,0.4,0"}},
        "no closed branch connects buses 4 with a slack bus",
    ),
    "two voltages": ({"buses": {"4,T4,20": "4,T4,10"}}, "bus 4: base_kv = 10 where its root 3 has 20"),
    "limit": ({"stations": {"50,200": "50,-200"}}, "site_kw = '-200'"),
}


@pytest.mark.parametrize("name", BAD)
def test_each_fault_is_named_in_the_words_of_the_file(case, name):
    changes, message = BAD[name]
    with pytest.raises(InputError) as caught:
        case(**changes)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "cny" not in str(caught.value).lower() or "vot_cny_h" in str(changes)


WRONG = (None, "x", -1, float("nan"), [], {}, True, 1e30, 0, "", 3.5, [1, 2], {"a": 1})


def places(node, path=()):
    for key, child in node.items() if isinstance(node, dict) else ():
        yield (*path, key)
        yield from places(child, (*path, key))


def changed(values, path, new):
    values = copy.deepcopy(values)
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    if new is places:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return values


def message_on(file):
    """The error that a case ends in; None if it loads."""
    try:
        load_scenario(file)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "third", [0, pytest.param(1, marks=pytest.mark.verify), pytest.param(2, marks=pytest.mark.verify)]
)
def test_no_value_of_a_case_ends_in_a_traceback_or_passes_unnoticed(case, tmp_path, third):
    """Every value replaced by thirteen others, or left out: an error in the file's words, or a case that is meant."""
    case()
    (tmp_path / "profile.csv").write_text(PROFILE)
    links = [row.rsplit(",", 2)[0] for row in FILES["links"].split()]  # without capacities of their own
    (tmp_path / "links.csv").write_text("\n".join(links))
    base = yaml.safe_load(CASE)
    zone = {"buses": [1, 2], "import_limit_mw": 1, "export_limit_mw": 0, "backup_mw": 0.1}
    base["grid"] = {"profiles_file": "profile.csv", "root_voltage_pu": 1.0, "zones": {"z": zone}}
    base |= {"roads": {"capacity_veh_h": 900, "nearest_stations": 3}, "switches": {"objective": "user"}}
    fates = {}
    for place, path in enumerate(places(base)):
        for number, new in enumerate((*WRONG, places)):
            if (place + number) % 3 != third:
                continue
            (tmp_path / "case.yaml").write_text(yaml.safe_dump(changed(base, path, new), sort_keys=False))
            fates[".".join(path), number] = message_on(tmp_path / "case.yaml"), new
    assert all(str(tmp_path) in message for message, _ in fates.values() if message)
    loaded = [(name, new) for (name, _), (message, new) in fates.items() if message is None]
    sections = {"time", "roads", "grid", "prices", "switches", "fleet.classes.car"}
    for name, new in loaded:
        meant = new is places or (new == {} and name in sections) or (new == "" and name == "grid.profiles_file")
        number = (
            isinstance(new, int | float)
            and not isinstance(new, bool)
            and (new in (0, 3.5) or name.endswith("price_eur_kwh"))
        )
        assert meant or number or (name, new) == ("grid.zones.z.buses", [1, 2]), (name, new)
    assert len(loaded) > 10
    assert ("grid.zones", {}) not in loaded


def test_a_stated_zone_holds_the_connections_of_its_sites(case):
    """Station s1 hangs on bus 2 by a connection of its own: a zone of buses 1 and 2 holds that, too."""
    zone = "zones: {z: {buses: [1, 2], import_limit_mw: 1, export_limit_mw: 0, backup_mw: 0.1}}"
    scenario = case(case={"fleet:": f"grid: {{{zone}}}\nfleet:"})
    assert scenario.grid.zones[0].buses == (1, 2, 6)
    assert solve(scenario, "shortest_path", "smart", cache=False).tables["summary"]["value"].iloc[0] == pytest.approx(
        60
    )
