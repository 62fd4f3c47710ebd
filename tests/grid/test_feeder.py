"""The radial feeder: order, orientation, scaling, matrices, and every input that is refused."""

import numpy as np
import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.folders import DATA
from evlib.grid.feeder import feeder_from_arrays
from evlib.inputs.feeder_files import read_feeder

BUSES = """# a comment
bus,base_kv,p_kw,q_kvar,type,v_min_pu,v_max_pu
1,10,0,0,slack,1.0,1.0
2,10,100,50,pq,0.9,1.1
3,10,200,80,pq,0.9,1.1
4,10,300,90,pq,0.9,1.1
5,10,50,20,pq,0.9,1.1
"""
BRANCHES = """branch,from_bus,to_bus,r_ohm,x_ohm,status
1,1,2,1.0,0.5,1
2,2,3,2.0,1.0,1
3,3,4,3.0,1.5,1
4,2,5,4.0,2.0,1
5,4,5,9.0,9.0,0
"""


@pytest.fixture
def write_feeder(tmp_path):
    """Write the five-bus feeder with one text replaced in each file; return the two paths."""

    def write(buses=("", ""), branches=("", "")):
        paths = []
        for name, text, (old, new) in (("buses.csv", BUSES, buses), ("branches.csv", BRANCHES, branches)):
            assert text.count(old), f"{old!r} is not in {name}"
            (tmp_path / name).write_text(text.replace(old, new, 1) if old else text)
            paths.append(tmp_path / name)
        return paths

    return write


def test_33_buses_come_root_first_in_their_own_order():
    """The numbering of Baran and Wu already puts every parent before its children: nothing moves."""
    feeder = read_feeder(DATA / "case33bw_buses.csv", DATA / "case33bw_branches.csv")
    branches = pd.read_csv(DATA / "case33bw_branches.csv").query("status == 1")

    assert feeder.bus.tolist() == list(range(1, 34))
    assert feeder.bus[feeder.branch_from].tolist() == branches["from_bus"].tolist()
    assert feeder.bus[feeder.branch_to].tolist() == branches["to_bus"].tolist()
    assert feeder.branch.tolist() == list(range(1, 33))
    # 12.66 kV and 1 MVA: one pu is 160.2756 ohm.
    assert feeder.r_pu[6] * 160.2756 == pytest.approx(0.7114, abs=1e-12)
    assert feeder.x_pu[6] * 160.2756 == pytest.approx(0.2351, abs=1e-12)
    assert (feeder.load_kw.sum(), feeder.load_kvar.sum()) == (3715, 2300)
    assert (feeder.n_bus, feeder.n_branch, feeder.base_kv, feeder.base_mva) == (33, 32, 12.66, 1.0)


def test_scaling_multiplies_loads_and_divides_impedances(write_feeder):
    """Load x 3, impedance / 4; voltage limits and topology as they were."""
    plain = read_feeder(*write_feeder())
    scaled = read_feeder(*write_feeder(), load_scale=3, impedance_divisor=4)

    assert scaled.load_kw.tolist() == [0, 300, 600, 900, 150]
    assert scaled.load_kvar.tolist() == [0, 150, 240, 270, 60]
    np.testing.assert_allclose(scaled.r_pu, np.array([1, 2, 3, 4]) / 4 / 100, rtol=1e-14)
    np.testing.assert_allclose(scaled.x_pu, np.array([0.5, 1, 1.5, 2]) / 4 / 100, rtol=1e-14)
    assert scaled.branch_from.tolist() == plain.branch_from.tolist()
    assert scaled.v_min_pu.tolist() == plain.v_min_pu.tolist() == [1.0, 0.9, 0.9, 0.9, 0.9]


def test_any_order_and_direction_gives_the_same_tree():
    """Root in the last row, branches shuffled and turned round: parents still come first, values stay in place."""
    feeder = feeder_from_arrays(
        bus=[40, 30, 20, 10],
        p_kw=[4, 3, 2, 0],
        q_kvar=[44, 33, 22, 0],
        v_min_pu=[0.94, 0.93, 0.92, 0.91],
        v_max_pu=[1.04, 1.03, 1.02, 1.01],
        from_bus=[40, 20, 30],
        to_bus=[30, 10, 20],
        r_ohm=[3, 1, 2],
        x_ohm=[33, 11, 22],
        base_kv=1,
        root_bus=10,
    )
    assert feeder.bus.tolist() == [10, 20, 30, 40]
    assert feeder.branch_from.tolist() == [0, 1, 2]
    assert feeder.branch.tolist() == [2, 3, 1]
    assert feeder.r_pu.tolist() == [1, 2, 3]
    assert feeder.x_pu.tolist() == [11, 22, 33]
    assert feeder.load_kw.tolist() == [0, 2, 3, 4]
    assert feeder.load_kvar.tolist() == [0, 22, 33, 44]
    assert feeder.v_min_pu.tolist() == [0.91, 0.92, 0.93, 0.94]
    assert feeder.v_max_pu.tolist() == [1.01, 1.02, 1.03, 1.04]
    assert feeder.index(30) == 2


def test_random_tree_parents_come_first_and_downstream_inverts_incidence():
    """On a tree, what a branch feeds is the inverse of who is joined to whom; each branch feeds the next bus."""
    rng = np.random.default_rng(7)
    number = rng.permutation(np.arange(100, 160))
    child = np.arange(1, 60)
    parent = np.array([rng.integers(0, bus) for bus in child])
    turned = rng.random(59) < 0.5
    feeder = feeder_from_arrays(
        bus=number,
        p_kw=np.ones(60),
        q_kvar=np.zeros(60),
        from_bus=number[np.where(turned, child, parent)],
        to_bus=number[np.where(turned, parent, child)],
        r_ohm=rng.uniform(0.1, 1, 59),
        x_ohm=rng.uniform(0.1, 1, 59),
        base_kv=10,
    )
    assert (feeder.branch_to == np.arange(1, 60)).all()
    assert (feeder.branch_from < feeder.branch_to).all()
    known = {frozenset(pair) for pair in zip(number[parent], number[child], strict=True)}
    assert {frozenset(pair) for pair in zip(feeder.bus[feeder.branch_from], feeder.bus[1:], strict=True)} == known
    without_root = feeder.incidence.toarray()[1:]
    np.testing.assert_array_equal(feeder.downstream.toarray()[:, 1:] @ without_root, np.eye(59))
    assert not feeder.downstream.toarray()[:, 0].any()


def test_downstream_by_hand(write_feeder):
    """Bus 2 feeds 3-4 and 5: the first branch carries all, the second buses 3 and 4, the fourth bus 5 alone."""
    feeder = read_feeder(*write_feeder())
    assert feeder.downstream.toarray().astype(int).tolist() == [
        [0, 1, 1, 1, 1],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def test_arrays_cannot_be_written(write_feeder):
    """A feeder is shared by everything that is solved on it."""
    feeder = read_feeder(*write_feeder())
    with pytest.raises(ValueError, match="read-only"):
        feeder.r_pu[0] = 0


def test_a_root_alone_is_a_feeder():
    """The smallest tree has one bus and no branch."""
    feeder = feeder_from_arrays(bus=[1], p_kw=[5], q_kvar=[0], from_bus=[], to_bus=[], r_ohm=[], x_ohm=[], base_kv=10)
    assert (feeder.n_bus, feeder.n_branch, feeder.downstream.shape) == (1, 0, (0, 1))


BAD_BUSES = {
    "missing column": (("v_max_pu", "vmax"), ["'v_max_pu' is missing", "vmax"]),
    "nan": (("200,80", "nan,80"), ["line 5", "p_kw = 'nan'", "finite"]),
    "empty cell": (("200,80", ",80"), ["line 5", "p_kw = ''", "finite"]),
    "no number": (("0.9,1.1\n3", "0.9,high\n3"), ["line 4", "v_max_pu = 'high'", "finite"]),
    "fractional bus": (("3,10,200", "3.5,10,200"), ["line 5", "bus = '3.5'", "whole"]),
    "short row": (("3,10,200,80", "3,10,200"), ["line 5", "6 values", "must be 7"]),
    "duplicate bus": (("5,10,50", "4,10,50"), ["bus 4", "2 times", "one row"]),
    "negative load": (("3,10,200", "3,10,-200"), ["bus 3", "p_kw = -200", "negative"]),
    "limits swapped": (("90,pq,0.9,1.1", "90,pq,1.1,0.9"), ["bus 4", "v_min_pu = 1.1", "v_max_pu = 0.9", "<"]),
    "limits equal": (("90,pq,0.9,1.1", "90,pq,1.0,1.0"), ["bus 4", "v_min_pu = 1", "v_max_pu = 1;", "<"]),
    "no slack": (("slack", "pq"), ["no slack bus", "exactly one"]),
    "two slacks": (("50,pq", "50,slack"), ["slack buses 1, 2", "exactly one"]),
    "unknown type": (("50,pq", "50,pv"), ["line 4", "type = 'pv'", "slack or pq"]),
    "two voltage levels": (("4,10,", "4,0.4,"), ["bus 4", "base_kv = 0.4", "bus 1 has 10"]),
}
BAD_BRANCHES = {
    "missing column": (("r_ohm", "r"), ["'r_ohm' is missing", "branch, from_bus, to_bus, r,"]),
    "nan": (("2.0,1.0", "nan,1.0"), ["line 3", "r_ohm = 'nan'", "finite"]),
    "unknown bus": (("3,3,4", "3,3,44"), ["branch 3", "to_bus = 44", "known are 1, 2, 3, 4, 5"]),
    "zero impedance": (("2.0,1.0", "0.0,0.0"), ["branch 2", "r_ohm = 0", "positive"]),
    "negative resistance": (("2.0,1.0", "-2.0,1.0"), ["branch 2", "r_ohm = -2", "positive"]),
    "negative reactance": (("2.0,1.0", "2.0,-1.0"), ["branch 2", "x_ohm = -1", "negative"]),
    "unknown status": (("0.5,1", "0.5,2"), ["line 2", "status = '2'", "1 or 0"]),
    "island": (("3,3,4,3.0,1.5,1", "3,3,4,3.0,1.5,0"), ["bus 4 with", "root, bus 1", "close a branch"]),
    "islands": (("2,2,3,2.0,1.0,1", "2,2,3,2.0,1.0,0"), ["buses 3, 4 with", "root, bus 1"]),
    "loop": (("9.0,9.0,0", "9.0,9.0,1"), ["loop through buses", "2, 3, 4, 5", "radial", "branches 2, 3, 4, 5"]),
    "parallel branches": (("5,4,5,9.0,9.0,0", "5,5,2,9.0,9.0,1"), ["branches 4 and 5", "buses 2, 5", "radial"]),
    "branch to itself": (("4,2,5", "4,5,5"), ["branch 4", "bus 5 to itself"]),
}


def assert_message_has(message, words):
    """The loop may start at any of its buses and turn either way; all else stands as written."""
    if "loop through buses" in message:
        listed = message.split("loop through buses ")[1].split(";")[0]
        message = message.replace(listed, ", ".join(sorted(listed.split(", "))))
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize(("edit", "words"), BAD_BUSES.values(), ids=BAD_BUSES.keys())
def test_bad_bus_table_is_refused_by_name(write_feeder, edit, words):
    """One error that names the file, the line or bus, the value and what would be right."""
    buses, branches = write_feeder(buses=edit)
    with pytest.raises(InputError) as refused:
        read_feeder(buses, branches)
    assert_message_has(str(refused.value), [str(buses), *words])


@pytest.mark.parametrize(("edit", "words"), BAD_BRANCHES.values(), ids=BAD_BRANCHES.keys())
def test_bad_branch_table_is_refused_by_name(write_feeder, edit, words):
    """One error that names the file, the line or branch, the value and what would be right."""
    buses, branches = write_feeder(branches=edit)
    with pytest.raises(InputError) as refused:
        read_feeder(buses, branches)
    assert_message_has(str(refused.value), [str(branches), *words])


def test_open_tie_closed_makes_a_named_loop(tmp_path):
    """Tie 18-33 of the 33-bus feeder closes the loop 6-7-...-18-33-...-26: 21 buses."""
    text = (DATA / "case33bw_branches.csv").read_text().replace("36,18,33,0.5,0.5,0", "36,18,33,0.5,0.5,1")
    (tmp_path / "closed.csv").write_text(text)
    with pytest.raises(InputError, match="loop through buses") as refused:
        read_feeder(DATA / "case33bw_buses.csv", tmp_path / "closed.csv")
    listed = str(refused.value).split("loop through buses ")[1].split(";")[0].split(", ")
    assert sorted(map(int, listed)) == [*range(6, 19), *range(26, 34)]


def test_missing_file_is_named(tmp_path):
    """Not a traceback of the reader, but the path."""
    with pytest.raises(InputError, match=r"nowhere\.csv: no such file"):
        read_feeder(tmp_path / "nowhere.csv", DATA / "case33bw_branches.csv")


@pytest.mark.parametrize("name", ["load_scale", "impedance_divisor"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_scale_must_be_positive(write_feeder, name, value):
    """A divisor of zero would give infinite impedances without a word."""
    with pytest.raises(InputError, match=f"{name} = {value}; must be positive"):
        read_feeder(*write_feeder(), **{name: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"p_kw": [0, np.nan]}, ["bus 2", "p_kw = nan", "finite"]),
        ({"p_kw": [0]}, ["p_kw has shape (1,)", "(2,)"]),
        ({"bus": [], "p_kw": [], "q_kvar": []}, ["no buses"]),
        ({"root_bus": 9}, ["root bus 9", "1, 2"]),
        ({"r_ohm": [np.inf]}, ["branch 1", "r_ohm = inf", "finite"]),
        ({"from_bus": [1.5]}, ["branch 1", "from_bus = 1.5", "whole"]),
        ({"v_min_pu": 1.2}, ["v_min_pu = 1.2", "v_max_pu = 1.1"]),
        ({"base_kv": 0}, ["base_kv = 0", "positive"]),
    ],
)
def test_hand_made_feeder_is_checked_too(change, words):
    """The same checks without a file; the message says *feeder* instead of a path."""
    good = {"bus": [1, 2], "p_kw": [0, 1], "q_kvar": [0, 0], "from_bus": [1], "to_bus": [2], "r_ohm": [1], "x_ohm": [1]}
    with pytest.raises(InputError) as refused:
        feeder_from_arrays(**({"base_kv": 10} | good | change))
    assert_message_has(str(refused.value), ["feeder", *words])


def test_unknown_bus_number_is_named(write_feeder):
    """Asking for bus 6 of five says which there are."""
    with pytest.raises(InputError, match="no bus 6; its buses are 1, 2, 3, 4, 5"):
        read_feeder(*write_feeder()).index(6)
