"""Tables that are refused: every fault of a CSV file is one error with file, line, column, value and what is right."""

import shutil

import pytest

from evlib import InputError, load_scenario
from evlib.folders import DATA
from evlib.inputs.feeder_files import read_feeder


@pytest.fixture
def spoil(tmp_path):
    """Load a scenario from a folder of its own, with the bytes of one of its files changed."""

    def load(name, change, scenario="mini"):
        shutil.copytree(DATA, tmp_path / "data", dirs_exist_ok=True)
        file = tmp_path / "data" / f"{name}.csv"
        file.write_bytes(change(file.read_bytes()))
        return load_scenario(tmp_path / "data" / "scenarios" / f"{scenario}.yaml")

    return load


def swap(old, new):
    def change(content):
        assert old.encode() in content, old
        return content.replace(old.encode(), new.encode(), 1)

    return change


def add(row):
    return lambda content: content + f"{row}\n".encode()


def sunny(content):
    """At noon the sun gives ten times its rating; the column is the fifth of the numbers."""
    lines = content.decode().split("\n")
    noon = next(row for row, line in enumerate(lines) if line.startswith("2020-07-15 12:00"))
    cells = lines[noon].split(",")
    lines[noon] = ",".join([*cells[:5], "9.9", *cells[6:]])
    return "\n".join(lines).encode()


def replaced(old, new):
    return lambda content: content.replace(old.encode(), new.encode())


DAY = "rts_gmlc_2020-07-15_day"
FAULTS = {
    "fractional node of a road": (
        "mini_links",
        swap("2,2,3,4", "2,1.7,3,4"),
        r"line 4: from = '1\.7'; must be a whole",
    ),
    "fractional node": ("mini_nodes", swap("3,1,1", "3.5,1,1"), r"line 5: node = '3\.5'; must be a whole"),
    "fractional bus of a rating": (
        "mini_ratings",
        swap("2,3,2", "2,3.4,2"),
        r"line 4: to_bus = '3\.4'; must be a whole",
    ),
    "TRUE as minutes": (
        "mini_links",
        swap("2,2,3,4", "2,2,3,TRUE"),
        r"line 4: a = 'TRUE'; must be .* number above 0 \[min\]",
    ),
    "infinite": ("mini_links", swap("2,2,3,4", "2,2,3,inf"), r"line 4: a = 'inf'"),
    "empty cell": ("mini_nodes", swap("3,1,1", "3,,1"), r"line 5: x = ''; must be a finite number"),
    "underscore": ("mini_links", swap("2,2,3,4", "2,2,3,1_0"), r"line 4: a = '1_0'"),
    "remark in a row": ("mini_links", swap("2,2,3,4", "2,2,3,4 # slow"), r"line 4: a = '4 # slow'"),
    "road to itself": (
        "mini_links",
        swap("2,2,3,4", "2,3,3,4"),
        r"line 4: from and to are both 3; a road joins two nodes",
    ),
    "road twice": ("mini_links", add("9,2,3,5"), r"lines 4 and 9: from 2, to 3 is there 2 times; keep one row"),
    "node twice": ("mini_nodes", add("3,8,8"), r"lines 5 and 8: node 3 is there 2 times"),
    "bus twice": ("mini_buses", add("4,12.66,1,1,pq,0.9,1.1"), r"lines 6 and 9: bus 4 is there 2 times"),
    "branch twice": ("mini_branches", add("5,1,6,1,1,0"), r"branch 5 is there 2 times"),
    "open branch to itself": ("mini_branches", add("9,6,6,1,1,0"), r"branch 9: loop from bus 6 to itself"),
    "open branch without an end": ("mini_branches", add("9,6,66,1,1,0"), r"branch 9: to_bus = 66; no such bus"),
    "open branch without impedance": ("mini_branches", add("9,6,4,0,0,0"), r"branch 9: r_ohm = 0"),
    "rating twice": ("mini_ratings", add("3,2,9"), r"lines 4 and 8: line 3-2 is rated twice; keep one row"),
    "rating of no line": ("mini_ratings", add("4,6,2"), r"line 8: line 4-6 is no closed line of the feeder; remove"),
    "capacity of roads": (
        "mini_links",
        swap("link,from,to,a", "link,capacity_veh_h,to,from"),
        r"column 'a' is missing",
    ),
    "header twice": ("mini_links", swap("link,from,to,a", "a,from,to,a"), r"column 'a' is there twice; keep one"),
    "misspelt column": (
        "mini_nodes",
        swap("node,x,y", "nodes,x,y"),
        r"column 'node' is missing; the file has nodes, x, y",
    ),
    "row too long": ("mini_nodes", swap("3,1,1", "3,1,1,1"), r"line 5: 4 values; must be 3"),
    "open quote": ("mini_nodes", swap("3,1,1", '3,1,"1'), r"line 5: not readable as CSV"),
    "header only": ("mini_nodes", lambda content: b"node,x,y\n", r"mini_nodes\.csv: the file has a header and no rows"),
    "profile with a header only": (
        DAY,
        lambda content: content[: content.index(b"\n2020") + 1],
        r"a header and no rows",
    ),
    "empty": (
        "mini_links",
        lambda content: b"",
        r"mini_links\.csv: the file is empty; must have a header with link, from",
    ),
    "comments only": ("mini_links", lambda content: b"# nothing\n\n", r"mini_links\.csv: the file is empty"),
    "latin-1": (
        "mini_buses",
        lambda content: content + "# Zürich\n".encode("latin-1"),
        r"line 9: byte 0xfc is no text",
    ),
    "NUL": ("mini_nodes", swap("3,1,1", "3,\0,1"), r"mini_nodes\.csv: line 5: holds a NUL byte"),
    "day first": (
        DAY,
        replaced("2020-07-15 11:30", "15/07/2020 11:30"),
        r"time = '15/07/2020 11:30:00'; must be a time YYYY",
    ),
    "time with an offset": (
        DAY,
        replaced("11:30:00", "11:30:00+02:00"),
        r"'2020-07-15 11:30:00\+02:00'; must be a time .* without UTC",
    ),
    "impossible day": (DAY, replaced("2020-07-15", "2020-02-30"), r"line 7: time = '2020-02-30 00:00:00'"),
    "time twice": (
        DAY,
        swap("15 11:35:00", "15 11:30:00"),
        r"lines 145 and 146: time 2020-07-15 11:30:00 is there 2 times",
    ),
    "time backwards": (
        DAY,
        swap("15 11:35:00", "15 11:25:30"),
        r"line 146: time = .* does not follow .*; rows must be in the order of time",
    ),
    "more than the rating": (DAY, sunny, r"line 151: pv_320_1_pu = 9\.9; it must be per unit of the rating"),
    "column of no profile": (
        DAY,
        swap("wind_122_1_pu", "temperature"),
        r"column 'temperature' is unknown; remove it; may be read",
    ),
}


@pytest.mark.parametrize(("name", "change", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_is_one_error_with_file_and_place(spoil, name, change, message):
    with pytest.raises(InputError, match=message) as refused:
        spoil(name, change)
    assert f"{name}.csv" in str(refused.value)


def test_a_capacity_in_the_table_of_roads_is_refused_by_name(spoil):
    """It used to be ignored; the message says where the capacity stands."""

    def with_capacity(content):
        lines = content.decode().splitlines()
        rows = [f"{line},{60}" for line in lines[2:]]
        return "\n".join([lines[0], f"{lines[1]},capacity_veh_h", *rows, ""]).encode()

    with pytest.raises(InputError, match=r"column 'capacity_veh_h' is unknown; all roads share roads\.capacity_veh_h"):
        spoil("mini_links", with_capacity)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,2,400", r"lines \d+ and 8: origin 1, destination 2 is there 2 times"),
        ("3,3,400", r"line 8: origin and destination are both 3; a pair joins two nodes"),
        ("1.7,3,400", r"line 8: origin = '1\.7'; must be a whole number"),
        ("1,99,400", r"line 8: destination = 99 is not a node"),
    ],
)
def test_pairs_are_checked_as_roads_are(spoil, row, message):
    with pytest.raises(InputError, match=rf"nguyen_od\.csv: {message}"):
        spoil("nguyen_od", add(f"{row},1,1,1,1,1"), "nguyen")


def test_line_ends_spaces_and_a_byte_order_mark_change_nothing(spoil, mini):
    def of_another_editor(content):
        return b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n").replace(b",", b" , ")

    assert spoil("mini_links", of_another_editor).hash == mini.hash


@pytest.mark.parametrize("name", ["", "\0", "x" * 5000, "mini\0.csv"])
def test_a_name_that_is_no_file_is_refused_by_its_field(mini, name):
    with pytest.raises(InputError, match=r"no such file; roads\.links_file names it as"):
        mini.replace({"roads.links_file": name})


def test_a_folder_instead_of_a_file_is_named(tmp_path):
    with pytest.raises(InputError, match="not readable: Is a directory; must be a text file"):
        read_feeder(tmp_path, DATA / "mini_branches.csv")
    with pytest.raises(InputError, match=r"'\\x00': no such file"):
        read_feeder("\0", DATA / "mini_branches.csv")
