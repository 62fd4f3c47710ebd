"""Feeders of another program: the same voltages there and here, open switches, loops and wrong units by name."""

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import scipy.io
from pandapower_networks import pandapower_network

from evlib import InputError, load_scenario, solve
from evlib.flexibility.station_load import no_vehicles
from evlib.folders import DATA, SCENARIOS
from evlib.grid.dno import dispatch_grid
from evlib.grid.grid_case import GridCase
from evlib.grid.power_flow import power_flow
from evlib.inputs.build_grid import build_grid_options
from evlib.inputs.feeder_files import read_feeder, write_feeder
from evlib.inputs.pandapower_feeder import from_pandapower

pandapower = pytest.importorskip("pandapower")
networks = pytest.importorskip("pandapower.networks")


def without_shunts(net):
    """The same network without capacitances and iron losses, for both programs."""
    net.line[["c_nf_per_km", "g_us_per_km"]] = 0.0
    net.trafo[["pfe_kw", "i0_percent"]] = 0.0
    net.trafo["tap_pos"] = net.trafo["tap_neutral"]
    return net


MADE = {
    "case33bw": lambda: pandapower_network("case33bw"),
    "cigre_mv": lambda: without_shunts(pandapower_network("create_cigre_network_mv")),
    "kerber_village": lambda: without_shunts(networks.create_kerber_dorfnetz()),
    "four_loads": lambda: without_shunts(networks.four_loads_with_branches_out()),
}


@pytest.mark.parametrize("name", MADE)
def test_voltages_equal_those_of_the_program_it_comes_from(name):
    """Lines, transformers between 110, 20, 10 and 0.4 kV, open switches: within 1e-6 pu at nominal load, losses too."""
    net = MADE[name]()
    pandapower.runpp(net, tolerance_mva=1e-10, trafo_model="pi", calculate_voltage_angles=False, numba=False)
    feeder = from_pandapower(net)
    flow = power_flow(feeder, feeder.load_kw[:, None], feeder.load_kvar[:, None])
    np.testing.assert_allclose(flow.voltage_pu[:, 0], net.res_bus.loc[feeder.bus, "vm_pu"], rtol=0, atol=1e-6)
    lost_mw = net.res_line["pl_mw"].sum() + net.res_trafo["pl_mw"].sum()
    assert flow.loss_kw.sum() == pytest.approx(1000 * lost_mw, rel=1e-5)


@pytest.mark.parametrize(("vm_pu", "lowest_pu", "lost_kw"), [(1.0, 0.94252, 101.31), (1.03, 0.97442, None)])
def test_the_voltage_of_the_external_grid_is_that_of_the_root(vm_pu, lowest_pu, lost_kw, tmp_path):
    """Three 10-kV buses, twice 3 km of 0.3 + j0.3 ohm/km, 2 MW and 1 Mvar at the end: as pandapower finds them."""
    net = pandapower.create_empty_network()
    buses = [pandapower.create_bus(net, 10.0) for _ in range(3)]
    pandapower.create_ext_grid(net, buses[0], vm_pu=vm_pu)
    for ends in pairwise(buses):
        pandapower.create_line_from_parameters(net, *ends, 3.0, 0.3, 0.3, 0.0, 1.0)
    pandapower.create_load(net, buses[-1], p_mw=2.0, q_mvar=1.0)
    pandapower.runpp(net, tolerance_mva=1e-10, numba=False)
    feeder = from_pandapower(net)
    flow = power_flow(feeder, feeder.load_kw[:, None], feeder.load_kvar[:, None])
    assert flow.voltage_pu[:, 0] == pytest.approx(net.res_bus["vm_pu"].to_numpy(), abs=1e-8)
    assert flow.voltage_pu.min() == pytest.approx(lowest_pu, abs=1e-5)
    assert lost_kw is None or flow.loss_kw.sum() == pytest.approx(lost_kw, abs=0.01)
    # Files have no column for it: they say what the scenario must state.
    write_feeder(feeder, tmp_path / "buses.csv", tmp_path / "branches.csv")
    assert ("held at 1.03 pu: state it as grid.root_voltage_pu" in (tmp_path / "buses.csv").read_text()) == (vm_pu != 1)
    assert read_feeder(tmp_path / "buses.csv", tmp_path / "branches.csv").n_bus == 3


def test_33_buses_are_those_of_the_study():
    """pandapower numbers from 0; all else is the file's."""
    ours = read_feeder(DATA / "case33bw_buses.csv", DATA / "case33bw_branches.csv")
    theirs = from_pandapower(pandapower_network("case33bw"))
    assert (theirs.bus + 1 == ours.bus).all()
    for name in ("load_kw", "load_kvar", "r_pu", "x_pu"):
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=1e-9, atol=1e-12)


def test_a_matpower_file_comes_through_pandapower(tmp_path):
    """Baran and Wu's case as a MATPOWER struct: 202.677 kW again."""
    convert = pytest.importorskip("pandapower.converter.matpower.from_mpc")
    feeder = read_feeder(DATA / "case33bw_buses.csv", DATA / "case33bw_branches.csv")
    n, zero = feeder.n_bus, np.zeros(feeder.n_bus)
    kind = np.where(np.arange(n) == 0, 3, 1)
    bus = [feeder.bus, kind, feeder.load_kw / 1000, feeder.load_kvar / 1000, zero, zero, zero + 1, zero + 1, zero]
    bus += [zero + 12.66, zero + 1, zero + 1.1, zero + 0.9]
    no = np.zeros(feeder.n_branch)
    ends = feeder.bus[feeder.branch_from], feeder.bus[feeder.branch_to]
    branch = [*ends, feeder.r_pu, feeder.x_pu, no, no, no, no, no, no, no + 1, no - 360, no + 360]
    case = {"version": "2", "baseMVA": 1.0, "bus": np.column_stack(bus), "branch": np.column_stack(branch)}
    case["gen"] = np.array([[1, 0, 0, 10, -10, 1, 100, 1, 10, 0, *[0] * 11]], dtype=float)
    scipy.io.savemat(tmp_path / "case.mat", {"mpc": case})
    net = convert.from_mpc(str(tmp_path / "case.mat"), f_hz=50)
    found = from_pandapower(net)
    flow = power_flow(found, found.load_kw[:, None], found.load_kvar[:, None])
    assert flow.loss_kw.sum() == pytest.approx(202.6771, abs=1e-3)


def test_open_switches_open_lines_and_closed_ones_join_buses():
    """CIGRE's ring is open at its switches; the two ends of a closed bus coupler are one bus."""
    net = MADE["cigre_mv"]()
    assert len(net.line) + len(net.trafo) == 17
    assert from_pandapower(net).n_branch == 14
    tail = pandapower.create_bus(net, 20.0)
    pandapower.create_switch(net, 14, tail, et="b", closed=True)
    pandapower.create_load(net, tail, p_mw=0.5)
    joined = from_pandapower(net)
    assert joined.n_bus == 15
    before = from_pandapower(MADE["cigre_mv"]())
    assert joined.load_kw[joined.index(14)] == pytest.approx(before.load_kw[before.index(14)] + 500)
    net.switch.loc[net.switch["et"] == "b", "closed"] = False
    with pytest.raises(InputError, match=f"no closed branch connects bus {tail} with the root"):
        from_pandapower(net)


@pytest.fixture(scope="module")
def whole():
    return pandapower_network("case33bw")


def spoiled(whole, change):
    net = deepcopy(whole)
    change(net)
    return net


def close_a_ring(net):
    net.line.loc[36, "in_service"] = True


def island(net):
    net.line.loc[31, "in_service"] = False


def out_of_service_with_its_load(net):
    """The last bus of a lateral: pandapower supplies neither bus nor load, without a word."""
    net.line.loc[31, "in_service"] = net.bus.loc[32, "in_service"] = False


def set_value(table, row, column, value):
    def change(net):
        net[table].loc[row, column] = value

    return change


def scale_loads(factor):
    def change(net):
        net["load"].loc[:, "p_mw"] *= factor

    return change


def test_a_capacitive_load_is_what_pandapower_makes_of_it():
    net = pandapower_network("case33bw")
    net["load"].loc[[5, 17, 30], "q_mvar"] *= -1.0
    pandapower.runpp(net, tolerance_mva=1e-10, numba=False)
    feeder = from_pandapower(net)
    flow = power_flow(feeder, feeder.load_kw[:, None], feeder.load_kvar[:, None])
    assert flow.loss_kw.sum() == pytest.approx(1000.0 * net["res_line"]["pl_mw"].sum(), rel=1e-6)
    assert (feeder.load_kvar < 0).sum() == 3


BAD = {
    "ring": (close_a_ring, r"loop through buses .*; a feeder must be radial: open one of branches .*36"),
    "island": (island, "no closed branch connects bus 32 with the root, bus 0"),
    "negative resistance": (
        set_value("line", 4, "r_ohm_per_km", -1.0),
        "branch 4: r_ohm = -.*; resistance must be positive",
    ),
    "negative impedance": (set_value("line", 4, "x_ohm_per_km", -1.0), "branch 4: x_ohm = -"),
    "limits crossed": (set_value("bus", 5, "min_vm_pu", 1.2), r"bus 5: v_min_pu = 1\.2, v_max_pu = 1\.1"),
    "negative load": (set_value("load", 3, "p_mw", -1.0), "bus 4: p_kw = -1000; a load must not be negative"),
    "kW in p_mw": (
        scale_loads(1000),
        "pulls the voltage .* loads in W",
    ),
    "GW in p_mw": (scale_loads(0.001), "p_kw is .* is it in MW"),
    "two grids": (lambda net: pandapower.create_ext_grid(net, 9), "ext_grid: 2 in service .*exactly one"),
    "generator": (lambda net: pandapower.create_sgen(net, 9, 0.1), r"sgen 0: .* leave_out=\('generators',\)"),
    "shunt": (lambda net: pandapower.create_shunt(net, 9, 0.1), r"shunt 0: .* leave_out=\('shunts',\)"),
    "capacitance": (
        set_value("line", 4, "c_nf_per_km", 200.0),
        r"line 4: c_nf_per_km = 200, .* leave_out=\('shunts',\)",
    ),
    "impedance load": (
        set_value("load", 3, "const_z_p_percent", 50.0),
        "load 3: const_z_p_percent = 50; .* constant power",
    ),
    "current load": (
        set_value("load", 3, "const_i_q_percent", 100.0),
        "load 3: const_i_q_percent = 100; .* constant power",
    ),
    "switch with an impedance beside a line": (
        lambda net: pandapower.create_switch(net, 3, 4, et="b", closed=True, z_ohm=5.0),
        "loop: branches 3 and 37 both join buses 3, 4",
    ),
    "impedance": (
        lambda net: pandapower.create_impedance(net, 3, 4, 0.1, 0.1, 1.0),
        "impedance 0: the feeder has loads, lines and two-winding transformers only",
    ),
    "battery": (
        lambda net: pandapower.create_storage(net, 9, 0.1, 1.0),
        r"storage 0: of generators only sgen is read: go ",
    ),
    "load at a bus out of service": (out_of_service_with_its_load, "load 31: at bus 32, which is out of service"),
    "no voltage at the root": (set_value("ext_grid", 0, "vm_pu", np.nan), "ext_grid 0: vm_pu = nan; must be positive"),
    "two levels": (set_value("bus", 5, "vn_kv", 20.0), r"line 4: from 12\.66 to 20 kV"),
}


@pytest.mark.parametrize(("change", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_network_is_refused_by_name(whole, change, words):
    with pytest.raises(InputError, match=words):
        from_pandapower(spoiled(whole, change))


@pytest.mark.parametrize("tap", ["tap", "tap2"])
def test_a_tap_changer_off_neutral_is_refused_by_name(tap):
    """The second one as the first: nothing of a transformer is left out silently."""
    net = MADE["cigre_mv"]()
    for name, value in {"neutral": 0.0, "pos": 2.0, "step_percent": 1.25, "side": "hv"}.items():
        net.trafo[f"{tap}_{name}"] = value
    net.trafo[f"{tap}_changer_type"] = None  # pandapower ignores such a tap
    assert from_pandapower(net).n_bus == 15
    net.trafo[f"{tap}_changer_type"] = "Ratio"
    with pytest.raises(InputError, match=rf"trafo 0: {tap}_pos is 2\.5 % off; .* set {tap}_pos to {tap}_neutral"):
        from_pandapower(net)


def test_what_may_be_left_out_must_be_named():
    net = pandapower_network("create_cigre_network_mv")
    with pytest.raises(InputError, match=r"leave_out=\('shunts',\)"):
        from_pandapower(net)
    assert from_pandapower(net, leave_out=("shunts",)).n_bus == 15
    with pytest.raises(InputError, match="leave_out 'losses' is unknown"):
        from_pandapower(net, leave_out=("losses",))


@pytest.mark.parametrize("grid_model", ["lindistflow", "cone"])
def test_the_same_dispatch_runs_on_the_cigre_feeder(mini, grid_model):
    """Ten steps with a farm that must be curtailed on one of its laterals; the AC check holds there too."""
    feeder = from_pandapower(MADE["cigre_mv"](), load_scale=0.4)
    shape = np.linspace(0.6, 1.0, 10)
    at, zone = feeder.index(8), np.full(feeder.n_bus, -1)
    behind = feeder.downstream.toarray()[at - 1] > 0
    zone[behind] = 0
    case = GridCase(
        feeder=feeder, load_kw=feeder.load_kw[:, None] * shape, load_kvar=feeder.load_kvar[:, None] * shape,
        farms=("wind",), farm_bus=np.array([at]), farm_zone=np.array([0]), available_kw=np.full((1, 10), 5000.0),
        zones=("lateral",), bus_zone=zone, tie=np.array([at - 1]), import_limit_kw=np.array([8e3]),
        export_limit_kw=np.array([1e3]), backup_kw=np.array([500.0]), backup_bus=np.array([at]), stations=("c",),
        station_bus=np.array([at]), rating_kva=np.full(feeder.n_branch, 3e4), import_price_cny_kwh=np.full(10, 0.5),
        step_h=1 / 12,
    )  # fmt: skip
    options = replace(build_grid_options(mini), import_limit_kw=40e3, grid_model=grid_model, root_voltage_pu=None)
    dispatch = dispatch_grid(case, options, no_vehicles(1, 10))
    assert dispatch.curtailed_kw.min() > 500
    assert dispatch.voltage_pu[0] == pytest.approx(1.03)  # of CIGRE's external grid
    certificate = dispatch.certificate
    assert certificate.grid_ac_voltage_error_pu <= (1e-6 if grid_model == "cone" else 3e-3)
    assert certificate.grid_ac_voltage_violation_pu == 0


def test_a_whole_study_runs_on_another_feeder(tmp_path, mini):
    """Roads and vehicles of the mini case on CIGRE's feeder: written, named in a scenario, solved."""
    feeder = from_pandapower(MADE["cigre_mv"]())
    write_feeder(feeder, tmp_path / "buses.csv", tmp_path / "branches.csv")
    ends = feeder.bus[feeder.branch_from], feeder.bus[feeder.branch_to]
    rows = [f"{begin},{end},30" for begin, end in zip(*ends, strict=True)]
    (tmp_path / "ratings.csv").write_text("\n".join(["from_bus,to_bus,rating_mva", *rows, ""]))
    text = (SCENARIOS / "mini.yaml").read_text().replace("../rts", f"{DATA}/rts")
    for old, new in {
        "../mini_buses.csv": "buses.csv",
        "../mini_branches.csv": "branches.csv",
        "../mini_ratings.csv": "ratings.csv",
        "../mini_": f"{DATA}/mini_",
        "buses: [3, 4]": "buses: [8, 7, 9, 10, 11]",
        "buses: [5, 6]": "buses: [12, 13, 14]",
        "node: 4, bus: 4": "node: 4, bus: 9",
        "node: 5, bus: 6": "node: 5, bus: 14",
        "zone: b, bus: 6": "zone: b, bus: 14",
        "load_scale: {value: 1.5": "load_scale: {value: 1",
        "import_limit_mw: {value: 1.5, unit: MW, source: assumption, range: [0.8, 2]}": "import_limit_mw: {value: 60, unit: MW, "
        "source: assumption, range: [1, 90]}",
        "import_limit_mw: {value: 0.7, unit: MW, source: assumption, range: [0.4, 1]}": "import_limit_mw: {value: 40, unit: MW, "
        "source: assumption, range: [1, 90]}",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    (tmp_path / "cigre.yaml").write_text(text)
    result = solve(load_scenario(tmp_path / "cigre.yaml"), "shortest_path", cache=False)
    assert len(result.tables["buses"]["bus"].unique()) == 15
    assert result.certificate.grid_status == "optimal"
    assert result.certificate.money_relative_residual <= 1e-6
