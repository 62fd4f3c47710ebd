"""Measure what the study promises about time and memory, into build/benchmarks.json."""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from evlib.errors import StudyError
from evlib.files import write_json
from evlib.folders import ROOT, SCENARIOS, build_dir

__all__ = ["BENCHMARKS", "measure_process", "run_benchmarks"]

log = logging.getLogger(__name__)


def run_benchmarks(names: Sequence[str] = ()) -> dict[str, float]:
    """Measure, one after the other, and write one flat object from name to number.

    Parameters
    ----------
    names : sequence of str
        Numbers wanted; all of them when empty. The file holds what was measured in this run, nothing older.

    Returns
    -------
    dict from str to float
        Names end in their unit: ``_s`` seconds, ``_gib`` GiB, ``_cny_veh`` CNY per vehicle, ``ns_per_pair_step`` ns for
        one commodity on one arc of its way during one loading step; ``us_per_ev`` microseconds per vehicle;
        ``_s_to_5e3`` seconds to a relative gap of 5e-3; ``_min`` minutes; ``_veh`` vehicles; ratios (``_over_``), powers, gaps
        and counts have none.
        What a run did not reach is reported as such and left out: JSON knows no nan.

    Raises
    ------
    StudyError
        An unknown name, or a measured command that failed.
    """
    known = [name for group in BENCHMARKS for name in group]
    for name in names:
        if name not in known:
            raise StudyError(f"unknown benchmark {name!r}; there are {', '.join(known)}")
    numbers: dict[str, float] = {}
    for group, measure in BENCHMARKS.items():
        if not names or set(names) & set(group):
            for name, value in zip(group, measure(), strict=True):
                if math.isnan(value):
                    log.warning("%s: not reached", name)
                    continue
                numbers[name] = round(value, 4) if abs(value) >= 0.1 else float(f"{value:.4g}")  # gaps are small
                log.info("%s = %g", name, numbers[name])
    write_json(build_dir() / "benchmarks.json", numbers)
    return numbers


def _reproduce() -> tuple[float, float]:
    """`make reproduce` from nothing but the installed environment, and again with nothing changed [s]."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "study", "reproduce", "--figures", f"{folder}/figures"]
        (first_s, _), (again_s, _) = _measure(command, folder), _measure(command, folder)
        return first_s, again_s


def _test() -> tuple[float]:
    """`make test` with an empty cache [s]."""
    with tempfile.TemporaryDirectory() as folder:
        return (_measure(["make", "test"], folder)[0],)


def _shortest_path() -> tuple[float, float]:
    """One solve of the base case from the command line, with an empty cache: time [s] and peak memory [GiB]."""
    with tempfile.TemporaryDirectory() as folder:
        return _measure(_solve_command("shortest_path", folder), folder)


def _coordinate() -> tuple[float, float, float, float]:
    """The same for the base case coordinated by joint; and its excess [CNY/veh] and relative gap [1]."""
    with tempfile.TemporaryDirectory() as folder:
        time_s, peak_gib = _measure(_solve_command("coordinated", folder), folder)
        certificate = json.loads((Path(folder) / "run" / "result.json").read_text())["certificate"]
        return time_s, peak_gib, certificate["excess_cny_veh"], certificate["relative_gap"]


def _solve_command(strategy: str, folder: str) -> list[str]:
    scenario = str(SCENARIOS / "nguyen.yaml")
    return [sys.executable, "-m", "evlib", "solve", scenario, "--strategy", strategy, "--out", f"{folder}/run"]


def _call(module: str, function: str) -> tuple[float, ...]:
    """Measure by a function of one of the modules beside this one, which is imported only now."""
    return getattr(importlib.import_module(f"study.benchmarks.{module}"), function)()


def _anaheim() -> tuple[float, float]:
    """A made-up network of Anaheim's size, loaded in a process of its own: processor time [s] and peak memory [GiB]."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cpu_s.json"
        _, peak_gib = _measure([sys.executable, "-m", "study.benchmarks.loading", str(file)], folder)
        return json.loads(file.read_text(encoding="utf-8")), peak_gib


def _buses() -> tuple[float, ...]:
    """Re-solve on feeders of 33, 100 and 300 buses [s], power of growth, and peak memory [GiB] of the process."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "growth.json"
        _, peak_gib = _measure([sys.executable, "-m", "study.benchmarks.grid", str(file)], folder)
        return *json.loads(file.read_text(encoding="utf-8")), peak_gib


def _city() -> tuple[float, float]:
    """V2Sim's Nanjing on shortest paths, from its files to tables: processor time [s] and peak memory [GiB].

    Its files are looked for in the folder ``EVLIB_V2SIM``; without them nothing is measured.
    """
    if not (importlib.import_module("study.benchmarks.own_case").V2SIM / "Nanjing.net.xml.gz").is_file():
        return math.nan, math.nan
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cpu_s.json"
        command = [sys.executable, "-m", "study.benchmarks.own_case", str(file), f"{folder}/case"]
        _, peak_gib = _measure(command, folder)
        return json.loads(file.read_text(encoding="utf-8")), peak_gib


def _real_time() -> tuple[float, ...]:
    """A day in real time in a process of its own, see :mod:`study.benchmarks.real_time`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "real_time.json"
        _measure([sys.executable, "-m", "study.benchmarks.real_time", str(file)], folder)
        return tuple(json.loads(file.read_text(encoding="utf-8")))


def _command_line() -> tuple[float]:
    """The shortest of three times that the command line needs to say how it is used [s]."""
    with tempfile.TemporaryDirectory() as folder:
        return (min(_measure([sys.executable, "-m", "evlib", "--help"], folder)[0] for _ in range(3)),)


# The numbers' names, and the function that measures them together.
BENCHMARKS: dict[tuple[str, ...], Callable[[], tuple[float, ...]]] = {
    ("reproduce_s", "reproduce_cached_s"): _reproduce,
    ("test_s",): _test,
    ("shortest_path_s", "shortest_path_peak_gib"): _shortest_path,
    ("coordinate_s", "coordinate_peak_gib", "coordinate_excess_cny_veh", "coordinate_relative_gap"): _coordinate,
    (
        "coordinate_s_to_2e2",
        "coordinate_s_to_5e3",
        "coordinate_s_to_1e3",
        "coordinate_sound_s_to_5e3",
        "coordinate_best_relative_gap",
        "coordinate_load_s",
        "coordinate_check_s",
        "coordinate_answer_s",
        "coordinate_other_s",
        "coordinate_mean_load_s",
        "coordinate_mean_check_s",
        "coordinate_mean_exact_answer_s",
        "coordinate_mean_mixed_answer_s",
    ): partial(_call, "coordination", "measure_joint"),
    (
        "bundle_inner_gap",
        "bundle_excess_cny_veh",
        "bundle_relative_gap",
        "bundle_over_joint",
        "bundle_exchanged",
    ): partial(_call, "coordination", "measure_bundle"),
    (
        "coordinate_4_iterations_cpu_s",
        "coordinate_growth_power_demand",
        "coordinate_8_over_4_stations",
        "coordinate_144_over_96_steps",
    ): partial(_call, "coordination", "measure_growth"),
    ("dnl_ns_per_pair_step_nguyen", "dnl_ns_per_pair_step_siouxfalls", "memory_floor_ns_per_pair_step"): partial(
        _call, "loading", "measure_loading"
    ),
    ("dnl_over_uxsim_cpp", "dnl_over_uxsim_cpp_no_trajectories"): partial(_call, "loading", "measure_rival"),
    ("dnl_growth_power_pairs", "dnl_growth_power_steps"): partial(_call, "loading", "measure_growth"),
    ("dnl_anaheim_cpu_s", "dnl_anaheim_peak_gib"): _anaheim,
    (
        "support_us_per_ev",
        "support_lossy_us_per_ev",
        "support_over_highs",
        "support_over_highs_lossless",
    ): partial(_call, "flexibility", "measure_support"),
    ("columns_s_1k", "columns_s_10k", "columns_s_100k", "columns_gap_100k"): partial(
        _call, "flexibility", "measure_columns"
    ),
    ("disaggregate_s_10k",): partial(_call, "flexibility", "measure_disaggregation"),
    ("sweep_over_pandapower",): partial(_call, "grid", "measure_sweep"),
    (
        "dno_lindistflow_resolve_s",
        "dno_cone_resolve_s",
        "dno_exact_block_resolve_s",
        "dno_exact_block_two_types_resolve_s",
        "dno_exact_block_coordinated_resolve_s",
        "cvxpy_over_solver",
        "dno_exact_block_cohort_steps",
        "dno_exact_block_two_types_cohort_steps",
        "dno_exact_block_coordinated_cohort_steps",
    ): partial(_call, "grid", "measure_resolve"),
    (
        "dno_33_lindistflow_s",
        "dno_100_lindistflow_s",
        "dno_300_lindistflow_s",
        "dno_growth_power_buses",
        "dno_300_peak_gib",
    ): _buses,
    (
        "coordinate_certified_s_to_1e3",
        "coordinate_over_before",
        "look_over_before",
        "coordinate_before_certified_s",
    ): partial(_call, "before", "measure_before"),
    (
        "coordinate_8_stations_10_origins_s",
        "coordinate_8_stations_10_origins_relative_gap",
        "coordinate_8_stations_10_origins_price_gap",
    ): partial(_call, "larger", "measure_larger"),
    ("look_768_paths_s", "look_768_paths_over_before"): partial(_call, "larger", "measure_many_paths"),
    ("user_certified_s_to_1e3",): partial(_call, "before", "measure_user"),
    ("informed_total_cny",): partial(_call, "rivals", "measure_informed"),
    ("waterfall_steps",): partial(_call, "rivals", "measure_waterfall"),
    ("replan_s", "real_time_day_s", "real_time_over_day_ahead", "real_time_peak_gib"): _real_time,
    ("starts_spread_cny",): partial(_call, "rivals", "measure_starts"),
    ("toll_error_at_flows",): partial(_call, "rivals", "measure_tolls"),
    ("own_nanjing_s", "own_nanjing_peak_gib"): _city,
    (
        "city_s_to_0p10",
        "city_s_to_0p02",
        "city_peak_gib",
        "city_excess_cny_veh",
        "city_relative_gap",
        "city_price_gap",
    ): partial(_call, "city", "measure_nanjing"),
    (
        "city_synthetic_s_to_0p10",
        "city_synthetic_s_to_0p02",
        "city_synthetic_peak_gib",
        "city_synthetic_excess_cny_veh",
        "city_synthetic_relative_gap",
        "city_synthetic_price_gap",
    ): partial(_call, "city", "measure_synthetic"),
    ("city_over_v2sim",): partial(_call, "v2sim_rival", "measure_ratio"),
    (
        "v2sim_cpu_s",
        "v2sim_wall_s",
        "v2sim_peak_gib",
        "v2sim_travel_min",
        "v2sim_waiting_min",
        "v2sim_no_plug_veh",
    ): partial(_call, "v2sim_rival", "measure_v2sim"),
    ("city_50k_over_20k_vehicles", "city_630_over_315_stations"): partial(_call, "city", "measure_growth"),
    ("ensemble_draws",): partial(_call, "ensemble", "count_draws"),
    ("ensemble_speedup_2_workers",): partial(_call, "ensemble", "measure_speedup"),
    ("ensemble_draws_per_core_hour", "ensemble_over_before"): partial(_call, "ensemble", "measure_core_hour"),
    ("cli_import_s",): _command_line,
    ("mutations_tried", "mutations_silent", "mutations_tracebacks"): partial(_call, "mutations", "try_mutations"),
}


def _measure(command: Sequence[str], folder: str) -> tuple[float, float]:
    """Run a command with build and cache in ``folder``: wall time [s], and peak memory of its largest process [GiB]."""
    wall_s, _, peak_gib = measure_process(
        command, folder, {"EVLIB_BUILD": f"{folder}/build", "EVLIB_CACHE": f"{folder}/cache"}
    )
    return wall_s, peak_gib


def measure_process(
    command: Sequence[str], folder: str | Path, environment: dict[str, str]
) -> tuple[float, float, float]:
    """Run a command to its end.

    Parameters
    ----------
    command : sequence of str
    folder : str or Path
        Where its output is written.
    environment : dict from str to str
        Variables beside those of this process.

    Returns
    -------
    wall_s, cpu_s : float
        Wall time, and processor time of the process and those it waited for [s].
    peak_gib : float
        Peak memory of its largest process [GiB].

    Raises
    ------
    StudyError
        The command failed; with the last lines of its output.
    """
    start_s = time.monotonic()
    with (Path(folder) / "output.txt").open("w+") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            last_lines = "\n".join(output.read().splitlines()[-15:])
            raise StudyError(f"{' '.join(command)} ended with code {process.returncode}:\n{last_lines}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return time.monotonic() - start_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**30
