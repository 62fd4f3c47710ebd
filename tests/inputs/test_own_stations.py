"""Stations with a limit of the site, with fees, and with vehicles that leave when they are full; answers worked out by hand."""

import re

import numpy as np
import pytest
from test_own_case import FILES

from evlib import InputError, load_scenario, solve

# One origin at one station, 15-min steps: whoever departs at 21:05 arrives in the first step.
CASE = """\
own_case: 1
currency: EUR
time: {start_clock: "21:00", step_min: 15, hours: 4}
fleet: {trips_file: trips.csv, soc_type_offset: 0, FLEETclasses: {car: {stay_min: 60, charge_kw: 50, vot_eur_h: 30}}}
prices: {import_tariff: {flat: {from_clock: "00:00", price_eur_kwh: 0.4}}, import_slope_eur_kwh_mw: 0.0}
coordination: {iterations: ROUNDS, exact_iterations: 1}
switches: {limits: hard, path_set: enumerated}
"""
ONE = "station,node,bus,plugs,plug_kw,site_kw\ns1,b,2,10,50,200\n"
LINKS = "from,to,free_flow_min,capacity_veh_h\na,m,1,600\nm,a,1,600\nm,b,2,600\nb,m,2,600\n"


@pytest.fixture
def case(tmp_path):
    def read(stations=ONE, fleet="", trips="count,origin,departure\n10,o,21:05\n", origin="b", rounds=2):
        files = FILES | {"stations": stations, "origins": f"origin,node\no,{origin}\n", "trips": trips, "links": LINKS}
        for name, content in files.items():
            (tmp_path / f"{name}.csv").write_text(content)
        (tmp_path / "case.yaml").write_text(CASE.replace("FLEET", fleet).replace("ROUNDS", str(rounds)))
        return load_scenario(tmp_path / "case.yaml")

    return read


@pytest.mark.parametrize(
    ("strategy", "method", "rounds"),
    [
        ("shortest_path", None, 2),
        ("user", "city", 2),
        ("user", "joint", 2),
        ("user", "newton", 16),
    ],
)
def test_a_site_limit_bounds_the_power_of_the_station_in_every_method(case, strategy, method, rounds):
    """Ten cars want 18 kWh each in the 45 min that they charge; 200 kW give them 150 kWh, 142.5 of it in batteries."""
    result = solve(case(rounds=rounds), strategy, "smart", method, cache=False)
    power = result.tables["stations"]["net_kw"]
    assert power.max() == pytest.approx(200, rel=1e-4)
    assert power.sum() / 4 == pytest.approx(150, rel=1e-4)
    summary = result.tables["summary"].set_index("measure")["value"]
    assert summary["energy unserved"] == pytest.approx(0.180 - 0.1425, abs=1e-4)


def test_without_the_limit_of_the_site_everybody_is_served(case):
    summary = solve(case(ONE.replace("200", "600")), "shortest_path", "smart", cache=False).tables["summary"]
    assert summary.set_index("measure")["value"]["energy unserved"] == pytest.approx(0, abs=1e-6)


TWO = "station,node,bus,plugs,plug_kw,FEE\nnear,m,2,50,50,PAID\nfar,b,T4,50,50,0\n"


@pytest.mark.parametrize(
    ("column", "fee", "station"),
    [
        ("fee_eur_session", 0.9, "near"),
        ("fee_eur_session", 1.1, "far"),
        ("fee_eur_kwh", 0.052, "near"),
        ("fee_eur_kwh", 0.054, "far"),
    ],
)
def test_drivers_pay_a_fee_up_to_what_the_way_to_the_next_station_costs(case, column, fee, station):
    """The far station is 2 min = 1 EUR further. A session of 18 / 0.95 = 18.95 kWh costs that at 0.0528 EUR/kWh."""
    stations = TWO.replace("FEE", column).replace("PAID", str(fee))
    result = solve(case(stations, origin="a"), "snapshot", "uncontrolled", cache=False)
    summary = result.tables["summary"].set_index("measure")["value"]
    assert summary[f"vehicles at {station}"] == pytest.approx(10, rel=1e-6)
    paid = fee * 10 * (1 if column == "fee_eur_session" else 18 / 0.95)
    assert summary.get("fees to stations", 0.0) == pytest.approx(paid if station == "near" else 0.0)


@pytest.mark.verify
@pytest.mark.parametrize("method", ["newton", "joint"])
def test_fees_steer_drivers_in_the_loop(case, method):
    scenario = case(TWO.replace("FEE", "fee_eur_session").replace("PAID", "1.5"), origin="a", rounds=16)
    summary = solve(scenario, "user", "smart", method, cache=False).tables["summary"].set_index("measure")["value"]
    assert summary["vehicles at far"] == pytest.approx(10, abs=0.05)


def test_where_fees_would_be_ignored_they_are_refused_by_name(case):
    stations = TWO.replace("FEE", "fee_eur_kwh").replace("PAID", "0.1")
    scenario = case(stations, origin="a")
    with pytest.raises(InputError, match="method 'city': stations have fees"):
        solve(scenario, "user", "smart", "city", cache=False)
    with pytest.raises(InputError, match=r"switches\.objective: 'system' with fees of stations"):
        scenario.replace(objective="system")
    with pytest.raises(InputError, match=re.escape("fleet.classes.car.drive_kwh_km: with a fee per kWh")):
        scenario.replace({"fleet.classes.car.drive_kwh_km": 0.2})
    with pytest.raises(InputError, match="column 'fee_cny_kwh' is unknown; did you mean 'fee_eur_kwh'"):
        case(stations.replace("eur", "cny"), origin="a")


TURN = "count,origin,departure\n2,o,21:05\n"


def test_a_full_vehicle_leaves_where_the_switch_says_so(case):
    """18 kWh at 50 kW take 22.7 min: two steps after that of plugging in, 45 min in all instead of 60.

    Two cars come evenly over 15 min to one plug: the second takes it over 45 min after the first, 7.5 min after which it came.
    """
    one_plug = ONE.replace("10,50,200", "1,50,200")
    waits = {}
    for fleet in ("", "leave_when_full: true, ", "leave_when_full: false, "):
        scenario = case(one_plug, fleet, TURN)
        result = solve(scenario, "shortest_path", "uncontrolled", cache=False)
        waits[fleet] = result.tables["summary"].set_index("measure")["value"]["mean time waiting"]
    assert waits[""] == waits["leave_when_full: false, "] == pytest.approx((60 - 7.5) / 2, abs=0.3)
    assert waits["leave_when_full: true, "] == pytest.approx((45 - 7.5) / 2, abs=0.3)
    assert case(one_plug, "leave_when_full: true, ", TURN).own_case.rounded[0] == (
        "fleet.classes.car.stay_min: 45 by leave_when_full, at most 60"
    )


def test_a_class_has_one_stay_and_the_error_says_what_to_change(case):
    two = "station,node,bus,plugs,plug_kw\ns1,b,2,10,50\ns2,m,T4,10,22\n"
    with pytest.raises(InputError, match="class car is full after 3 to 5 steps, by the plug_kw of the station"):
        case(two, "leave_when_full: true, ")
    with pytest.raises(InputError, match="leave_when_full: 'yes'; must be true or false"):
        case(ONE, "leave_when_full: 'yes', ")
    assert np.isclose(case(two).fleet.classes[0].stay_min, 60)
