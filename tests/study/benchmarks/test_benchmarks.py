"""The benchmark file is flat, of one run, and its instrument measures what it says."""

import importlib
import json
import sys
from functools import partial
from itertools import pairwise

import pytest

from evlib import load_traffic
from evlib.errors import StudyError
from study.benchmarks import loading as bench_loading
from study.benchmarks import run as bench
from study.benchmarks import synthetic_network as synthetic


@pytest.fixture(autouse=True)
def build(tmp_path, monkeypatch):
    monkeypatch.setenv("EVLIB_BUILD", str(tmp_path))
    return tmp_path


def test_file_holds_the_numbers_of_this_run_alone(build, monkeypatch):
    groups = {("a_s", "b_gib"): lambda: (1.23456, 2.0), ("c_s",): lambda: (3.0,)}
    monkeypatch.setattr(bench, "BENCHMARKS", groups)
    bench.run_benchmarks()
    assert json.loads((build / "benchmarks.json").read_text()) == {"a_s": 1.2346, "b_gib": 2.0, "c_s": 3.0}
    bench.run_benchmarks(["c_s"])
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
    assert {"support_us_per_ev", "support_over_highs", "columns_gap_100k", "disaggregate_s_10k"} <= names
    assert {"ensemble_draws", "ensemble_speedup_2_workers"} <= names
    assert {"ensemble_draws_per_core_hour", "ensemble_over_before"} <= names
    assert {"own_nanjing_s", "own_nanjing_peak_gib", "cli_import_s"} <= names
    assert {"city_over_v2sim", "v2sim_travel_min", "v2sim_waiting_min", "v2sim_no_plug_veh"} <= names
    assert {"columns_s_1k", "columns_s_10k", "columns_s_100k"} <= names


def test_every_measurement_has_its_function(monkeypatch):
    """Each function is replaced by one that is quick; a module or a function that is not there is an error."""
    for measure in bench.BENCHMARKS.values():
        if isinstance(measure, partial):
            module, function = measure.args
            monkeypatch.setattr(importlib.import_module(f"study.benchmarks.{module}"), function, lambda: (1.0,))
            assert measure() == (1.0,)


def test_loading_is_measured_on_288_commodities():
    """96 paths times three classes, 4.6 arcs each with the waiting arc, 8,000 vehicles, 480 steps of one minute."""
    network, departures = bench_loading.loading_case()
    commodities = (departures > 0).all(axis=2)
    assert commodities.sum() == 288
    assert departures.sum() == pytest.approx(8000)
    assert 1300 <= 3 * sum(len(path.arcs) + 1 for path in network.paths) <= 1400
    assert network.time.n_steps * network.time.substeps == 480


def test_loading_is_measured_beside_its_rival_and_as_it_grows():
    names = {name for group in bench.BENCHMARKS for name in group}
    assert {
        "dnl_over_uxsim_cpp",
        "dnl_ns_per_pair_step_siouxfalls",
        "dnl_anaheim_cpu_s",
        "dnl_anaheim_peak_gib",
    } <= names
    assert {"dnl_growth_power_pairs", "dnl_growth_power_steps"} <= names


@pytest.mark.parametrize(
    "size", [bench_loading.SIOUX_FALLS, {"n_nodes": 60, "n_links": 140, "n_zones": 9, "n_pairs": 3000}]
)
def test_made_up_network_has_the_size_asked_for_and_ways_that_hang_together(size):
    """Every path leads from its origin's node over neighbouring roads to its station's; the loading empties it."""
    network, departures = synthetic.synthetic_case(**size)
    assert network.n_arcs == size["n_links"] + size["n_zones"]
    assert 0 <= size["n_pairs"] - synthetic.count_pairs(network) < 40
    for path in network.paths[:: len(network.paths) // 50]:
        ends = [(network.arc_tail[arc], network.arc_head[arc]) for arc in path.arcs]
        assert ends[0] == (network.origins[path.origin], str(path.nodes[0]))
        assert ends[1:] == [(str(a), str(b)) for a, b in pairwise(path.nodes)]
        assert path.nodes[-1] == network.station_node[path.station]
    if size is not bench_loading.SIOUX_FALLS:
        loading = load_traffic(network, departures)
        assert loading.plugged_veh[:, :, -1].sum() == pytest.approx(departures.sum())
        assert loading.n_overtaking_guard == 0
        assert (loading.exit_min - loading.time_min - network.free_flow_min[:, None]).max() > 5


def test_anaheim_child_writes_what_it_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_loading, "ANAHEIM", {"n_nodes": 60, "n_links": 140, "n_zones": 9, "n_pairs": 3000})
    taken_s = bench_loading.measure_anaheim(tmp_path / "cpu_s.json")
    assert json.loads((tmp_path / "cpu_s.json").read_text()) == taken_s > 0
