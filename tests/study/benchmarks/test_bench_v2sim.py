"""The benchmark beside V2Sim: what is given to it, and what is read from its log. No V2Sim is needed."""

import gzip
import math
import sys

import pytest

from evlib.errors import StudyError
from evlib.inputs.roads.v2sim_roads import read_xml
from study.benchmarks import v2sim_rival as rival
from study.benchmarks.run import measure_process

ROADS = """<roadnet>
  <node id="A" x="0" y="0"/><node id="B" x="9" y="0"/><node id="S" x="9" y="9"/>
  <edge id="AB" from="A" to="B" length="9" lanes="1" speed="10"/><edge id="BS" from="B" to="S" length="9" lanes="1" speed="10"/>
  <edge id="SA" from="S" to="A" length="9" lanes="1" speed="10"/>
</roadnet>"""
STATIONS = '<root><fcs name="f" node="S" slots="10" bus="B1"><pbuy><item btime="0" price="1.0"/></pbuy></fcs></root>'


@pytest.fixture
def project(tmp_path):
    files = [tmp_path / name for name in ("a.net.xml.gz", "a.grid.xml", "a.fcs.xml")]
    files[0].write_bytes(gzip.compress(ROADS.encode()))
    files[1].write_text("<grid/>")
    files[2].write_text(STATIONS)
    (tmp_path / "stations.csv").write_text("station,node,plugs,plug_kw\nf,S,2,60.0\n")
    (tmp_path / "origins.csv").write_text("origin,node,share\no_A,A,3\no_B,B,1\n")
    return rival.write_project(tmp_path / "project", tmp_path, files, 2000)


def test_v2sim_gets_the_vehicles_and_plugs_of_our_case(project):
    """60 % private, of 60 kWh, want 18 kWh: 12 kW over a stay of 90 min. All depart within 5.5 h, three in four from A."""
    fleet = list(read_xml(project / "case.veh.xml.gz"))
    trips = [vehicle[0] for vehicle in fleet]
    assert len(fleet) == 2000
    private = [
        vehicle
        for vehicle in fleet
        if (vehicle.get("cap"), vehicle.get("soc"), vehicle.get("pcf")) == ("60", "0.7", "12")
    ]
    assert len(private) == 1200
    assert sum(trip.get("from") == "A" for trip in trips) == 1500
    assert {(trip.get("from"), trip.get("to")) for trip in trips} == {("A", "B"), ("B", "S")}
    departures = [int(trip.get("depart")) for trip in trips]
    assert 0 <= min(departures) < 60
    assert 5.5 * 3600 - 60 < max(departures) < 5.5 * 3600
    (station,) = read_xml(project / "case.fcs.xml")
    assert (station.get("slots"), station.get("max_pc"), station.find("pbuy/item").get("price")) == ("2", "60", "1.0")
    assert {file.name for file in project.iterdir()} >= {"a.net.xml.gz", "a.grid.xml", "preferences.v2simcfg"}


def test_queues_are_read_from_arrivals_and_departures():
    """One plug. v1 comes at 100 s and leaves at 700; v2 comes at 200 and waits 500 s; v3 waits to the end; v4 never comes."""
    lines = ["0|D|v1, 70.0%, E=42.0, TripID=0|A->B@0|0|f|", "0|D|v2, 70.0%|A->B@0|0|f|", "60|D|v3, 70.0%|A->B@60|0|f|"]
    lines += ["90|D|v4, 70.0%|A->B@90|0|f|", "100|AC|v1, 70.0%|f|18.0", "200|AC|v2, 70.0%|f|18.0"]
    lines += [f"{rival.END_S - 100}|AC|v3, 70.0%|f|18.0", "700|DC|v1, 100.0%|f|B", "900|A|v1, 99.9%|0|9.0|B|None"]
    travel_min, waiting_min, unplugged = rival.read_log("\n".join(lines), {"f": 1}, 4)
    assert travel_min * 60 == pytest.approx((100 + 200 + rival.END_S - 160) / 3)
    assert waiting_min * 60 == pytest.approx((0 + 500 + 100) / 3)
    assert unplugged == 2


def test_without_v2sim_nothing_is_measured(monkeypatch):
    monkeypatch.delenv(rival.PYTHON, raising=False)
    rival.measure_v2sim.cache_clear()
    assert all(math.isnan(value) for value in rival.measure_v2sim())
    assert all(math.isnan(value) for value in rival.measure_ratio())
    rival.measure_v2sim.cache_clear()


def test_a_python_without_v2sim_is_an_error_with_its_last_words(project, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho No module named v2sim\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(StudyError, match=r"(?s)v2sim.app.sim_single.*ended with code 1.*No module named v2sim"):
        rival.run_project(str(python), project)


def test_options_that_v2sim_refuses_are_an_error_though_its_exit_code_is_0(project, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho Error: Illegal command\n")
    python.chmod(0o755)
    with pytest.raises(StudyError, match="no log of trips: Error: Illegal command"):
        rival.run_project(str(python), project)


def test_processor_time_is_that_of_the_command_alone(tmp_path):
    """Half a second of work and 0.3 s of sleep."""
    code = "import time\nwhile time.process_time() < 0.5: pass\ntime.sleep(0.3)"
    wall_s, cpu_s, _ = measure_process([sys.executable, "-c", code], tmp_path, {})
    assert 0.5 <= cpu_s < 0.5 + 0.3
    assert wall_s >= cpu_s + 0.25
