"""The reader of published networks: a file by hand, and every fault of a file named by its line."""

import numpy as np
import pytest

from evlib.errors import InputError
from evlib.inputs.tntp import read_network, read_trips

NETWORK = """<NUMBER OF ZONES> 2
<NUMBER OF NODES> 3
<FIRST THRU NODE> 3
<NUMBER OF LINKS> 3
<ORIGINAL HEADER>~ Init node Term node
<END OF METADATA>

~ init term capacity length time b power speed toll type ;
	1	3	100	2.5	4	0.15	4	60	1	1	;
	3	2	200	1	6	0.5	1	60	0	1	;
	1	2	50	9	3	1	0	60	0	2	;
"""
TRIPS = """<NUMBER OF ZONES> 2
<TOTAL OD FLOW> 16.5
<END OF METADATA>

Origin 1
    1 :  2.0;    2 : 12.5;
Origin 2
    1 :  2.0;
    2 :  0.0;
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "file.tntp"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_network_by_hand(written):
    """At capacity the first costs 4 (1 + 0.15), the second 6 (1 + 0.5); power 0 is a constant 3 (1 + 1)."""
    network = read_network(written(NETWORK))
    assert (network.n_zones, network.roads.n_nodes, network.roads.first_through_node) == (2, 3, 3)
    assert network.roads.tail.tolist() == [1, 3, 1]
    assert network.roads.head.tolist() == [3, 2, 2]
    assert network.links["link_type"].tolist() == [1, 1, 2]
    assert network.cost()([100.0, 200.0, 7.0]) == pytest.approx([4.6, 9.0, 6.0])
    assert network.cost(toll_factor=2.0, length_factor=0.1)([0.0, 0.0, 0.0]) == pytest.approx([6.25, 6.1, 6.9])


def test_a_network_called_asymmetric_is_refused_unless_its_rows_alone_are_wanted(tmp_path):
    """The three published ones carry it in their names; their rows look like all others."""
    (tmp_path / "Hessen-Asym_net.tntp").write_text(NETWORK)
    with pytest.raises(InputError, match=r"Hessen-Asym_net\.tntp: called asymmetric: .* or pass separable=True"):
        read_network(tmp_path / "Hessen-Asym_net.tntp")
    assert read_network(tmp_path / "Hessen-Asym_net.tntp", separable=True).roads.n_arcs == 3


def test_trips_by_hand(written):
    """Pairs with demand, those within a zone too; 2 + 12.5 + 2 = 16.5."""
    table = read_trips(written(TRIPS))
    assert table.to_numpy().tolist() == [[1, 1, 2.0], [1, 2, 12.5], [2, 1, 2.0]]
    assert len(read_trips(written(TRIPS.replace("<TOTAL OD FLOW> 16.5\n", "")))) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<NUMBER OF ZONES> 2", "<NUMBER OF ZONES> 2.5", "line 1: <NUMBER OF ZONES> is '2.5'; must be a whole number"),
        ("<NUMBER OF ZONES> 2", "<NUMBER OF ZONES> 4", "must be at most the 3 nodes"),
        ("<NUMBER OF NODES> 3\n", "", "<NUMBER OF NODES> is missing"),
        ("<FIRST THRU NODE> 3\n", "", "<FIRST THRU NODE> is missing"),
        ("<FIRST THRU NODE> 3", "<FIRST THRU NODE> 9", "<FIRST THRU NODE> is 9; must be a node 1..3"),
        ("<NUMBER OF LINKS> 3", "<NUMBER OF LINKS> 4", "3 rows, but <NUMBER OF LINKS> is 4"),
        (
            "<NUMBER OF LINKS> 3",
            "NUMBER OF LINKS 3",
            "line 4: 'NUMBER OF LINKS 3' in the metadata; must be '<KEY> value'",
        ),
        ("<END OF METADATA>\n", "", "in the metadata; must be"),
        ("1	3	100", "1	4	100", "line 9: head = '4'; must be a whole number in 1..3"),
        ("1	3	100", "1.0	3	100", "line 9: tail = '1.0'; must be a whole number in 1..3"),
        ("1	3	100", "1	1	100", "line 9: head = 1, the same as tail"),
        ("1	3	100", "1	3	0", "line 9: capacity_veh = '0'; must be a finite number above 0"),
        ("1	3	100", "1	3	many", "line 9: capacity_veh = 'many'; must be a finite number above 0"),
        ("1	3	100", "1	3	nan", "line 9: capacity_veh = 'nan'"),
        ("200	1	6", "200	1	-6", "line 10: free_flow_time = '-6'; must be a finite number of at least 0"),
        ("0.15	4", "0.15	0.5", "line 9: power = 0.5; must be 0 or at least 1"),
        ("0.15	4", "0.15", "line 9: 9 fields; must be 10"),
        ("1	1	;", "1	1", "line 9: 10 fields and no semicolon"),
        ("0	2	;", "0	2.5	;", "line 11: link_type = 2.5"),
    ],
)
def test_faults_of_a_network_are_named(written, old, new, message):
    assert old in NETWORK
    with pytest.raises(InputError, match=message.replace("(", r"\(")) as raised:
        read_network(written(NETWORK.replace(old, new, 1)))
    assert "file.tntp" in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<NUMBER OF ZONES> 2\n", "", "<NUMBER OF ZONES> is missing"),
        ("<TOTAL OD FLOW> 16.5", "<TOTAL OD FLOW> 17", "line 2: <TOTAL OD FLOW> is 17, but the rows sum to 16.5"),
        ("<TOTAL OD FLOW> 16.5", "<TOTAL OD FLOW> all", "line 2: <TOTAL OD FLOW> = 'all'"),
        ("Origin 1\n", "", "line 5: .* stands before any 'Origin' line"),
        ("Origin 2", "Origin 3", "line 7: origin = '3'; must be a whole number in 1..2"),
        ("2 : 12.5", "3 : 12.5", "line 6: destination = '3'; must be a whole number in 1..2"),
        ("2 : 12.5", "2 : -12.5", "line 6: trips 1 to 2 = '-12.5'; must be a finite number of at least 0"),
        ("2 : 12.5", "2 : x", "line 6: trips 1 to 2 = 'x'"),
        ("2 : 12.5", "2 = 12.5", "line 6: entry '2 = 12.5'; must be 'destination : trips;'"),
        ("2 : 12.5", "1 : 12.5", "line 6: pair 1 to 1 is there twice"),
        ("<END OF METADATA>\n", "", "line 4: 'Origin 1' in the metadata"),
    ],
)
def test_faults_of_a_trip_table_are_named(written, old, new, message):
    assert old in TRIPS
    with pytest.raises(InputError, match=message):
        read_trips(written(TRIPS.replace(old, new, 1)))


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.tntp: no such file; fetch it from"):
        read_network(tmp_path / "none.tntp")
    (tmp_path / "binary.tntp").write_bytes(b"<NUMBER OF ZONES> \xff\xfe")
    with pytest.raises(InputError, match="must be UTF-8"):
        read_trips(tmp_path / "binary.tntp")
    (tmp_path / "short.tntp").write_text("<NUMBER OF ZONES> 2\n")
    with pytest.raises(InputError, match="<END OF METADATA> is missing"):
        read_trips(tmp_path / "short.tntp")


GOLD_COAST = """<NUMBER OF ZONES> 2
<NUMBER OF NODES> 3
<FIRST THRU NODE> 3
<NUMBER OF LINKS> 1
<ORIGINAL HEADER>~\tfrom\tto\tcapacity (per lane)\tlength (km)\tfftt (min)\talpha\tbeta\tff speed (km/h)\tcritical speed\tlanes
<END OF METADATA>

~ \tinit_node\tterm_node\tcapacity\tlength\tfree_flow_time\tb\tpower\tspeed \tcritical_speed\tlanes\t;
\t1\t3\t900\t0.300\t0.327\t0.282\t4\t55\t42.9\t2\t;
"""


def test_a_header_with_other_columns_is_read_by_their_names(written):
    """Gold Coast's file: capacity per lane, critical speed and lanes where others have toll and type.

    1,500 veh on two lanes of 900: 0.327 (1 + 0.282 (1500 / 1800)^4) = 0.3715 min; the empty arc costs its 0.327 min even
    if a toll counted.
    """
    network = read_network(written(GOLD_COAST))
    assert network.links.loc[0, ["capacity_veh", "lanes", "critical_speed", "toll"]].tolist() == [1800, 2, 42.9, 0]
    cost = network.cost(toll_factor=1.0)
    assert cost(np.array([1500.0])) == pytest.approx([0.327 * (1 + 0.282 * (1500 / 1800) ** 4)])
    assert cost(np.array([0.0])) == pytest.approx([0.327])
    without = GOLD_COAST.replace("critical_speed\tlanes", "critical_speed").replace("42.9\t2", "42.9")
    with pytest.raises(InputError, match=r"line 5: capacity is per lane; .* multiply by its lanes"):
        read_network(written(without))
    with pytest.raises(InputError, match=r"line 8: the header names colour; must have the fields"):
        read_network(written(GOLD_COAST.replace("critical_speed\t", "colour\t")))
    with pytest.raises(InputError, match=r"line 8: the header lacks power; must have"):
        read_network(written(GOLD_COAST.replace("\tb\tpower", "\tb\tspeed_limit").replace("speed \t", "toll\t")))


@pytest.mark.parametrize(
    "header",
    [
        "~ type toll speed power b time length capacity term init ;",
        "~\tlink_type\ttoll\tspeed\tpower\tb\tfree_flow_time\tlength\tcapacity\tterm_node\tinit_node\t;",
        "~ \tType \tToll \tSpeed limit \tPower\tB\tFree Flow Time (min)\tLength (km)\tCapacity (veh/h)\tTerm node\tInit node;",
        "~ link type  toll  speed limit  power  b  free flow time  length  capacity  term node  init node  ;",
    ],
)
def test_columns_are_read_in_the_order_of_the_header(written, header):
    """The same network with its columns turned round."""
    head, rows = NETWORK.split("~ init term capacity length time b power speed toll type ;\n")
    turned = "".join(f"{' '.join(reversed(row.strip().rstrip(';').split()))} ;\n" for row in rows.splitlines())
    links = read_network(written(f"{head}{header}\n{turned}")).links
    assert links.equals(read_network(written(NETWORK)).links)


def test_a_remark_is_no_header_and_the_original_header_counts_where_there_is_no_other(written):
    remark = NETWORK.replace("~ init term", "~ from the city to the sea, made in 1992\n~ init term")
    assert read_network(written(remark)).links.equals(read_network(written(NETWORK)).links)
    plain = NETWORK.replace("~ init term capacity length time b power speed toll type ;\n", "")
    assert read_network(written(plain)).links.equals(read_network(written(NETWORK)).links)
    original = "<ORIGINAL HEADER>~ Init node Term node Capacity Length Time B Power Speed Colour Type"
    with pytest.raises(InputError, match="line 5: the header names colour"):
        read_network(written(plain.replace("<ORIGINAL HEADER>~ Init node Term node", original)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "<NUMBER OF LINKS> 3",
            "<NUMBER OF LINKS> 3\n<NUMBER OF LINKS> 9",
            "lines 4 and 5: <NUMBER OF LINKS> is there twice",
        ),
        ("1	3	100", "1	3	1_00", "line 9: capacity_veh = '1_00'"),
        ("1	3	100", "1	3	TRUE", "line 9: capacity_veh = 'TRUE'"),
        ("1	3	100", "1	\u0663	100", "line 9: head = '\u0663'"),
        ("1	3	100", "1	3	1e999", "line 9: capacity_veh = '1e999'"),
    ],
)
def test_what_python_would_take_for_a_number_is_none_in_a_file(written, old, new, message):
    with pytest.raises(InputError, match=message):
        read_network(written(NETWORK.replace(old, new, 1)))
