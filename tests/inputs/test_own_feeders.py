"""What feeders have of their own: voltage at the root, tariff, limits, shunts and generators; against pandapower and by hand."""

import importlib.util
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pandapower_networks import pandapower_network
from test_feeders_of_others import GRID, compare_with_pandapower
from test_own_case import CASE, FILES

from evlib import InputError, load_scenario
from evlib.errors import SolverError
from evlib.flexibility.station_load import no_vehicles
from evlib.grid.dno import dispatch_grid
from evlib.grid.feeder import feeder_from_arrays
from evlib.grid.power_flow import power_flow
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.inputs.build_grid import build_grid_case, build_grid_options
from evlib.inputs.feeders.feeder_file import feeders_of, write_feeders
from evlib.inputs.feeders.matpower_feeder import read_matpower
from evlib.inputs.feeders.pandapower_net import read_pandapower
from evlib.inputs.feeders.v2sim_grid import read_v2sim_grid
from evlib.inputs.new_case.check_case import case_report
from evlib.inputs.new_case.city_case import CityAssumptions, write_city
from evlib.inputs.new_case.sources import feeder_source
from evlib.inputs.new_case.write_case import match_case, write_case
from evlib.inputs.own_case.case_feeders import read_feeders
from evlib.inputs.roads.road_file import RoadFile


@pytest.fixture
def case(tmp_path):
    """The case of one's own with two feeders, R1 (bus 2) and R3 (bus 4, no resistance), and a table of them."""

    def read(feeders=None, prices="", grid="", **files):
        for name, text in (FILES | files).items():
            (tmp_path / f"{name}.csv").write_text(text)
        if feeders is not None:
            (tmp_path / "feeders.csv").write_text(feeders)
            grid = f"feeders_file: feeders.csv, {grid}"
        text = CASE.replace("fleet:", f"grid: {{{grid}}}\nfleet:")
        (tmp_path / "case.yaml").write_text(text.replace("{import_tariff", f"{{{prices}import_tariff"))
        return load_scenario(tmp_path / "case.yaml")

    return read


def empty_day(scenario):
    grid = build_grid_case(scenario)
    return grid, dispatch_grid(grid, build_grid_options(scenario), no_vehicles(len(grid.stations), grid.n_steps))


def test_each_root_has_the_voltage_that_its_row_states(case):
    """The AC voltages of two feeders at 1.03 and 0.98 pu are those of each by itself."""
    scenario = case("root,root_pu\nR3,0.98\n1,1.03\n")
    grid = build_grid_case(scenario)
    feeder = grid.feeder
    flow = power_flow(feeder, feeder.load_kw[:, None], feeder.load_kvar[:, None], root_pu=1.0)
    voltage = dict(zip(feeder.bus.tolist(), flow.voltage_pu[:, 0], strict=True))
    alone = {}
    for root, load, p_kw, base_kv, r_ohm, root_pu in ((1, 2, 100, 10, 0.5, 1.03), (3, 4, 300, 20, 0.0, 0.98)):
        line = {"from_bus": [root], "to_bus": [load], "r_ohm": [r_ohm], "x_ohm": [0.4], "base_kv": base_kv}
        one = feeder_from_arrays(bus=[root, load], p_kw=[0, p_kw], q_kvar=[0, 20], root_pu=root_pu, **line)
        exact = power_flow(one, one.load_kw[:, None], one.load_kvar[:, None])
        alone |= dict(zip(one.bus.tolist(), exact.voltage_pu[:, 0], strict=True))
    assert {bus: voltage[bus] for bus in alone} == pytest.approx(alone, abs=1e-10)
    dispatch = empty_day(scenario)[1]
    assert dispatch.voltage_pu[[feeder.index(1), feeder.index(3)], 0] == pytest.approx([1.03, 0.98])
    assert dispatch.certificate.grid_ac_voltage_error_pu < 1e-4


def test_a_voltage_limit_is_that_of_the_bus_whatever_its_root(case):
    """A root at 0.92 pu cannot feed a bus that wants 0.93; one at 0.95 can."""
    buses = FILES["buses"].replace("2,A2,10,100,20,pq,0.9,1.1", "2,A2,10,100,20,pq,0.93,1.1")
    with pytest.raises(SolverError, match="voltage limits"):
        empty_day(case("root,root_pu\nR1,0.92\nR3,1.0\n", buses=buses))
    assert empty_day(case("root,root_pu\nR1,0.95\nR3,1.0\n", buses=buses))[1].shed_kw.max() < 1e-3


TARIFFS = (
    "feeder_tariffs: {solar: {blocks: {all: {from_clock: '00:00', price_eur_kwh: 0.55}}}}, import_slope_eur_kwh_mw: 0, "
)


def test_feeders_pay_their_own_tariff(case):
    """300 kW at 0.55 and 100 kW at 0.4 or 0.3 EUR/kWh, over 8 h of which 0.4 holds for two: nothing else costs anything."""
    scenario = case("root,tariff\nR1,import_tariff\nR3,solar\n", TARIFFS)
    grid, dispatch = empty_day(scenario)
    paid = 300 * 8 * 0.55 + 100 * (2 * 0.4 + 6 * 0.3)
    assert dispatch.objective_cny == pytest.approx(paid, rel=1e-6)
    common = np.array([0.3] * 4 + [0.4] * 8 + [0.3] * 20)
    two, four = grid.feeder.index(2), grid.feeder.index(4)
    assert dispatch.price_cny_kwh[two] == pytest.approx(common, abs=1e-5)
    assert dispatch.price_cny_kwh[four] == pytest.approx(0.55, abs=1e-5)
    assert grid.tariff_cny_kwh[[two, four]] == pytest.approx(np.stack([common, np.full(32, 0.55)]))
    assert sum(dispatch.price_parts_cny_kwh.values()) == pytest.approx(dispatch.price_cny_kwh, abs=1e-5)
    reduced = ReducedGrid(grid, build_grid_options(scenario)).fixed(np.zeros((2, 32)))
    assert reduced.cost_cny == pytest.approx(dispatch.objective_cny, rel=1e-6)
    assert reduced.price_cny_kwh == pytest.approx(dispatch.price_cny_kwh, abs=1e-5)


def test_what_is_simplified_about_tariffs_is_said_by_check_and_only_where_it_matters(case):
    said = "feeds back saves the others the lowest tariff"
    assert said in case_report(case("root,tariff\nR1,import_tariff\nR3,solar\n", TARIFFS))
    assert said not in case_report(case("root,import_limit_mw\nR1,0.05\nR3,0.5\n"))


def test_limits_of_feeders_are_those_of_their_zones(case):
    scenario = case("root,import_limit_mw,backup_mw\nR1,0.05,0.2\nR3,0.5,0\n")
    limits = {zone.name: (zone.import_limit_mw, zone.backup_mw) for zone in scenario.grid.zones}
    assert limits == {"feeder_R1": (0.05, 0.2), "feeder_R3": (0.5, 0.0)}


BAD = {
    "no root": (
        "root,root_pu\nA2,1.0\nR3,1\n",
        "",
        "",
        "feeders.csv: line 2: root = 'A2'; must be a bus of type slack",
    ),
    "twice": ("root,root_pu\nR1,1.0\n1,1\nR3,1\n", "", "", "root = '1' is there twice, by its number and by its name"),
    "missing": ("root,root_pu\nR1,1.0\n", "", "", "no row for the root 3"),
    "tariff": (
        "root,tariff\nR1,sun\nR3,solar\n",
        TARIFFS,
        "",
        "line 2: tariff = 'sun'; must be one of prices.feeder_tariffs (solar)",
    ),
    "idle": ("root,root_pu\nR1,1\nR3,1\n", TARIFFS, "", "prices.feeder_tariffs.solar: no feeder of feeders.csv has it"),
    "whose": (None, TARIFFS, "", "prices.feeder_tariffs: solar without grid.feeders_file"),
    "per cent": ("root,root_pu\nR1,103\nR3,1\n", "", "", "line 2: root_pu = 103; must be below 1.2 pu"),
    "limits": (
        "root,backup_mw\nR1,1\nR3,1\n",
        "",
        "zones: {z: {buses: [1, 2], import_limit_mw: 1, export_limit_mw: 0, backup_mw: 0}}, ",
        "grid.zones: beside backup_mw of feeders.csv",
    ),
    "column": ("root,volts\nR1,1\nR3,1\n", "", "", "column 'volts' is unknown"),
}


@pytest.mark.parametrize("name", BAD)
def test_faults_of_the_table_of_feeders_are_named(case, name):
    feeders, prices, grid, message = BAD[name]
    with pytest.raises(InputError, match=re.escape(message)):
        case(feeders, prices, grid)


def test_a_capacitor_by_hand():
    """100 kvar at 1 pu behind x = 0.1 pu, no load: V = 1 / (1 - 0.1 * 0.1), and it feeds in 100 V^2."""
    line = {"from_bus": [1], "to_bus": [2], "r_ohm": [0.0], "x_ohm": [10.0], "base_kv": 10.0}
    feeder = feeder_from_arrays(bus=[1, 2], p_kw=[0, 0], q_kvar=[0, 0], **line)
    feeder = replace(feeder, shunt_kw=np.zeros(2), shunt_kvar=np.array([0.0, -100.0]))
    flow = power_flow(feeder, np.zeros((2, 1)), np.zeros((2, 1)))
    voltage = 1 / (1 - 0.1 * 0.1)
    assert flow.voltage_pu[1, 0] == pytest.approx(voltage, abs=1e-9)
    assert flow.branch_kvar[0, 0] == pytest.approx(-100 * voltage**2 + flow.loss_kvar[0, 0], abs=1e-6)


def test_cigre_mv_with_its_shunts_is_pandapowers():
    """Cables of CIGRE MV feed in reactive power; one of them is open at an end."""
    net = pandapower_network("create_cigre_network_mv")
    worst, ours_kw, theirs_kw, read = compare_with_pandapower(net)
    assert read.buses["shunt_kvar"].sum() < -250
    assert worst < 1e-9
    assert ours_kw == pytest.approx(theirs_kw, rel=1e-8)
    without = compare_with_pandapower(net, ("shunts",))[1]
    assert abs(without - ours_kw) > 1


def test_static_generators_are_farms_and_several_may_share_a_bus(tmp_path):
    """CIGRE MV with sun and wind, and two more generators of one name at one bus: all are farms with names of their own."""
    pandapower = pytest.importorskip("pandapower")

    net = pandapower_network("create_cigre_network_mv", with_der="pv_wind")
    for _ in range(2):
        pandapower.create_sgen(net, 5, 0.1, name="roof", type="PV")
    read = read_pandapower(net)
    assert read.farms["rating_mw"].sum() == pytest.approx(net.sgen["p_mw"].sum())
    assert read.farms["farm"].is_unique
    assert set(read.farms["kind"]) == {"solar", "wind"}
    assert read_pandapower(net, leave_out=("generators",)).farms is None
    net.sgen.loc[0, "q_mvar"] = 0.1
    with pytest.raises(InputError, match=r"sgen 0: q_mvar = 0\.1"):
        read_pandapower(net)


def test_several_farms_at_a_bus_feed_in_together(case, tmp_path):
    """0.1 and 0.2 MW at bus 4, whose load is 0.3 MW: nothing is imported there."""
    rows = "".join(f"2026-01-05 {hour:02d}:00:00,1,1\n" for hour in range(24))
    (tmp_path / "profile.csv").write_text("time,load_pu,sun\n" + rows)
    farms = "".join(
        f"{n}: {{kind: {k}, bus: 4, column: sun, rating_mw: {r}}}, "
        for n, k, r in (("a", "solar", 0.1), ("b", "other", 0.2))
    )
    scenario = case(grid=f"profiles_file: profile.csv, farms: {{{farms}}}, ")
    assert {farm.zone for farm in scenario.grid.farms} == {"feeder_R3"}
    dispatch = empty_day(scenario)[1]
    assert dispatch.import_kw == pytest.approx(100, abs=1e-3)


def test_generators_of_a_v2sim_feeder_are_its_backup(tmp_path):
    """1 MW at b1 belongs to the feeder of r0; one at a root is the grid above."""
    text = GRID.replace("</grid>", '<gen ID="h" Bus="r1" x="0" y="0"><Pmax const="9MW"/></gen></grid>')
    (tmp_path / "a.grid.xml").write_text(text.replace('x="5" y="0" V="1.0"', 'x="5" y="0" V="1.02"'))
    read = read_v2sim_grid(tmp_path / "a.grid.xml")
    assert read.feeders.to_dict("list") == {"root": [1, 3], "backup_mw": [1.0, 0.0], "root_pu": [1.0, 1.02]}
    assert [feeder.root_pu for feeder in feeders_of(read)] == [1.0, 1.02]


TAPPED = """function mpc = three
mpc.version = '2';
mpc.baseMVA = 10;
mpc.bus = [
 1 3 0 0 0 0 1 1 0 20 1 1 1;
 2 1 0.5 0.2 0.1 2 1 1 0 20 1 1.1 0.9;
 3 1 0.8 0.1 0 0 1 1 0 20 1 1.1 0.9;
];
mpc.gen = [
 1 0 0 10 -10 1.02 100 1 10 0 0 0 0 0 0 0 0 0 0 0 0;
];
mpc.branch = [
 1 2 0.01 0.08 0.02 0 0 0 0.95 0 1 -360 360;
 3 2 0.03 0.02 0.05 0 0 0 1.03 0 1 -360 360;
];
"""


def test_a_matpower_case_with_taps_charging_and_shunts_keeps_its_own_equations(tmp_path):
    """Three buses, ratios of 0.95 and, from the far end, 1.03: S = V conj(Y V) with the admittances of MATPOWER's manual."""
    pytest.importorskip("matpowercaseframes")
    (tmp_path / "three.m").write_text(TAPPED)
    read = read_matpower(tmp_path / "three.m")
    (feeder,) = feeders_of(read)
    flow = power_flow(feeder, feeder.load_kw[:, None], feeder.load_kvar[:, None], root_pu=read.root_pu)
    voltage = pd.Series(flow.voltage_complex_pu[:, 0] / feeder.ratio, index=feeder.bus).sort_index().to_numpy()
    admittance = np.diag([0, (0.1 + 2j) / 10, 0])  # GS + j BS per unit of 10 MVA
    for f, t, z, b, tap in ((0, 1, 0.01 + 0.08j, 0.02, 0.95), (2, 1, 0.03 + 0.02j, 0.05, 1.03)):
        series = 1 / z
        admittance[f, f] += (series + 0.5j * b) / tap**2
        admittance[t, t] += series + 0.5j * b
        admittance[f, t] -= series / tap
        admittance[t, f] -= series / tap
    fed_in = voltage * np.conj(admittance @ voltage)
    assert fed_in[1:] == pytest.approx([-0.05 - 0.02j, -0.08 - 0.01j], abs=1e-9)
    assert abs(voltage[0]) == pytest.approx(1.02)


def test_shunts_and_ratios_stay_when_a_feeder_is_written_and_read(tmp_path):
    read = read_pandapower(pandapower_network("create_cigre_network_mv"))
    write_feeders(read, tmp_path)
    again = read_feeders(tmp_path / "buses.csv", tmp_path / "branches.csv").feeder
    (feeder,) = feeders_of(read)
    for name in ("ratio", "shunt_kw", "shunt_kvar"):
        by_bus = dict(zip(again.bus.tolist(), getattr(again, name), strict=True))
        assert [by_bus[bus] for bus in feeder.bus.tolist()] == pytest.approx(getattr(feeder, name).tolist(), rel=1e-12)


def test_an_opendss_circuit_says_what_it_needs(tmp_path):
    if importlib.util.find_spec("opendssdirect"):
        pytest.skip("OpenDSSDirect.py is installed")
    (tmp_path / "a.dss").write_text("clear")
    with pytest.raises(
        InputError, match=r"a\.dss: OpenDSS circuits are read by pandapower's converter, which needs OpenDSSDirect"
    ):
        feeder_source(tmp_path / "a.dss")


def test_a_new_case_has_the_farms_shunts_and_voltages_of_its_network(tmp_path):
    """CIGRE MV with sun and wind, by the command's own parts: farms in the file, a profile that is always 1."""
    links = pd.DataFrame(
        {"link": ["1", "2"], "from": ["a", "b"], "to": ["b", "a"], "free_flow_min": 2.0, "capacity_veh_h": 600.0}
    )
    nodes = pd.DataFrame({"node": ["a", "b"], "x": [0.0, 1.0], "y": 0.0})
    roads = RoadFile(links, nodes, "", pd.DataFrame())
    feeders = read_pandapower(pandapower_network("create_cigre_network_mv", with_der="pv_wind"))
    tables = match_case(roads, feeders, None)
    city = write_city(tmp_path / "city", tables, CityAssumptions(vehicles=10.0), "two nodes")
    file = write_case(tmp_path / "case", tables, roads_from="two nodes", feeders_from="CIGRE MV")
    for scenario in map(load_scenario, (city, file)):
        assert sum(farm.rating_mw for farm in scenario.grid.farms) == pytest.approx(feeders.farms["rating_mw"].sum())
    assert scenario.tables.available_pu.min() == scenario.tables.available_pu.max() == 1
    assert scenario.tables.feeder.shunt_kvar.sum() == pytest.approx(feeders.buses["shunt_kvar"].sum())
    assert "a dispatch takes what they draw at 1 pu" in case_report(scenario)
    assert len(file.read_text().splitlines()) <= 60
    (tmp_path / "case" / "farms.csv").write_text("farm,bus,kind,rating_mw,column\nsun,99,solar,1,always_pu\n")
    with pytest.raises(InputError, match=r"farms\.csv: line 2: bus = '99' is no bus of buses\.csv, by number or name"):
        load_scenario(file)
    file.write_text(file.read_text().replace("  farms_file", "  farms: {a: {}}\n  farms_file"))
    with pytest.raises(InputError, match=r"grid\.farms_file: beside grid\.farms; keep one"):
        load_scenario(file)
