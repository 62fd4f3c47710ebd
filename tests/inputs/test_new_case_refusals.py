"""A new case appears whole or not at all, says what it assumes, and refuses options that would change nothing."""

import re

import pandas as pd
import pytest
import yaml
from test_feeders_of_others import GRID
from test_new_case import BACK, new
from test_road_files import FCS, V2SIM, written

from evlib import InputError, load_scenario
from evlib.__main__ import main
from evlib.folders import DATA
from evlib.inputs.new_case.assumptions import marked_assumptions
from evlib.inputs.new_case.matching import usual_distance
from evlib.inputs.new_case.sources import feeder_source
from evlib.inputs.new_case.whole_folder import whole_folder


@pytest.fixture
def sources(tmp_path):
    files = {"a.net.xml": V2SIM.replace("</roadnet>", BACK), "a.fcs.xml": FCS.replace("b0_2", "b1"), "a.grid.xml": GRID}
    return written(tmp_path, **files)


def refused(capsys, folder, *more, stations=True):
    """The message of a refusal, after which nothing of the case is there."""
    before = sorted(path.name for path in folder.iterdir())
    assert new(folder, *more, stations=stations) == 2
    assert sorted(path.name for path in folder.iterdir()) == before
    return capsys.readouterr().err


STATIONS = "station,node,bus,plugs,plug_kw,site_kw\ns1,CS1,b1,3,50,200\n"
FULL = "count,origin,departure,soc\n3,cluster_2_3,08:05,1.3\n"


def test_a_late_refusal_leaves_nothing_behind_and_names_the_users_file(sources, capsys):
    """A state of charge of 130 % is seen when the whole case is read; after that the same command may be given again."""
    (sources / "trips.csv").write_text(FULL)
    message = refused(capsys, sources, "--fleet", str(sources / "trips.csv"))
    assert f"{sources / 'trips.csv'} (as trips.csv of the new case): line 2: soc = 1.3" in message
    assert "nothing was written" in message
    assert ".tmp" not in message
    (sources / "trips.csv").write_text(FULL.replace("1.3", "0.3"))
    assert new(sources, "--fleet", str(sources / "trips.csv")) == 0
    assert load_scenario(sources / "case").name == "case"


def fill(folder, *names, then=None):
    with whole_folder(folder) as place:
        for name in names:
            (place / name).write_text("new")
        if then is not None:
            raise then


def test_a_folder_with_other_files_keeps_them(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "links.csv").write_text("mine, too")
    with pytest.raises(InputError, match=r"links\.csv: there is such a file already"):
        fill(tmp_path, "links.csv", "case.yaml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["links.csv", "notes.txt"]
    (tmp_path / "links.csv").unlink()
    fill(tmp_path, "case.yaml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case.yaml", "notes.txt"]


def test_an_interrupt_leaves_nothing_behind(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "deep" / "case", "case.yaml", then=KeyboardInterrupt())
    assert list((tmp_path / "deep").iterdir()) == []


def test_what_new_puts_in_is_said_marked_and_listed(sources, capsys):
    """Every value of the file is one of a table, one that was given, or marked; `new` says and `check` lists the same."""
    assert new(sources) == 0
    said = capsys.readouterr().out
    case = sources / "case"
    marked = marked_assumptions(case / "case.yaml")
    names = {text.partition(":")[0] for text in marked}
    classes = "fleet.classes.car."
    assert names >= {"time.start_clock", "time.hours", "fleet.vehicles", "fleet.peak_width_min", "stations_file"}
    assert names >= {classes + key for key in ("battery_kwh", "charge_kw", "discharge_kw", "stay_min", "soc_arrival")}
    assert names >= {classes + "gain_share", "prices.import_tariff.day", "prices.import_tariff.night", "currency"}
    assert "fleet.vehicles: 10 (as many as plugs)" in marked
    assert "stations_file: stations.csv (plug_kw 60)" in marked
    assert all(f"assumed: {text}" in said for text in marked if not text.startswith(("stations_file", "origins_file")))
    main(["check", str(case)])
    listed = capsys.readouterr().out
    assert all(f"  {text}" in listed for text in marked)
    assert "  fleet.peak_clock: 12:15" in listed
    file = case / "case.yaml"
    file.write_text(file.read_text().replace("vehicles: 10  # assumed: as many as plugs", "vehicles: 12"))
    assert "fleet.vehicles" not in {text.partition(":")[0] for text in marked_assumptions(file)}


@pytest.mark.parametrize(
    ("more", "stations", "message"),
    [
        (("--n-stations", "4"), True, "--n-stations beside --stations would change nothing"),
        (("--n-stations", "40"), False, "--n-stations 40: must be 1 to 3, the road nodes"),
        (("--n-stations", "0"), False, "--n-stations 0: must be 1 to 3"),
        (("--most-distance", "5"), False, "--most-distance without --stations would change nothing"),
        (("--most-distance", "nan"), True, "--most-distance nan: must be above 0 and finite"),
        (("--vehicles", "-5"), True, "--vehicles -5: must be above 0"),
        (("--fleet-format", "epfl"), True, "--fleet-format without --fleet would change nothing"),
        (("--fleet-columns", "arrival=a"), True, "--fleet-columns without --fleet would change nothing"),
        (("--leave-out", "foo"), True, "--leave-out foo: must be one or both of shunts, generators"),
        (("--leave-out", "shunts"), True, "--leave-out shunts: goes with *.json (pandapower) and *.dss (OpenDSS) only"),
    ],
)
def test_options_that_would_change_nothing_are_refused(sources, capsys, more, stations, message):
    assert message in refused(capsys, sources, *more, stations=stations)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fleet-format", "epfl"), "has a column origin, so these are trips"),
        (("--fleet-format", "epfl", "--fleet-time-format", "%d"), "--fleet-time-format beside --fleet-format epfl"),
        (("--fleet-columns", "come=a"), "--fleet-columns 'come=a': must be NAME=COLUMN or NAME=COLUMN*FACTOR"),
    ],
)
def test_options_of_sessions_do_not_go_with_trips_or_known_formats(sources, capsys, options, message):
    fleet = sources / "fleet.csv"
    fleet.write_text(FULL if "come=a" not in options else "a\n1\n")
    assert message in refused(capsys, sources, "--fleet", str(fleet), *options)


def test_a_distance_is_measured_from_named_nodes_only_where_stations_have_a_place(sources, capsys):
    (sources / "s.csv").write_text(STATIONS)
    more = ("--stations", str(sources / "s.csv"), "--most-distance", "5")
    assert "s.csv has no x and y to measure from" in refused(capsys, sources, *more, stations=False)


def test_a_station_of_another_country_is_refused_without_any_option(sources, capsys):
    """V2Sim's coordinates are metres: 2 km are the most unless somebody allows more."""
    text = (sources / "a.fcs.xml").read_text()
    (sources / "a.fcs.xml").write_text(re.sub(r'\bx="[^"]*"', 'x="999999"', text))
    message = refused(capsys, sources)
    assert "1 stations are more than 2000 m from their node: f1 (9.9" in message
    assert "from CS1)" in message
    (sources / "s.csv").write_text("station,x,y\nnear,10,0\nfar,1000000,5000000\n")
    message = refused(capsys, sources, "--stations", str(sources / "s.csv"), stations=False)
    assert "1 stations are more than 2000 m from their node: far (5.09" in message
    assert new(sources, "--stations", str(sources / "s.csv"), "--most-distance", "1e7", stations=False) == 0


def test_the_usual_distance_follows_the_unit_of_the_coordinates():
    nodes = pd.DataFrame({"x": [0.0, 3.0], "y": [0.0, 4.0]})
    assert usual_distance(nodes, "m") == (2000.0, "2000 m")
    assert usual_distance(nodes, "km") == (2.0, "2 km")
    assert usual_distance(nodes, "")[0] == pytest.approx(0.5)


def test_check_shows_how_far_stations_are_from_their_nodes_and_buses(sources, capsys):
    new(sources)
    capsys.readouterr()
    main(["check", str(sources / "case")])
    shown = capsys.readouterr().out
    assert "  node: f1 5 from CS1" in shown
    assert f"  bus: f1 {(1099**2 + 5**2) ** 0.5:.4g} from b1" in shown


def test_fees_of_stations_are_read_and_name_the_currency(sources, capsys):
    (sources / "s.csv").write_text(
        STATIONS.replace("site_kw", "fee_eur_session,fee_eur_kwh").replace(",200", ",1.5,0.05")
    )
    assert new(sources, "--stations", str(sources / "s.csv"), stations=False) == 0
    scenario = load_scenario(sources / "case")
    assert scenario.currency == "EUR"
    assert scenario.tables.station_fee.tolist() == [[1.5], [0.05]]
    assert "vot_eur_h: 30" in (sources / "case" / "case.yaml").read_text()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("fee_eur_session,fee_cny_kwh", "a case has one currency"),
        ("fee_euro_session,fee_eur_kwh", "column 'fee_euro_session': must name its currency"),
    ],
)
def test_fees_without_one_currency_are_refused(sources, capsys, columns, message):
    (sources / "s.csv").write_text(STATIONS.replace("site_kw", columns).replace(",200", ",1.5,0.05"))
    assert message in refused(capsys, sources, "--stations", str(sources / "s.csv"), stations=False)


def test_sessions_give_the_hours_and_the_number_of_vehicles(sources, capsys):
    """EPFL: 1,878 sessions on 449 days; those that begin while vehicles depart are the vehicles of a day."""
    sessions = DATA / "epfl_l3_sessions.csv"
    assert new(sources, "--fleet", str(sessions), "--fleet-format", "epfl") == 0
    said = capsys.readouterr().out
    assert "arrival: hours of departure, vehicles of a day" in said
    scenario = load_scenario(sources / "case")
    hours = pd.to_datetime(pd.read_csv(sessions, comment="#")["Arrival"]).dt.hour
    start, steps = int(scenario.time.start_clock[:2]), scenario.time.last_departure_step + 1
    inside = [60 * hour for hour in range(start, start + steps // 4)]
    count = (
        hours.isin([minute // 60 % 24 for minute in inside]).sum() + (hours == start + steps // 4).sum() * steps % 4 / 4
    )
    assert scenario.fleet.vehicles == pytest.approx(count / 449, rel=2e-3)
    profile = scenario.tables.origin_profile[0]
    assert profile[4] / profile[0] == pytest.approx((hours == start + 1).sum() / (hours == start).sum(), rel=1e-3)
    assert "peak_width_min" not in (sources / "case" / "case.yaml").read_text()
    main(["check", str(sources / "case")])
    assert "peak_clock" not in capsys.readouterr().out


def test_trips_with_destinations_are_a_new_case(sources, capsys):
    trips = "count,origin,departure,destination\n3,cluster_2_3,08:05,N1\n"
    (sources / "trips.csv").write_text(trips.replace("N1", "nowhere"))
    message = refused(capsys, sources, "--fleet", str(sources / "trips.csv"))
    assert "trips: destination nowhere is no road node" in message
    (sources / "trips.csv").write_text(trips)
    assert new(sources, "--fleet", str(sources / "trips.csv")) == 0
    scenario = load_scenario(sources / "case")
    assert [(item.name, item.node) for item in scenario.destinations] == [("N1", "N1")]
    capsys.readouterr()
    assert main(["check", str(sources / "case")]) == 0
    assert "  switches.trip_end: destination" in capsys.readouterr().out


def test_trips_of_a_tntp_file_are_the_shares_of_origins(sources, capsys):
    """Zones 1 and 2 with 10 + 5 and 5 trips: three quarters begin at the first."""
    (sources / "t_trips.tntp").write_text(
        "<NUMBER OF ZONES> 3\n<TOTAL OD FLOW> 20\n<END OF METADATA>\nOrigin 1\n2 : 10; 3 : 5;\nOrigin 2\n1 : 5;\n"
    )
    assert "origins 1, 2 are no road nodes" in refused(capsys, sources, "--fleet", str(sources / "t_trips.tntp"))
    roads = [(1, 2), (2, 3), (3, 1)]
    links = "".join(f"{a},{b},1,50,600\n" for a, b in roads)
    (sources / "own").mkdir()
    (sources / "own" / "links.csv").write_text("from,to,length_km,speed_km_h,capacity_veh_h\n" + links)
    (sources / "own" / "nodes.csv").write_text("node,x,y\n1,0,0\n2,1,0\n3,0,1\n")
    command = ["new", str(sources / "case"), "--roads", str(sources / "own"), "--feeder", str(sources / "a.grid.xml")]
    assert main([*command, "--fleet", str(sources / "t_trips.tntp")]) == 0
    shares = {item.node: item.share for item in load_scenario(sources / "case").origins}
    assert shares == {"1": pytest.approx(0.75), "2": pytest.approx(0.25)}


def test_an_island_is_listed_by_check_and_ends_it(sources, capsys):
    new(sources)
    case = sources / "case"
    rows = {
        "links": {"link": "x", "from": "far", "to": "away", "capacity_veh_h": "900"},
        "origins": {"origin": "o_far", "node": "far"},
    }

    def add(name, **known):
        header, *_ = (case / f"{name}.csv").read_text().split("\n")
        with (case / f"{name}.csv").open("a") as file:
            file.write(",".join(known.get(column, "1") for column in header.split(",")) + "\n")

    for name, row in rows.items():
        add(name, **row)
    for node in ("far", "away"):
        add("nodes", node=node)
    capsys.readouterr()
    assert main(["check", str(case)]) == 2
    shown = capsys.readouterr()
    assert "origins that reach no station: o_far" in shown.out
    assert "1 origins reach no station, so the case cannot be solved: o_far" in shown.err
    origins = case / "origins.csv"
    origins.write_text(origins.read_text().replace("o_far,far", "o_far,CS1"))
    add("stations", station="lonely", node="far", bus="b1")
    assert main(["check", str(case)]) == 0
    assert "stations that are reached from no origin: lonely" in capsys.readouterr().out


def test_columns_of_a_profile_that_nobody_asks_for_are_said(sources, capsys):
    new(sources)
    file = sources / "case" / "profile.csv"
    rows = file.read_text().splitlines()
    file.write_text("\n".join([rows[0] + ",typo_pu", *(row + ",1" for row in rows[1:])]) + "\n")
    capsys.readouterr()
    assert main(["check", str(sources / "case")]) == 0
    assert "not used\n  profile.csv: column 'typo_pu'" in capsys.readouterr().out


def test_a_city_refuses_what_it_would_ignore(tmp_path, capsys):
    assert main(["city", str(tmp_path / "c"), "--feeder", "x.m"]) == 2
    assert "--feeder without --roads would change nothing" in capsys.readouterr().err
    assert main(["city", str(tmp_path / "c"), "--roads", "x", "--feeder", "x.m", "--seed", "3"]) == 2
    assert "--seed beside --roads would change nothing" in capsys.readouterr().err
    assert main(["city", str(tmp_path / "c"), "--leave-out", "shunts"]) == 2
    assert "--leave-out without --roads would change nothing" in capsys.readouterr().err
    assert main(["city", str(tmp_path / "c"), "--roads", "x", "--feeder", "x.m", "--most-distance", "3"]) == 2
    assert "--most-distance without --stations would change nothing" in capsys.readouterr().err


def test_many_farms_are_a_table(tmp_path):
    """Farms by the name of a bus, in a table, are those that the file would state by its number."""
    from test_own_case import CASE, FILES, PROFILE

    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text)
    (tmp_path / "profile.csv").write_text(PROFILE.replace("load_pu", "load_pu,sun_pu").replace(":00,", ":00,1,"))
    (tmp_path / "farms.csv").write_text("farm,kind,bus,column,rating_mw\nw,solar,T4,sun_pu,0.5\n")

    def farms(grid):
        (tmp_path / "case.yaml").write_text(CASE + f"grid: {{profiles_file: profile.csv, {grid}}}\n")
        return load_scenario(tmp_path / "case.yaml").grid.farms

    stated = "{w: {kind: solar, bus: 4, column: sun_pu, rating_mw: 0.5}}"
    assert farms("farms_file: farms.csv") == farms(f"farms: {stated}")
    assert farms("farms_file: farms.csv")[0].zone == "feeder_R3"
    for grid, message in (
        (f"farms_file: farms.csv, farms: {stated}", "grid.farms_file: beside grid.farms; keep one of the two"),
        (
            f"farms: {stated.replace('bus: 4', 'bus: 9')}",
            "grid.farms.w.bus: 9 is no bus of buses.csv, by number or name",
        ),
        (f"farms: {stated.replace('bus: 4', 'bus: 4, zone: feeder_R1')}", "but its bus 4 is in feeder_R3"),
        ("farms_file: 5", "grid.farms_file: 5; must be the name of a file"),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            farms(grid)
    table = "farm,kind,bus,column,rating_mw,zone\nw,solar,T4,sun_pu,0.5,feeder_R"
    (tmp_path / "farms.csv").write_text(table + "1\n")
    with pytest.raises(InputError, match=r"farms\.csv: line 2: zone = 'feeder_R1', but its bus 4 is in feeder_R3"):
        farms("farms_file: farms.csv")
    (tmp_path / "farms.csv").write_text(table + "3\n")
    read = feeder_source(tmp_path)  # the farm has another zone in a new case, and keeps its column
    assert read.farms.to_dict("records") == [
        {"farm": "w", "kind": "solar", "bus": 4, "column": "sun_pu", "rating_mw": 0.5}
    ]
    assert "not used: zones are the feeders" in read.report.set_index("column").loc["farms.zone", "meaning"]


def test_the_file_says_what_to_write_instead(tmp_path):
    from test_own_case import CASE, FILES

    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text)

    def message(text):
        (tmp_path / "case.yaml").write_text(text)
        with pytest.raises(InputError) as caught:
            load_scenario(tmp_path / "case.yaml")
        return str(caught.value)

    alone = 'prices: {feeder_tariffs: {cheap: {x: {from_clock: "00:00", price_eur_kwh: 1}}}, '
    assert "feeder_tariffs.cheap: its blocks stand alone; put them under blocks, as in cheap: {blocks: {x:" in message(
        CASE.replace("prices: {", alone)
    )
    assert "python -m evlib convert FILE FOLDER" in message(CASE.replace("own_case: 1", "own_case: 0"))
    without = message(yaml.safe_dump({"time": {}}))
    assert "missing; this key is required; a case of your own begins with own_case: 1" in without


def test_the_usual_peak_is_on_the_clock_of_the_place(tmp_path):
    """From 00:30 on the night on which clocks go from 02:00 to 03:00: 135 min later, amid departures, they show 03:45."""
    from test_own_case import CASE, FILES

    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text)
    time = 'time: {start_clock: "00:30", step_min: 15, hours: 6, zone: Europe/Berlin, date: "2026-03-29"}'
    text = re.sub("time: .*", time, CASE).replace("stay_min: 50", "stay_min: 45")
    (tmp_path / "case.yaml").write_text(text)
    scenario = load_scenario(tmp_path / "case.yaml")
    assert scenario.time.last_departure_step == 24 - 1 - 6
    assert scenario.fleet.peak_clock == "03:45"
