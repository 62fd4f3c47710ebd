"""The data folder: what is there is listed in its README with the right checksum, and is what its sources say."""

import hashlib
import re

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from evlib.folders import DATA, SCENARIOS

ROW = re.compile(r"^\| \[([^\]]+)\]\(\1\) \| (.+) \| `([^`]*)` \|$")


def listed_files():
    """File name -> (line, description, checksum) of every row of the table of files in ``data/README.md``."""
    lines = (DATA / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [(match, line) for line in lines if (match := ROW.match(line))]
    return {match[1]: (line, match[2], match[3]) for match, line in rows}


def faults_of_list():
    """One instruction for each difference between the folder and its README."""
    listed = listed_files()
    folders = (DATA, DATA / "v2sim_37nodes")
    present = {str(path.relative_to(DATA)): path for folder in folders for path in folder.iterdir() if path.is_file()}
    del present["README.md"]
    faults = [
        f"remove this line, the file is not there:\n{listed[name][0]}" for name in sorted(listed.keys() - present)
    ]
    for name, path in sorted(present.items()):
        right = hashlib.sha256(path.read_bytes()).hexdigest()
        _, description, found = listed.get(name, ("", "WHAT IT IS, with units | HOW IT IS USED", ""))
        if found != right:
            task = "replace its line" if name in listed else "add a line, and its dataset with source and licence"
            faults.append(f"{name}: {task}:\n| [{name}]({name}) | {description} | `{right}` |")
    return faults


def test_readme_lists_every_file_with_its_checksum():
    """Nothing unlisted, nothing listed that is not there, every checksum right; the message says what to write."""
    faults = faults_of_list()
    assert listed_files(), "data/README.md: no row of the form | [file](file) | what | use | `sha256` |"
    if faults:
        pytest.fail("data/README.md:\n" + "\n".join(faults), pytrace=False)


def test_readme_links_lead_somewhere():
    """Every relative link of the README is a file or folder, and the scenarios' folder holds scenarios."""
    text = (DATA / "README.md").read_text(encoding="utf-8")
    targets = {target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target}
    assert "scenarios" in targets
    assert [target for target in sorted(targets) if not (DATA / target).exists()] == []
    assert list(SCENARIOS.glob("*.yaml"))


def test_rts_gmlc_notice_and_credit_go_with_the_series():
    """The licence asks for the whole notice in all copies and for credit to DOE/NREL/ALLIANCE."""
    notice = (DATA / "RTS-GMLC_LICENCE_NOTICE.md").read_text(encoding="utf-8")
    assert notice.startswith("## DATA USE DISCLAIMER AGREEMENT")
    assert "provided that this entire notice appears in all copies of the Data" in notice
    assert "OTHER TORTIOUS CLAIM THAT ARISES OUT OF OR IN" in notice
    assert "credit DOE/NREL/ALLIANCE" in (DATA / "README.md").read_text(encoding="utf-8")


def test_epfl_licence_goes_with_the_sessions():
    """MIT: the copyright notice and the permission notice are included in all copies."""
    notice = (DATA / "EPFL-L3_LICENSE.txt").read_text(encoding="utf-8")
    assert "Copyright (c) 2025 Distributed Electrical Systems Laboratory (DESL)" in notice
    assert "shall be included in all" in notice


@pytest.mark.parametrize("day", ["2020-07-02", "2020-07-15"])
def test_a_day_of_series_has_288_steps_per_unit(day):
    """Five minutes times 288 are a day; per unit lies in 0..1; the sun does not shine at midnight."""
    table = pd.read_csv(DATA / f"rts_gmlc_{day}_day.csv", comment="#", parse_dates=["time"])
    assert (table["time"] == pd.date_range(day, periods=288, freq="5min")).all()
    values = table.drop(columns="time")
    assert values.notna().all(axis=None)
    assert values.ge(0).all(axis=None)
    assert values.le(1).all(axis=None)
    assert table["pv_320_1_pu"].iloc[[0, -1]].eq(0).all()
    assert table["pv_320_1_pu"].max() > 0.5


def test_nguyen_nodes_are_those_of_the_roads():
    """13 nodes, each once, each at its own place, none missing."""
    nodes = pd.read_csv(DATA / "nguyen_nodes.csv", comment="#")
    links = pd.read_csv(DATA / "nguyen_links.csv", comment="#")
    assert sorted(nodes["node"]) == sorted(set(links["from"]) | set(links["to"])) == list(range(1, 14))
    assert not nodes.duplicated(["x", "y"]).any()


def test_nguyen_flows_are_the_static_equilibrium():
    """At the listed flows every pair's shortest time is its listed cost, and the Beckmann sum is the known one."""
    links = pd.read_csv(DATA / "nguyen_links.csv", comment="#")
    pairs = pd.read_csv(DATA / "nguyen_od.csv", comment="#")
    time_min = links["a"] + links["b"] * links["ue_flow"]
    roads = nx.DiGraph()
    roads.add_weighted_edges_from(zip(links["from"], links["to"], time_min, strict=True))

    for pair in pairs.itertuples():
        cost_min = nx.shortest_path_length(roads, pair.origin, pair.destination, weight="weight")
        assert cost_min == pytest.approx(pair.ue_cost, abs=2e-4)
        assert len(list(nx.all_simple_paths(roads, pair.origin, pair.destination))) == pair.simple_paths
    # Flows are listed to 0.01, so each road's term is known to its time x 0.005.
    beckmann = (links["a"] * links["ue_flow"] + links["b"] * links["ue_flow"] ** 2 / 2).sum()
    assert beckmann == pytest.approx(85_028.0717, abs=0.005 * time_min.sum())


def test_nguyen_flows_conserve_vehicles():
    """What enters a node leaves it, but for the demand that starts or ends there."""
    links = pd.read_csv(DATA / "nguyen_links.csv", comment="#")
    pairs = pd.read_csv(DATA / "nguyen_od.csv", comment="#")
    balance = np.zeros(14)
    np.add.at(balance, links["from"], links["ue_flow"])
    np.add.at(balance, links["to"], -links["ue_flow"])
    np.add.at(balance, pairs["origin"], -pairs["static_demand"])
    np.add.at(balance, pairs["destination"], pairs["static_demand"])
    assert np.abs(balance).max() <= 0.03


def test_feeder_totals_are_those_of_baran_and_wu():
    """3,715 kW and 2,300 kvar on 33 buses; 32 closed branches and 5 open ties."""
    buses = pd.read_csv(DATA / "case33bw_buses.csv")
    branches = pd.read_csv(DATA / "case33bw_branches.csv")
    assert (len(buses), buses["p_kw"].sum(), buses["q_kvar"].sum()) == (33, 3715, 2300)
    assert branches["status"].value_counts().to_dict() == {1: 32, 0: 5}
