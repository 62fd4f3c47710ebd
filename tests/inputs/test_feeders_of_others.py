"""Feeders of others: a few rows of each format, faults by name, and published losses."""

import copy
import os
from pathlib import Path

import numpy as np
import pytest

from evlib import InputError
from evlib.folders import DATA, ROOT
from evlib.grid.power_flow import power_flow
from evlib.inputs.feeders.feeder_file import feeders_of, write_feeders
from evlib.inputs.feeders.matpower_feeder import read_matpower
from evlib.inputs.feeders.pandapower_net import read_pandapower
from evlib.inputs.feeders.v2sim_grid import read_v2sim_grid
from evlib.inputs.own_case.case_feeders import read_feeders

SHARED = Path(os.environ.get("EVLIB_SHARED", ROOT.parent / "shared")) / "data"
MATPOWER = """function mpc = two
%% a comment with mpc.bus = nothing
mpc.version = '2';
mpc.baseMVA = 10;
mpc.bus = [
\t1\t3\t0\t0\t0\t0\t1\t1\t0\t12/sqrt(3)*sqrt(3)\t1\t1\t1;
\t2\t1\t500\t200\t0\t0\t1\t1\t0\t12\t1\t1.1\t0.9;
];
mpc.gen = [
\t1\t0\t0\t10\t-10\t1\t100\t1\t10\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0;
];
mpc.branch = [
\t1\t2\t0.5\t0.4\t0\t0\t0\t0\t0\t0\t1\t-360\t360;
];
Vbase = mpc.bus(1, BASE_KV) * 1e3;      %% in Volts
Sbase = mpc.baseMVA * 1e6;              %% in VA
mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
"""
GRID = """<grid Sb="1.0MVA" Ub="10.0kV">
<bus ID="r0" x="0" y="0" V="1.0"><Pd const="0.0MW"/><Qd const="0.0Mvar"/></bus>
<bus ID="b1" x="1" y="0" MinV="0.9" MaxV="1.1"><Pd repeat="8" period="86400"><item time="0" value="0.1MW"/>
<item time="43200" value="0.2MW"/></Pd><Qd const="0.0Mvar"/></bus>
<bus ID="r1" x="5" y="0" V="1.0"><Pd const="0.0MW"/><Qd const="0.0Mvar"/></bus>
<bus ID="b2" x="6" y="0" MinV="0.9" MaxV="1.1"><Pd repeat="8" period="86400"><item time="0" value="300kW"/>
<item time="43200" value="0.6MW"/></Pd><Qd const="0.0Mvar"/></bus>
<line ID="l1" From="r0" To="b1" R="0.5ohm" X="0.4ohm" MaxIkA="0.3" Length_km="-1"/>
<line ID="l2" From="r1" To="b2" R="0.5ohm" X="0.4ohm" MaxIkA="0.3" Length_km="-1"/>
<gen ID="g" Bus="b1" x="0" y="0"><Pmax const="1MW"/></gen></grid>"""


def loss_kw(feeder):
    return float(power_flow(feeder, feeder.load_kw[:, None], feeder.load_kvar[:, None]).loss_kw.sum())


@pytest.fixture
def matpower(tmp_path):
    pytest.importorskip("matpowercaseframes")

    def read(old="", new=""):
        assert old in MATPOWER
        (tmp_path / "two.m").write_text(MATPOWER.replace(old, new) if old else MATPOWER)
        return read_matpower(tmp_path / "two.m")

    return read


@pytest.fixture
def v2sim(tmp_path):
    def read(old="", new=""):
        assert old in GRID
        (tmp_path / "a.grid.xml").write_text(GRID.replace(old, new) if old else GRID)
        return read_v2sim_grid(tmp_path / "a.grid.xml")

    return read


def test_conversions_at_the_end_of_a_matpower_file_are_carried_out(matpower):
    """500 kW over 0.5 + j0.4 ohm at 12 kV: the file says so in its last statements, and the report too.

    matpowercaseframes 2.1.1 leaves such statements out, see findings/matpower_files_in_kw_are_read_as_mw.sh.
    """
    read = matpower()
    (feeder,) = feeders_of(read)
    assert feeder.load_kw.tolist() == pytest.approx([0, 500])
    assert feeder.r_pu * feeder.base_kv**2 == pytest.approx([0.5])
    assert feeder.base_kv == pytest.approx(12)
    assert read.report.loc[read.report["column"] == "statement", "meaning"].tolist() == [
        "branch impedances from ohm to pu of 12 kV and 10 MVA",
        "loads from kW to MW",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "/ 1e3;\n",
            "/ 1e3;\nmpc.bus(2, PD) = 7 * mpc.bus(2, QD);\n",
            r"statement 'mpc\.bus\(2, PD\) = .*' is not recognised",
        ),
        ("\t1\t3\t0", "\t1\t1\t0", "no bus of type 3"),
        ("12/sqrt(3)*sqrt(3)", "system(3)", r"bus.BASE_KV = 'system\(3\)'; must be a number or an expression"),
    ],
)
def test_faults_of_a_matpower_file_are_named(matpower, old, new, message):
    with pytest.raises(InputError, match=message):
        matpower(old, new)


@pytest.mark.parametrize(("name", "expected"), [("case33bw", 202.677), ("case69", 224.992), ("case118zh", 1298.092)])
def test_published_losses_of_matpower_cases(name, expected):
    pytest.importorskip("matpowercaseframes")
    file = SHARED / "matpower" / f"{name}.m"
    if not file.is_file():
        pytest.skip("MATPOWER's cases are not here")
    (feeder,) = feeders_of(read_matpower(file), name)
    assert loss_kw(feeder) == pytest.approx(expected, abs=1e-3)


def test_case141_has_a_branch_without_resistance_and_loads_by_power_factor():
    """11.94 MW of 14.05 MVA at 0.85; one branch is a pure reactance."""
    pytest.importorskip("matpowercaseframes")
    file = SHARED / "matpower" / "case141.m"
    if not file.is_file():
        pytest.skip("MATPOWER's cases are not here")
    (feeder,) = feeders_of(read_matpower(file), "case141")
    assert (feeder.r_pu == 0).sum() == 1
    assert np.hypot(feeder.load_kw, feeder.load_kvar).sum() == pytest.approx(feeder.load_kw.sum() / 0.85)


def test_v2sim_grid_has_two_feeders_one_profile_and_ratings(v2sim, tmp_path):
    read = v2sim()
    feeders = feeders_of(read)
    assert [feeder.load_kw.tolist() for feeder in feeders] == [[0, 200], [0, 600]]
    assert read.profile["load_pu"].tolist() == [0.5, 1.0]
    assert read.branches["rating_mva"].tolist() == pytest.approx([3**0.5 * 10 * 0.3] * 2)
    write_feeders(read, tmp_path)
    back = read_feeders(tmp_path / "buses.csv", tmp_path / "branches.csv")
    assert list(back.zones) == ["feeder_r0", "feeder_r1"]
    together = back.feeder
    assert loss_kw(together) == pytest.approx(sum(map(loss_kw, feeders)), rel=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('R="0.5ohm"', 'R="0.5"', "line l1 R = '0.5'; must be a number with its unit, ohm"),
        ('"0.2MW"', '"0.2GW"', "bus b1 Pd = '0.2GW'; must be a number with its unit, MW or kW"),
        ('To="b2"', 'To="b9"', "<line> l2: To = 'b9' is no bus of the file"),
        ("300kW", "500kW", "loads differ from one profile by up to .*; a case has one profile"),
        ("<gen ", "<battery ", "element <battery> is unknown|not readable as XML"),
        ('ID="b2"', 'ID="b1"', "an ID given twice"),
        ('<gen ID="g" Bus="b1"', '<gen ID="g" Bus="b9"', "gen g: Bus = 'b9' is no bus of the file"),
        ('<Pmax const="1MW"/>', "", "gen g: Pmax must be one value"),
        (
            'MaxV="1.1"><Pd repeat',
            'MaxV="1.1" colour="red"><Pd repeat',
            "<bus> has an attribute 'colour' that is unknown",
        ),
    ],
)
def test_faults_of_a_v2sim_grid_are_named(v2sim, old, new, message):
    with pytest.raises(InputError, match=message):
        v2sim(old, new)


@pytest.mark.parametrize(("name", "n_feeders"), [("ux_37nodes", 2), ("Nanjing", 5)])
def test_known_sizes_of_v2sim_grids(name, n_feeders):
    """Two and five times the 33-bus feeder of Baran and Wu, with loads 2.5 times theirs."""
    folder = DATA / "v2sim_37nodes" if name == "ux_37nodes" else SHARED / "v2sim"
    file = folder / f"{name}.grid.xml"
    if not file.is_file():
        pytest.skip("V2Sim's cases are not here")
    feeders = feeders_of(read_v2sim_grid(file), name)
    assert [feeder.n_bus for feeder in feeders] == [33] * n_feeders
    loads = [feeder.load_kw.sum() for feeder in feeders]
    assert loads[: min(n_feeders, 4)] == pytest.approx([2.5 * 3715] * min(n_feeders, 4))  # the fifth has 225 kW more


def compare_with_pandapower(net, leave_out=()):
    """Largest difference of voltages [pu], and all losses by us and by pandapower's power flow as it is by default [kW]."""
    import pandapower

    read = read_pandapower(net, leave_out=leave_out)
    reference = copy.deepcopy(net)
    if "generators" in leave_out:
        reference.sgen["in_service"] = False
    if "shunts" in leave_out:
        reference.line[["c_nf_per_km", "g_us_per_km"]] = 0.0
        reference.trafo[["pfe_kw", "i0_percent"]] = 0.0
    pandapower.runpp(reference, tolerance_mva=1e-10, numba=False)
    fed_mw = reference.res_ext_grid["p_mw"].sum() + reference.res_sgen["p_mw"].sum() - reference.res_shunt["p_mw"].sum()
    worst, ours_kw = 0.0, 0.0
    for feeder in feeders_of(read):
        demand_kw = feeder.load_kw.copy()
        for farm in read.farms.itertuples() if read.farms is not None else ():
            if farm.bus in feeder.bus:
                demand_kw[feeder.index(farm.bus)] -= 1000 * farm.rating_mw
        flow = power_flow(feeder, demand_kw[:, None], feeder.load_kvar[:, None])
        off = np.abs(flow.voltage_pu[:, 0] - reference.res_bus["vm_pu"].loc[feeder.bus].to_numpy())
        worst, ours_kw = max(worst, off.max()), ours_kw + float(flow.root_kw[0] - demand_kw.sum())
    return worst, ours_kw, 1000 * (fed_mw - reference.res_load["p_mw"].sum()), read


@pytest.mark.verify
@pytest.mark.parametrize("scenario", ["load", "generation"])
def test_both_substations_of_mv_oberrhein_with_sun_cables_and_iron(scenario):
    """As the network is: two grids, taps off neutral, cables, iron losses, 153 generators; 1,017.697 kW lost under load."""
    networks = pytest.importorskip("pandapower.networks")
    worst, ours_kw, theirs_kw, read = compare_with_pandapower(networks.mv_oberrhein(scenario=scenario))
    assert (read.buses["type"] == "slack").sum() == 2
    assert worst < 1e-9
    assert ours_kw == pytest.approx(theirs_kw, rel=1e-8)
    if scenario == "load":
        assert ours_kw == pytest.approx(1017.6970, abs=1e-4)
        assert (read.buses["ratio"] != 1).any()
    else:
        assert read.farms["rating_mw"].sum() == pytest.approx(153 * 0.144274 * 0.8, rel=1e-4)


@pytest.mark.parametrize(
    "taps",
    [
        {"tap_pos": 1, "tap_side": "hv", "tap2_pos": 2, "tap2_side": "lv", "tap2_neutral": 0, "tap2_step_percent": 2.0},
        {"vn_lv_kv": 10.5},
    ],
)
def test_any_tap_and_a_second_changer(taps):
    """One transformer 20/10 kV before two lines, a step-up behind them: each tap moves all voltages behind it."""
    pandapower = pytest.importorskip("pandapower")
    net = pandapower.create_empty_network()
    buses = pandapower.create_buses(net, 4, vn_kv=[20.0, 10.0, 10.0, 20.0])
    pandapower.create_ext_grid(net, buses[0], vm_pu=1.02)
    rated = {"vk_percent": 6.0, "vkr_percent": 0.8, "pfe_kw": 0.0, "i0_percent": 0.0, "sn_mva": 5.0}
    tap = {"tap_neutral": 0, "tap_step_percent": 1.5, "tap_changer_type": "Ratio", "tap2_changer_type": "Ratio"}
    tapped = rated | {"vn_hv_kv": 20.0, "vn_lv_kv": 10.0} | tap | taps
    pandapower.create_transformer_from_parameters(net, buses[0], buses[1], **tapped)
    line = {"length_km": 2.0, "r_ohm_per_km": 0.3, "x_ohm_per_km": 0.3, "c_nf_per_km": 0.0, "max_i_ka": 0.3}
    pandapower.create_line_from_parameters(net, buses[1], buses[2], **line)
    up = {"tap_pos": 1, "tap_side": "lv", "vn_hv_kv": 20.0, "vn_lv_kv": 10.0}
    pandapower.create_transformer_from_parameters(net, buses[3], buses[2], **(rated | tap | up))
    for bus, mw in ((buses[2], 1.0), (buses[3], 0.8)):
        pandapower.create_load(net, bus, mw, 0.3)
    worst, ours_kw, theirs_kw, _ = compare_with_pandapower(net)
    assert worst < 1e-9
    assert ours_kw == pytest.approx(theirs_kw, rel=1e-8)
