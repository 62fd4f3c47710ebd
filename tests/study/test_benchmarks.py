"""The benchmark file is flat, of one run, and its instrument measures what it says."""

import json
import sys

import pytest

from evlib.study import bench, bench_loading
from evlib.study.failures import StudyError


@pytest.fixture(autouse=True)
def build(tmp_path, monkeypatch):
    monkeypatch.setenv("EVLIB_BUILD", str(tmp_path))
    return tmp_path


def test_file_holds_the_numbers_of_this_run_alone(build, monkeypatch):
    groups = {("a_s", "b_gib"): lambda: (1.23456, 2.0), ("c_s",): lambda: (3.0,)}
    monkeypatch.setattr(bench, "BENCHMARKS", groups)
    bench.run_benchmarks(report=lambda line: None)
    assert json.loads((build / "benchmarks.json").read_text()) == {"a_s": 1.2346, "b_gib": 2.0, "c_s": 3.0}
    bench.run_benchmarks(["c_s"], report=lambda line: None)
    assert json.loads((build / "benchmarks.json").read_text()) == {"c_s": 3.0}
    with pytest.raises(StudyError, match=r"unknown benchmark 'd_s'; there are a_s, b_gib, c_s"):
        bench.run_benchmarks(["d_s"])


def test_time_and_peak_memory_of_a_known_load(tmp_path):
    """A process that fills 300 MB and sleeps 0.3 s takes at least that, and not a GiB or ten seconds."""
    code = "import time; block = b'x' * 300_000_000; time.sleep(0.3)"
    time_s, peak_gib = bench._measure([sys.executable, "-c", code], str(tmp_path))
    assert 0.3 <= time_s < 10
    assert 300e6 / 2**30 <= peak_gib < 1


def test_failed_command_is_an_error_with_its_output(tmp_path):
    with pytest.raises(StudyError, match=r"(?s)ended with code 3.*no scenario"):
        bench._measure([sys.executable, "-c", "print('no scenario'); raise SystemExit(3)"], str(tmp_path))


def test_promised_numbers_are_measured():
    names = {name for group in bench.BENCHMARKS for name in group}
    assert {"reproduce_s", "reproduce_cached_s", "test_s", "shortest_path_s", "shortest_path_peak_gib"} <= names
    assert {"dnl_ns_per_pair_step_nguyen", "memory_floor_ns_per_pair_step"} <= names


def test_loading_is_measured_on_288_commodities():
    """96 paths times three classes, 4.6 arcs each with the waiting arc, 8,000 vehicles, 480 steps of one minute."""
    network, departures = bench_loading.loading_case()
    commodities = (departures > 0).all(axis=2)
    assert commodities.sum() == 288
    assert departures.sum() == pytest.approx(8000)
    assert 1300 <= 3 * sum(len(path.arcs) + 1 for path in network.paths) <= 1400
    assert network.time.n_steps * network.time.substeps == 480
