"""Elements of a pandapower network one by one, each against pandapower's own power flow; and what the table says of them."""

import copy
import functools
import re

import numpy as np
import pytest
from test_feeders_of_others import compare_with_pandapower

from evlib import InputError
from evlib.inputs.feeders.pandapower_net import read_pandapower
from evlib.inputs.new_case.sources import feeder_source

pandapower = pytest.importorskip("pandapower")

TRAFO = {"sn_mva": 5.0, "vn_hv_kv": 20.0, "vn_lv_kv": 10.0, "vk_percent": 6.0, "vkr_percent": 0.8}
NO_IRON = {"pfe_kw": 0.0, "i0_percent": 0.0}
TAP = {"tap_side": "hv", "tap_neutral": 0, "tap_step_percent": 1.5, "tap_pos": 3}
LINE = {"length_km": 2.0, "r_ohm_per_km": 0.3, "x_ohm_per_km": 0.3, "c_nf_per_km": 0.0}


@functools.cache
def empty():
    """Made once, as it takes long."""
    return pandapower.create_empty_network()


def small(*trafos, max_i_ka=0.3):
    """20 kV, transformers in series down to 10 kV and up again, a line behind the last; 1 MW at every bus but the root."""
    net = copy.deepcopy(empty())
    bus = pandapower.create_bus(net, 20.0)
    pandapower.create_ext_grid(net, bus, vm_pu=1.02)
    for number, values in enumerate(trafos or ({},)):
        other = pandapower.create_bus(net, 20.0 if number % 2 else 10.0)
        ends = (other, bus) if number % 2 else (bus, other)
        pandapower.create_transformer_from_parameters(net, *ends, **(TRAFO | NO_IRON | values))
        bus = other
    end = pandapower.create_bus(net, float(net.bus.at[bus, "vn_kv"]))
    pandapower.create_line_from_parameters(net, bus, end, **LINE, max_i_ka=max_i_ka)
    for bus in net.bus.index[1:]:
        pandapower.create_load(net, bus, 0.8, 0.3)
    return net


def rows_of(read):
    """What the table says: (column, meaning) -> rows."""
    return {(row.column, row.meaning): row.rows for row in read.report.itertuples()}


def agrees(net, **options):
    worst, ours_kw, theirs_kw, read = compare_with_pandapower(net, **options)
    assert worst < 1e-9
    assert ours_kw == pytest.approx(theirs_kw, rel=1e-8)
    return read


IGNORED = (
    "trafo.tap_pos, tap2_pos",
    "not used: changers of no type Ratio or Symmetrical, or of no side, as in pandapower",
)


@pytest.mark.parametrize(
    ("trafos", "n_ignored"),
    [
        ([{"tap_changer_type": "Ratio", **TAP}, TAP], 1),  # the second one's type is nan beside the first one's
        ([TAP], 1),
        ([{"tap_changer_type": "Tabular", **TAP}], 1),
        ([{"tap_changer_type": "Ideal", **TAP}], 1),
        ([{"tap_changer_type": "Ratio", **TAP, "tap_side": None}], 1),
        ([{"tap_changer_type": "Symmetrical", **TAP}], 0),
        ([{"tap_changer_type": "Ratio", **TAP, "tap_step_degree": 60.0}], 0),
        ([{"tap_changer_type": "Ratio", **TAP, "tap_side": "lv"}], 0),
        ([{"tap_changer_type": "Ratio", **TAP, "tap_pos": 0}], 0),
    ],
)
def test_a_tap_moves_the_ratio_where_pandapower_says_so(trafos, n_ignored):
    net = small(*trafos)
    if "Ideal" in str(trafos) and "tap_step_degree" in net.trafo:
        net.trafo["tap_step_degree"] = np.nan
    read = agrees(net)
    assert rows_of(read).get(IGNORED, 0) == n_ignored


def test_ratios_by_a_table_are_refused_by_name():
    net = small({"tap_changer_type": "Tabular", **TAP})
    net.trafo["tap_dependency_table"] = True
    with pytest.raises(
        InputError, match=r"trafo 0: tap_dependency_table = True; ratios .* by a table .* set it to False"
    ):
        read_pandapower(net)


@pytest.mark.parametrize(
    "iron",
    [{"pfe_kw": 20.0, "i0_percent": 0.7}, {"pfe_kw": 20.0}, {"i0_percent": 0.7}, {"pfe_kw": 20.0, "parallel": 2}],
)
def test_iron_losses_are_shunts_of_a_t(iron):
    """With a tap beside them; the first transformer steps down, the second up."""
    read = agrees(small({**iron, "tap_changer_type": "Ratio", **TAP}, iron))
    assert rows_of(read)["trafo.pfe_kw, i0_percent", "shunts at both sides, as in pandapower's T model"] == 2


@pytest.mark.parametrize("second", [{}, {"sn_mva": 2.0, "vk_percent": 5.0, "vkr_percent": 1.5, "pfe_kw": 3.0}])
def test_transformers_side_by_side_are_one(second):
    """Two rows between the same buses, alike or not: one branch, loaded as far as neither of them is overloaded."""
    net = small()
    pandapower.create_transformer_from_parameters(net, 0, 1, **(TRAFO | NO_IRON | second))
    read = agrees(net)
    assert rows_of(read)["line, trafo", "merged with others that join the same buses"] == 1
    pandapower.runpp(net, trafo_loading="power", numba=False)
    power_mva = np.hypot(*(net.res_trafo[f"{part}_hv_{unit}"].sum() for part, unit in (("p", "mw"), ("q", "mvar"))))
    if not second:  # with iron losses, what flows in is not what flows in the windings
        assert power_mva / read.branches["rating_mva"].max() == pytest.approx(
            net.res_trafo["loading_percent"].max() / 100
        )
        assert read.branches["rating_mva"].max() == pytest.approx(10.0)
    else:
        assert 5.0 < read.branches["rating_mva"].max() < 7.0


def test_transformers_side_by_side_with_different_taps_are_refused():
    net = small({"tap_changer_type": "Ratio", **TAP})
    pandapower.create_transformer_from_parameters(net, 0, 1, **(TRAFO | NO_IRON))
    with pytest.raises(
        InputError, match=r"trafo 0 and trafo 1 join the same buses with different ratios, 1 and 1\.045"
    ):
        read_pandapower(net)


def test_a_closed_switch_with_impedance_is_a_branch():
    """5 ohm between two buses of 10 kV: pandapower takes twice as much resistance as reactance."""
    net = small()
    tail = pandapower.create_bus(net, 10.0)
    pandapower.create_switch(net, 2, tail, et="b", closed=True, z_ohm=5.0)
    pandapower.create_load(net, tail, 0.5, 0.1)
    read = agrees(net)
    assert rows_of(read)["switch.z_ohm", "branches, of twice as much resistance as reactance"] == 1
    ohm = read.branches.set_index("to_bus").loc[tail, ["r_ohm", "x_ohm"]].astype(float)
    assert np.hypot(*ohm) == pytest.approx(5.0)
    net.switch["z_ohm"] = 0.0
    assert tail not in agrees(net).buses["bus"].tolist()


def test_a_load_below_zero_is_a_farm():
    """-0.4 MW beside 0.8 MW at one bus: its reactive power stays, the other load is whole."""
    net = small()
    pandapower.create_load(net, 2, -0.2, -0.1, scaling=2.0)
    read = agrees(net)
    assert read.farms.to_dict("list") == {"farm": ["load_2"], "bus": [2], "kind": ["other"], "rating_mw": [0.4]}
    assert read.buses.set_index("bus").loc[2, ["p_kw", "q_kvar"]].tolist() == pytest.approx([800, 100])


def test_farms_have_names_that_a_table_can_hold():
    """A comment's sign, a load that feeds in beside a generator of its name, and the same name twice."""
    net = small()
    for name in ("#1", "load_2", "load_2"):
        pandapower.create_sgen(net, 2, 0.1, name=name)
    pandapower.create_load(net, 2, -0.1)
    assert read_pandapower(net).farms["farm"].tolist() == ["_1", "load_2", "sgen_2", "negative_load_2"]


@pytest.mark.parametrize("missing", [np.nan, 99999.0])
def test_lines_without_a_rating_keep_the_ratings_of_others(missing):
    """99,999 kA is what pandapower's converters write where a line is not limited."""
    net = small(max_i_ka=missing)
    read = read_pandapower(net)
    rating = read.branches.set_index("to_bus")["rating_mva"]
    assert rating[1] == 5.0
    assert np.isnan(rating[2])
    assert rows_of(read)["line.max_i_ka, switch", "no rating: not limited"] == 1


def test_what_is_assumed_or_dropped_is_in_the_table():
    """Limits of one bus of three, 5 MW at a bus on no line, a control of taps, a shunt left out."""
    net = small({"tap_changer_type": "Ratio", **TAP, "tap_min": -5, "tap_max": 5})
    net.bus["min_vm_pu"] = [np.nan, 0.95, np.nan]
    island = pandapower.create_bus(net, 10.0)
    pandapower.create_load(net, island, 5.0)
    pandapower.create_shunt(net, 2, 0.1)
    pandapower.control.DiscreteTapControl(net, 0, 0.99, 1.01, side="lv")
    rows = rows_of(agrees(net))
    assert rows["bus.min_vm_pu", "lower voltage limit"] == 1
    assert rows["bus.min_vm_pu", "missing: 0.9 by default"] == 2
    assert rows["bus.max_vm_pu", "missing: 1.1 by default"] == 3
    assert rows["load", "loads of constant power"] == 2
    assert rows["load", "not used: 5 MW at buses that no external grid feeds, as in pandapower: 3"] == 1
    assert rows["bus", "not used: out of service, or no external grid feeds it"] == 1
    assert rows["controller", "not used: taps stay at tap_pos, as in pandapower without run_control"] == 1
    assert rows["shunt", "shunts"] == 1
    without = rows_of(read_pandapower(net, leave_out=("shunts",)))
    assert without["shunt", "not used: shunts are left out as asked for"] == 1
    assert not any("asked for" in meaning and count != 1 for (_, meaning), count in without.items())


WITHOUT = "go without by --leave-out "


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda net: pandapower.create_ward(net, 1, 0.1, 0, 0, 0), "ward 0: of shunts only shunt is read: " + WITHOUT + "shunts"),
        (lambda net: pandapower.create_gen(net, 1, 0.1), "gen 0: of generators only sgen is read: " + WITHOUT + "generators"),
        (lambda net: pandapower.create_sgen(net, 1, 0.1, 0.1), "sgen 0: q_mvar = 0.1; a farm keeps grid.farm_power_factor"),
        (lambda net: pandapower.create_line_from_parameters(net, 0, 0, **LINE, max_i_ka=1), "line 1: loop from bus 0 to itself"),
        (lambda net: pandapower.create_motor(net, 1, 0.1, 0.9), "motor 0: the feeder has loads, lines and two-winding"),
        (lambda net: net.line.__setitem__("max_i_ka", 0.0), "line 0: max_i_ka = 0; must be positive, or nan where"),
        (lambda net: net.trafo.__setitem__("vkr_percent", 7.0), "vk_percent must be at least vkr_percent"),
        (lambda net: net.line.__setitem__("r_ohm_per_km", -1.0), "line 0: resistance in ohm = -"),
    ],
)  # fmt: skip
def test_faults_name_the_element_and_an_option_of_the_command_line(change, message):
    net = small()
    change(net)
    with pytest.raises(InputError, match="^pandapower network: .*" + re.escape(message)):
        read_pandapower(net)


def test_faults_name_the_users_file(tmp_path):
    net = small(max_i_ka=0.0)
    pandapower.to_json(net, str(tmp_path / "a.json"))
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'a.json'}: line 0: max_i_ka = 0")):
        feeder_source(tmp_path / "a.json")


def test_a_loop_is_told_by_lines_and_transformers():
    net = small()
    other = pandapower.create_bus(net, 10.0)
    for ends in ((2, other), (1, other)):
        pandapower.create_line_from_parameters(net, *ends, **LINE, max_i_ka=1.0)
    with pytest.raises(InputError, match=r"loop through bus 2, bus 3, bus 1; .*: open one of line 0, line 1, line 2"):
        read_pandapower(net)
