"""A fleet as a table of trips, and origins with departures of their own, against the profiles of the small case."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from test_own_case import CASE, FILES

from evlib import InputError, build_network, load_scenario, solve
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_roads import origin_demand
from evlib.inputs.new_case.convert import convert
from evlib.traffic.loading import load_traffic


@pytest.fixture
def small(tmp_path, mini):
    """The small case as one of one's own; with trips in place of its profiles if some are given."""

    def read(trips=None, **fleet):
        folder = tmp_path / ("profiles" if trips is None else "trips")
        file, _ = convert(mini.file, folder)
        if trips is not None:
            raw = yaml.safe_load(file.read_text())
            for key in ("vehicles", "peak_clock", "peak_width_min"):
                del raw["fleet"][key]
            for member in raw["fleet"]["classes"].values():
                del member["share"], member["peak_over_mean"]
            raw["fleet"] |= {"trips_file": "trips.csv"} | fleet
            file.write_text(yaml.safe_dump(raw))
            origins = pd.read_csv(folder / "origins.csv").drop(columns="share")
            origins.to_csv(folder / "origins.csv", index=False)
            trips.to_csv(folder / "trips.csv", index=False)
        return load_scenario(folder)

    return read


def as_trips(scenario) -> pd.DataFrame:
    """The demand of a scenario as rows: count, origin, class, departure in the middle of the step."""
    demand = origin_demand(scenario)
    rows = []
    for (o, m, k), count in np.ndenumerate(demand):
        seconds = int(60 * (660 + scenario.time.step_min * (k + 0.5)))
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        rows.append((float(count), scenario.origins[o].name, scenario.fleet.classes[m].name, clock))
    return pd.DataFrame(rows, columns=["count", "origin", "class", "departure"]).sample(frac=1, random_state=1)


def test_trips_of_the_small_case_are_its_day(small, mini):
    """Its demand row by row, in any order, gives the same demand, loading, costs and prices to 1e-9."""
    trips = as_trips(mini)
    by_trips, by_profile = small(trips), small()
    assert origin_demand(by_trips) == pytest.approx(origin_demand(mini), abs=1e-11)
    days = [solve(case, "shortest_path", "smart", cache=False) for case in (by_trips, by_profile)]
    for name in ("summary", "stations", "prices"):
        new, old = (day.tables[name].select_dtypes("number").to_numpy() for day in days)
        np.testing.assert_allclose(new, old, atol=1e-9, rtol=1e-9)


def test_the_converted_case_has_the_demand_the_loading_and_the_costs_of_the_small_case(small, mini):
    """The grid's program has one bus more, so its costs are equal to the solver's tolerance."""
    case = small()
    new, old = (load_traffic(build_network(s), _nearest(s)).arrived_veh for s in (case, mini))
    np.testing.assert_array_equal(new, old)
    known = case.parameters().set_index("parameter")
    assert known.loc["fleet.vehicles", ["source", "low", "high"]].tolist() == ["assumption", 20, 160]
    costs = [
        solve(s, "shortest_path", "smart", cache=False).tables["costs"].set_index("item")["cost_cny"]
        for s in (case, mini)
    ]
    assert costs[0]["grid: total"] == pytest.approx(costs[1]["grid: total"], rel=1e-6)


def _nearest(scenario):
    from evlib.assignment.route_choice import shortest_path_departures

    return shortest_path_departures(build_network(scenario), origin_demand(scenario))


TRIPS = "vehicle,origin,departure\nv1,o1,21:05\nv2,o1,21:20\nv3,o2,21:29:30\n"


@pytest.fixture
def case(tmp_path):
    """The case of one's own with a table of trips."""

    def read(trips=TRIPS, fleet="trips_file: trips.csv, ", share=False, more=""):
        for name, text in FILES.items():
            (tmp_path / f"{name}.csv").write_text(text)
        if not share:
            (tmp_path / "origins.csv").write_text("origin,node\no1,a\no2,b\n")
        (tmp_path / "trips.csv").write_text(trips)
        (tmp_path / "case.yaml").write_text(CASE.replace("vehicles: 60, ", fleet) + more)
        return load_scenario(tmp_path / "case.yaml")

    return read


def test_every_vehicle_departs_from_its_origin_in_the_step_of_its_clock(case):
    """Steps of 15 min from 21:00: 21:05 is in step 0, 21:20 and 21:29:30 are in step 1, the last one."""
    scenario = case()
    assert scenario.time.last_departure_step == 1
    assert origin_demand(scenario)[:, 0].tolist() == pytest.approx(np.array([[1, 1], [0, 1]]))
    assert [origin.share for origin in scenario.origins] == pytest.approx([2 / 3, 1 / 3])
    twice = scenario.replace({"fleet.vehicles": 6.0})
    assert origin_demand(twice) == pytest.approx(2 * origin_demand(scenario))


def test_counts_may_be_fractions(case):
    demand = origin_demand(case("count,origin,departure\n2.5,o1,21:05\n0.25,o1,21:05\n0,o2,23:00\n"))
    assert demand[0, 0, 0] == pytest.approx(2.75)
    assert demand.sum() == pytest.approx(2.75)


def test_states_of_charge_and_batteries_become_classes_that_keep_the_energy(case):
    """0.42 and 0.48 of 60 kWh are one class (27 kWh each in the mean); 0.7 of 60 and 0.45 of 90 kWh are others."""
    trips = "vehicle,origin,departure,soc,battery_kwh\nv1,o1,21:05,0.42,60\nv2,o1,21:20,0.48,60\n"
    scenario = case(trips + "v3,o2,21:05,0.7,60\nv4,o2,21:05,0.45,90\n")
    classes = {item.name: item for item in scenario.fleet.classes}
    found = sorted(
        (round(c.share * 4), c.battery_kwh, round(c.soc_arrival * c.battery_kwh, 9)) for c in classes.values()
    )
    assert found == [(1, 60, 42), (1, 90, 40.5), (2, 60, 27)]
    assert scenario.fleet.soc_type_offset == 0
    assert origin_demand(scenario).sum(axis=(0, 2)) == pytest.approx([4 * c.share for c in scenario.fleet.classes])
    assert "4 rows are 3 classes" in scenario.own_case.rounded[-1]
    fleet = all_cohorts(scenario, 0.3)
    assert {*fleet.domain.energy_low_kwh.round(9)} == {6 - 27, 6 - 42, 9 - 40.5}
    finer = case(trips, fleet="trips_file: trips.csv, soc_step: 0.05, ")
    assert sorted(item.soc_arrival for item in finer.fleet.classes) == pytest.approx([0.42, 0.48])


def test_trips_are_solved(case):
    result = solve(case(), "shortest_path", "smart", cache=False)
    summary = result.tables["summary"].set_index("measure")["value"]
    assert summary["vehicles"] == pytest.approx(3)
    assert summary["vehicles at s1"] == pytest.approx(1)


BAD = {
    "unknown column": (TRIPS.replace("departure", "departs"), "column 'departure' is missing"),
    "another column": (
        TRIPS.replace("vehicle,", "vehicle,colour,").replace("v1,", "v1,red,"),
        "column 'colour' is unknown",
    ),
    "neither": (TRIPS.replace("vehicle", "class"), "either a column vehicle"),
    "both": ("vehicle,count,origin,departure\nv1,1,o1,21:05\n", "either a column vehicle"),
    "vehicle twice": (TRIPS.replace("v2", "v1"), "vehicle v1 is there 2 times"),
    "origin": (TRIPS.replace("o2", "o9"), "trips.csv: line 4: origin = 'o9' is not an origin of the case"),
    "clock": (TRIPS.replace("21:20", "25:20"), "line 3: departure = '25:20'; must be a clock time HH:MM"),
    "too early": (TRIPS.replace("21:05", "20:30"), "line 2: departure = '20:30'; must lie in 21:00..05:00"),
    "class": (
        TRIPS.replace("vehicle", "class,vehicle")
        .replace("v1", "bus,v1")
        .replace("v2", "car,v2")
        .replace("v3", "car,v3"),
        "line 2: class = 'bus' is not one of fleet.classes: car",
    ),
    "per cent": ("vehicle,origin,departure,soc\nv1,o1,21:05,42\n", "soc = 42; must be a share of the battery, 0 to 1"),
    "nobody": ("count,origin,departure\n0,o1,21:05\n", "somebody must depart"),
    "destination": (
        "vehicle,origin,departure,destination\nv1,o1,21:05,x\n",
        "trips.csv: destination x: neither an origin of the case nor a node of the links",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_fault_of_a_table_of_trips_is_named(case, name):
    trips, message = BAD[name]
    with pytest.raises(InputError, match=re.escape(message)):
        case(trips)


def test_trips_go_on_to_their_destinations_on_generated_paths(case):
    """Two trips of four pairs, one to another origin's node and one to a road node: two pairs, each driven to its end."""
    scenario = case("vehicle,origin,departure,destination\nv1,o1,21:05,o2\nv2,o2,21:20,m\n")
    assert (scenario.switches.trip_end, scenario.switches.path_set) == ("destination", "generated")
    assert {item.name: item.node for item in scenario.destinations} == {"o2": "b", "m": "m"}
    network = build_network(scenario)
    assert network.origins == ("o1 to o2", "o2 to m")
    assert origin_demand(scenario)[:, 0].tolist() == pytest.approx(np.array([[1, 0], [0, 1]]))
    for path in network.paths:
        last = path.onward[-1] if path.onward else path.arcs[-1]
        assert network.arc_head[last] == ("b", "m")[path.origin]
    # o1 is 1.2 min from m and 0.12 min further from b; o2 goes 1.2 min to m. Whoever charges elsewhere drives more.
    assert network.path_free_flow_min.min() == pytest.approx(1.2)
    result = solve(scenario, "snapshot", "smart", cache=False)
    assert result.tables["summary"].set_index("measure")["value"]["vehicles"] == pytest.approx(2)
    with pytest.raises(InputError, match=r"switches\.trip_end: 'station' beside column 'destination' of trips\.csv"):
        scenario.replace({}, trip_end="station")


@pytest.mark.parametrize(
    ("fleet", "message"),
    [
        ("trips_file: trips.csv, vehicles: 3, ", "fleet.vehicles: trips.csv says who departs when"),
        ("trips_file: trips.csv, peak_clock: '22:00', ", "fleet.peak_clock: trips.csv says"),
        ("trips_file: nothing.csv, ", "nothing.csv: no such file; fleet.trips_file names it"),
        ("trips_file: trips.csv, soc_step: 0, ", "fleet.soc_step: 0; must be a number above 0"),
    ],
)
def test_what_trips_say_is_not_said_again(case, fleet, message):
    with pytest.raises(InputError, match=re.escape(message)):
        case(fleet=fleet)


def test_shares_of_origins_beside_trips_are_refused_and_no_variant_changes_them(case):
    with pytest.raises(InputError, match=r"column 'share' is unknown; fleet\.trips_file says who departs where"):
        case(share=True)
    scenario = case()
    for key, value in (("fleet.peak_clock", "21:05"), ("fleet.classes.car.peak_over_mean", 1.2)):
        with pytest.raises(InputError, match=f"{re.escape(key)}.* has no meaning beside trips.csv"):
            scenario.replace({key: value})


def test_an_origin_may_have_departures_of_its_own(case, tmp_path):
    """o2 sends three of four between 22:00 and 23:00 and the others in the hour after; o1 keeps the profile of its class."""
    rows = "".join(f"2026-01-05 {hour:02d}:00:00,{ {22: 3, 23: 1}.get(hour, 0) }\n" for hour in range(24))
    (tmp_path / "leave.csv").write_text("time,o2\n" + rows)
    scenario = case(fleet="vehicles: 60, ", share=True, more="departures_file: leave.csv\n")
    demand = origin_demand(scenario)[:, 0]
    hourly = demand[1, : 4 * (demand.shape[1] // 4)].reshape(-1, 4).sum(axis=1)
    assert hourly[:4] == pytest.approx([0, 15 * 0.75, 15 * 0.25, 0])
    plain = origin_demand(case(fleet="vehicles: 60, ", share=True))[:, 0]
    assert demand[0] == pytest.approx(plain[0])
    assert demand.sum(axis=1) == pytest.approx(plain.sum(axis=1))
    (tmp_path / "leave.csv").write_text("time,o2,o1\n" + "".join(row + ",1\n" for row in rows.splitlines()))
    with pytest.raises(
        InputError, match=r"fleet\.peak_width_min: would change nothing, as leave\.csv has a column for every"
    ):
        case(fleet="vehicles: 60, peak_width_min: 30, ", share=True, more="departures_file: leave.csv\n")
    (tmp_path / "leave.csv").write_text("time,o9\n" + rows)
    with pytest.raises(InputError, match="column 'o9' is no origin; origins are o1, o2"):
        case(fleet="vehicles: 60, ", share=True, more="departures_file: leave.csv\n")


def test_a_car_that_drives_in_full_stays_full(case):
    """98 % where stations charge to 95 %: it wants nothing, takes nothing, and is there."""
    scenario = case("vehicle,origin,departure,soc\nv1,o1,21:05,0.98\nv2,o2,21:05,0.3\n")
    fleet = all_cohorts(scenario, 0.3)
    full = scenario.fleet.classes[fleet.vehicle_class[0]].soc_arrival == 0.98
    rows = fleet.vehicle_class == (fleet.vehicle_class[0] if full else 1)
    assert fleet.domain.target_kwh[rows].max() == 0
    assert fleet.domain.energy_high_kwh[rows].max() == 0
    assert fleet.domain.target_kwh[~rows].min() == pytest.approx(18)
    with pytest.raises(InputError, match="arrival state of charge"):
        case(fleet="vehicles: 60, ", share=True).replace({"fleet.classes.car.soc_arrival": 0.95})
