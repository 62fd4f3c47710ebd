"""MATPOWER and V2Sim files that state some things only, or state them in their own ways; what is read, what is refused."""

import re

import numpy as np
import pytest
from test_feeders_of_others import GRID, MATPOWER, SHARED, loss_kw
from test_own_case import CASE, FILES

from evlib import InputError, load_scenario, solve
from evlib.flexibility.station_load import no_vehicles
from evlib.grid.dno import dispatch_grid
from evlib.grid.power_flow import power_flow
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.inputs.build_grid import build_grid_case, build_grid_options
from evlib.inputs.feeders.feeder_file import feeders_of, write_feeders
from evlib.inputs.feeders.matpower_feeder import read_matpower
from evlib.inputs.feeders.v2sim_grid import read_v2sim_grid
from evlib.inputs.own_case.case_feeders import read_feeders

BUS_2 = "\t2\t1\t500\t200\t0\t0\t1\t1\t0\t12\t1\t1.1\t0.9;\n"
BRANCH = "\t1\t2\t0.5\t0.4\t0\t0\t0\t0\t0\t0\t1\t-360\t360;\n"
GEN = "\t1\t0\t0\t10\t-10\t1\t100\t1\t10\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0;\n"
# A third bus behind the second, by another branch.
BUS_3 = BUS_2.replace("\t2\t1\t500", "\t3\t1\t300")
BRANCH_3 = BRANCH.replace("\t1\t2\t0.5", "\t2\t3\t0.5")


@pytest.fixture
def matpower(tmp_path):
    pytest.importorskip("matpowercaseframes")

    def read(changes):
        text = MATPOWER
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "two.m").write_text(text)
        return read_matpower(tmp_path / "two.m")

    return read


@pytest.fixture
def v2sim(tmp_path):
    def read(old, new, count=-1):
        assert old in GRID
        (tmp_path / "a.grid.xml").write_text(GRID.replace(old, new, count))
        return read_v2sim_grid(tmp_path / "a.grid.xml")

    return read


def meanings(read, column):
    rows = read.report[read.report["column"] == column]
    return dict(zip(rows["meaning"], rows["rows"], strict=True))


THREE = {BUS_2: BUS_2 + BUS_3, BRANCH: BRANCH.replace("0.4\t0\t0\t", "0.4\t0\t0.3\t") + BRANCH_3}


def test_a_rating_of_0_is_none_and_leaves_the_others_of_matpower(matpower, tmp_path):
    """RATE_A of 0.3 MVA on one branch, 0 on the other; the written file has an empty cell, which reads as no limit."""
    read = matpower(THREE)
    assert read.branches["rating_mva"].tolist() == pytest.approx([0.3, np.nan], nan_ok=True)
    assert meanings(read, "branch.RATE_A") == {"rating": 1, "0: not limited": 1}
    write_feeders(read, tmp_path)
    assert (tmp_path / "branches.csv").read_text().rstrip().endswith(",1,")
    back = read_feeders(tmp_path / "buses.csv", tmp_path / "branches.csv")
    rating = dict(zip(back.feeder.bus[back.feeder.branch_to].tolist(), back.rating_mva.tolist(), strict=True))
    assert rating == pytest.approx({1: np.nan, 2: 0.3, 3: np.nan}, nan_ok=True)


def test_a_rating_of_infinity_is_none_and_leaves_the_others_of_v2sim(v2sim):
    read = v2sim('MaxIkA="0.3"', 'MaxIkA="inf"', 1)
    assert read.branches["rating_mva"].tolist() == pytest.approx([np.nan, 3**0.5 * 10 * 0.3], nan_ok=True)
    assert meanings(read, "line.MaxIkA") == {"rating, with the nominal voltage": 1, "inf or missing: not limited": 1}
    assert "rating_mva" not in v2sim(' MaxIkA="0.3"', "").branches


@pytest.fixture
def own(tmp_path):
    """The case of one's own with two feeders and their lines rated as stated."""

    def read(ratings, case=CASE):
        head, *lines = FILES["branches"].splitlines()
        rows = [f"{head},rating_mva", *(f"{line},{rating}" for line, rating in zip(lines, ratings, strict=True)), ""]
        for name, text in (FILES | {"branches": "\n".join(rows)}).items():
            (tmp_path / f"{name}.csv").write_text(text)
        (tmp_path / "case.yaml").write_text(case)
        return load_scenario(tmp_path / "case.yaml")

    return read


def test_an_empty_rating_is_none_all_the_way_to_the_tables(own):
    """0.25 MVA on the line to the load of 300.7 kVA, nothing on the other; limits are soft: 50.7 kVA too much."""
    scenario = own(["", "0.25"])
    case, options = build_grid_case(scenario), build_grid_options(scenario)
    rating = dict(zip(case.feeder.bus[case.feeder.branch_to].tolist(), case.rating_kva.tolist(), strict=True))
    assert rating == {1: np.inf, 3: np.inf, 2: np.inf, 4: 250.0, 6: 200.0, 7: 5000.0}
    dispatch = dispatch_grid(case, options, no_vehicles(2, case.n_steps))
    over = dict(
        zip(case.feeder.bus[case.feeder.branch_to].tolist(), dispatch.line_overload_kva.mean(axis=1), strict=True)
    )
    assert over.pop(4) == pytest.approx(np.hypot(300, 20) - 250, abs=0.01)
    assert max(over.values()) < 0.1
    reduced = ReducedGrid(case, options).fixed(np.zeros((2, case.n_steps)))
    assert reduced.cost_cny == pytest.approx(dispatch.objective_cny, rel=1e-6)
    lines = solve(scenario, "shortest_path", "uncontrolled", cache=False).tables["lines"].groupby("line")
    assert lines["rating_kva"].first().to_dict() == pytest.approx(
        {"1-2": np.nan, "3-4": 250, "5-1": np.nan, "5-3": np.nan, "2-6": 200, "4-7": 5000}, nan_ok=True
    )
    assert lines["ac_loading"].max().isna().sum() == 3


@pytest.mark.parametrize("rating", ["0", "-1", "none"])
def test_a_rating_of_ones_own_is_positive_or_empty(own, rating):
    with pytest.raises(
        InputError, match=rf"branches.csv: line 3: rating_mva = '{rating}'; .* above 0 \[MVA\], or empty"
    ):
        own(["", rating])


def test_limits_that_never_bind_count_farms(own, tmp_path):
    """100 MW of sun beside 0.4 MW of load: its feeder may export all of it."""
    rows = "".join(f"2026-01-05 {hour:02d}:00:00,1,1\n" for hour in range(24))
    (tmp_path / "profile.csv").write_text("time,load_pu,sun\n" + rows)
    farms = "farms: {a: {kind: solar, bus: 4, column: sun, rating_mw: 100}}"
    scenario = own(["", ""], CASE + f"grid: {{profiles_file: profile.csv, {farms}, reverse_limit_mw: 1000}}\n")
    case = build_grid_case(scenario)
    dispatch = dispatch_grid(case, build_grid_options(scenario), no_vehicles(2, case.n_steps))
    assert case.export_limit_kw.min() >= 200e3
    assert dispatch.curtailed_kw.max() < 1


def test_the_base_that_a_statement_gives_is_the_one_that_counts(matpower):
    """0.05 "ohm" over (6 kV)^2 / 10 MVA, at a bus of 12 kV: four times the ohm."""
    read = matpower(
        {
            "Vbase = mpc.bus(1, BASE_KV) * 1e3": "[GEN_BUS, PG] = idx_gen;\nVbase = 6 * 1e3",
            "\t1\t2\t0.5\t": "\t1\t2\t0.05\t",
        }
    )
    assert read.branches["r_ohm"].tolist() == pytest.approx([0.2])


OFF = GEN.replace("\t1\t100\t1\t10", "\t1.07\t100\t0\t10")


def test_the_voltage_of_a_root_is_that_of_its_generator_or_else_its_own(matpower):
    """VG of a generator in service; VM where the only one is out of service; a generator that is out changes nothing else."""
    held = {
        "\t0\t0\t10\t-10\t1\t100": "\t0\t0\t10\t-10\t1.03\t100",
        "\t1\t3\t0\t0\t0\t0\t1\t1\t": "\t1\t3\t0\t0\t0\t0\t1\t1.04\t",
    }
    read = matpower(held)
    assert read.root_pu == 1.03
    assert meanings(read, "bus.VM") == {"not used: at roots VG is the voltage, elsewhere none is held": 2}
    away = OFF.replace("\t1\t0\t0", "\t2\t5\t3", 1)
    assert matpower(held | {"];\nmpc.branch": away + "];\nmpc.branch"}).root_pu == 1.03
    read = matpower({GEN: OFF, "\t1\t3\t0\t0\t0\t0\t1\t1\t": "\t1\t3\t0\t0\t0\t0\t1\t1.04\t"})
    assert read.root_pu == 1.04
    assert meanings(read, "bus.VM")["voltage of roots without a generator in service"] == 1
    assert meanings(read, "gen") == {"not used: out of service": 1}


def test_an_isolated_bus_is_left_out_with_its_load_and_branches(matpower):
    read = matpower(THREE | {BUS_2: BUS_2 + BUS_3.replace("\t3\t1\t", "\t3\t4\t")})
    assert read.buses["bus"].tolist() == [1, 2]
    assert len(read.branches) == 1
    assert meanings(read, "bus") == {"not used: isolated (type 4), with their load and branches": 1}


def test_generators_and_loads_below_zero_are_farms(matpower):
    """0.2 MW of a generator at bus 2, and a load of -300 kW with 200 kvar at bus 3, whose reactive power stays."""
    gen = GEN.replace("\t1\t0\t0", "\t2\t0.2\t0", 1)
    read = matpower(
        {
            BUS_2: BUS_2 + BUS_3.replace("\t300\t", "\t-300\t"),
            BRANCH: BRANCH + BRANCH_3,
            "];\nmpc.branch": gen + "];\nmpc.branch",
        }
    )
    assert read.farms.to_dict("list") == {
        "farm": ["gen_2_2", "load_3"],
        "bus": [2, 3],
        "kind": ["other", "other"],
        "rating_mw": [0.2, 0.3],
    }
    assert read.buses[["p_kw", "q_kvar"]].to_numpy().tolist() == [[0, 0], [500, 200], [0, 200]]


def test_case533mt_with_its_negative_loads_loses_what_pandapower_says():
    """19 loads below 0. pandapower 3.5.6 on the same tables (from_ppc, runpp): 175.1235 kW lost, 0.958748 pu."""
    pytest.importorskip("matpowercaseframes")
    file = SHARED / "matpower" / "case533mt_hi.m"
    if not file.is_file():
        pytest.skip("MATPOWER's cases are not here")
    read = read_matpower(file)
    (feeder,) = feeders_of(read)
    demand_kw = feeder.load_kw.copy()
    for farm in read.farms.itertuples():
        demand_kw[feeder.index(farm.bus)] -= 1000 * farm.rating_mw
    flow = power_flow(feeder, demand_kw[:, None], feeder.load_kvar[:, None])
    assert len(read.farms) == 19
    assert flow.loss_kw.sum() == pytest.approx(175.12354, abs=1e-4)
    assert flow.voltage_pu.min() == pytest.approx(0.958748, abs=1e-6)


def test_equal_limits_are_a_set_point_and_no_limits(matpower, v2sim):
    """As in MATPOWER's case28da, where all buses have 1 and 1."""
    read = matpower({"\t12\t1\t1.1\t0.9": "\t12\t1\t1\t1"})
    assert read.buses[["v_min_pu", "v_max_pu"]].to_numpy().tolist() == [[1, 1], [0.9, 1.1]]
    assert meanings(read, "bus.VMAX, VMIN") == {"equal, a set point and no limits: 0.9 and 1.1 by default": 1}
    read = v2sim('MinV="0.9" MaxV="1.1"', 'MinV="1" MaxV="1"', 1)
    assert read.buses.loc[1, ["v_min_pu", "v_max_pu"]].tolist() == [0.9, 1.1]
    assert meanings(read, "bus.MinV, MaxV") == {"equal, a set point and no limits: 0.9 and 1.1 by default": 1}


def test_missing_limits_of_v2sim_have_a_default_that_is_said(v2sim):
    read = v2sim('MinV="0.9" ', "", 1)
    assert read.buses.loc[1, ["v_min_pu", "v_max_pu"]].tolist() == [0.9, 1.1]
    assert meanings(read, "bus.MinV") == {"lower voltage limit": 1, "missing: 0.9 by default": 1}


def test_what_the_backup_of_a_feeder_loses_is_said(v2sim):
    read = v2sim("</Pmax>" if "</Pmax>" in GRID else '<Pmax const="1MW"/>', '<Pmax const="1MW"/><Qmax const="1Mvar"/>')
    assert meanings(read, "gen.Bus") == {
        "not used: those of a feeder are one backup, at the bus of its first station or else at its first bus": 1
    }
    assert meanings(read, "gen.Qmax") == {"not used: backup has no reactive power": 1}


def test_branches_side_by_side_are_one(matpower, v2sim):
    """Two of 0.5 + j0.4 ohm and 0.3 MVA: half of it and 0.6 MVA; and the losses of two lines of V2Sim."""
    double = BRANCH.replace("0.4\t0\t0\t", "0.4\t0\t0.3\t") * 2
    read = matpower({BRANCH: double})
    assert read.branches[["r_ohm", "x_ohm", "rating_mva"]].to_numpy().tolist() == [pytest.approx([0.25, 0.2, 0.6])]
    line = '<line ID="l1" From="r0" To="b1" R="0.5ohm" X="0.4ohm" MaxIkA="0.3" Length_km="-1"/>'
    once = v2sim('R="0.5ohm" X="0.4ohm"', 'R="0.25ohm" X="0.2ohm"', 1)
    twice = v2sim(line, line + line.replace("l1", "l9"))
    assert [loss_kw(feeder) for feeder in feeders_of(twice)] == pytest.approx(
        [loss_kw(feeder) for feeder in feeders_of(once)]
    )
    assert meanings(twice, "line") == {"merged with others that join the same buses": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({GEN: GEN.replace("\t1\t0", "\t2\t0", 1), "\t2\t1\t500": "\t2\t2\t500"}, "at bus 2 of type 2: VG = 1; only roots"),
        ({GEN: GEN + GEN.replace("\t1\t0\t0", "\t2\t0.1\t0.1", 1)}, "at bus 2: QG = 0.1; a farm keeps grid.farm_power_factor"),
        ({GEN: GEN + GEN.replace("\t1\t0\t0", "\t2\t-0.1\t0", 1)}, "PG = -0.1; must not be negative: make it a load (PD)"),
        ({GEN: GEN + OFF.replace("\t0\t10", "\t1\t10")}, "generators at bus 1: VG = 1 and 1.07; a root has one voltage"),
        ({BRANCH: BRANCH.replace("0.4\t0\t0\t", "0.4\t0\t-1\t")}, "branch.RATE_A = -1; must not be negative"),
        ({"\t1\t2\t0.5": "\t1\t2.5\t0.5"}, "branch.T_BUS = 2.5; must be a whole number"),
        ({"\t1\t2\t0.5": "\t1\t7\t0.5"}, "branch.T_BUS = 7 is no bus of the case"),
        ({"\t1\t3\t0": "\t2\t3\t0"}, "bus.BUS_I = 2 is there twice"),
        ({"\t2\t1\t500": "\t2\t5\t500"}, "bus.BUS_TYPE = 5; must be one of 1, 2, 3, 4"),
        ({"Sbase = mpc.baseMVA * 1e6;": "", }, "statement 'mpc.branch(:, [BR_R BR_X])"),
        ({"mpc.gen = [": "mpc.dcline = [\n 1 2 1;\n];\nmpc.gen = ["}, "mpc.dcline: a feeder has branches only"),
        ({BRANCH: BRANCH.replace("\t1\t-360", "\t0\t-360")}, "no closed branch connects bus 2 with a root"),
        ({BRANCH: BRANCH.replace("0.5", "-0.5")}, "row 1 of mpc.branch: BR_R in ohm = -0.5"),
        ({"\t2\t1\t500": "\t2\t3\t500"}, "the roots bus 1 and bus 2 are connected"),
    ],
)  # fmt: skip
def test_faults_of_matpower_files_name_the_file_and_its_own_columns(matpower, tmp_path, changes, message):
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'two.m'}: ") + ".*" + re.escape(message)):
        matpower(changes)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('MaxIkA="0.3"', 'MaxIkA="0"', "line l1 MaxIkA = 0; must be positive, or inf if it is not limited"),
        ('MaxIkA="0.3"', 'MaxIkA="much"', "line l1 MaxIkA = 'much'; must be a number"),
        ('MinV="0.9"', 'MinV="low"', "bus b1 MinV = 'low'; must be a number"),
        ('MinV="0.9"', 'MinV="1.2"', "bus b1: MinV = 1.2, MaxV = 1.1; must be 0 <"),
        ('R="0.5ohm"', 'R="-0.5ohm"', "line l1: R = -0.5"),
        ('R="0.5ohm"', 'R="1-2ohm"', "line l1 R = '1-2'; must be a number"),
        ('To="b1"', 'To="r1"', "the roots bus r0 and bus r1 are connected; open a branch"),
        ('value="0.1MW"', 'value="-0.1MW"', "bus b1 Pd = -0.1 MW; must not be negative: what feeds in is a <gen>"),
        ('<Pmax const="1MW"/>', '<Pmax const="1MW"/><Smax const="1MW"/>', "element <Smax> in <gen> is unknown here"),
        (
            '<Qd const="0.0Mvar"/></bus>\n<bus ID="r1"',
            '<Qd const="0.1Mvar"/></bus>\n<bus ID="r1"',
            "Qd: .*differ.* from",
        ),
        ('<Pd repeat="8" period="86400"><item', '<Pd repeat="8" period="86400"><thing', "b1 Pd: must be one value"),
    ],
)
def test_faults_of_v2sim_files_name_the_file_and_its_own_elements(v2sim, tmp_path, old, new, message):
    with pytest.raises(
        InputError, match=re.escape(f"{tmp_path / 'a.grid.xml'}: ") + ".*" + message.replace("(", r"\(")
    ):
        v2sim(old, new, 1)
