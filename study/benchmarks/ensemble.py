"""How fast an ensemble is drawn: by one core, by two workers, and beside the code of an earlier commit."""

from __future__ import annotations

import logging
import math
import tempfile
import time
from pathlib import Path

from evlib.folders import RESULTS
from study.benchmarks.before import run_before
from study.experiments.ensemble.draws import draws_of, scenario_of
from study.experiments.ensemble.engine import Task, compute
from study.experiments.ensemble.knobs import Design, read_design
from study.experiments.ensemble.one_draw import solve_draw
from study.experiments.ensemble.table import ENSEMBLE_FILE, design_key, solve_of_design
from study.experiments.provenance import read_table

__all__ = ["count_draws", "measure_core_hour", "measure_speedup"]

log = logging.getLogger(__name__)

N_TIMED, N_EACH = 6, 6


def count_draws() -> tuple[float]:
    """Draws in the committed table, beside the base case, that were solved; nan without a table."""
    if not (RESULTS / ENSEMBLE_FILE).is_file():
        return (math.nan,)
    table = read_table(ENSEMBLE_FILE)
    return (float((table["error"].isna() & (table["draw"] > 0)).sum()),)


def measure_speedup() -> tuple[float]:
    """Seconds of one worker over those of two, for six times the base case, from the start of the workers to the last file.

    Returns
    -------
    speedup : float
        2 at best.
    """
    design = read_design("nguyen")
    draw, task = draws_of(design, 1)[0], _task(design)
    jobs = {number: ("nguyen", task.key, draw) for number in range(N_EACH)}
    seconds = []
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            start_s = time.perf_counter()
            compute(jobs, task, Path(folder), workers=workers)
            seconds.append(time.perf_counter() - start_s)
        log.info("%d worker(s): %.0f s for %d draws", workers, seconds[-1], N_EACH)
    return (seconds[0] / seconds[1],)


def measure_core_hour() -> tuple[float, float]:
    """Draws that one core solves in an hour, four strategies each, and how many times as many as an earlier code.

    Returns
    -------
    draws_per_core_hour : float
        From the processor time of the base case and the first draws.
    over_before : float
        The earlier code runs two strategies of the base case, ``user`` and ``coordinated``, in a process of its own; nan
        where ``EVLIB_BEFORE`` names no folder. It knows no energy of driving, so its draws are smaller.
    """
    mini = read_design("mini")
    solve_draw(scenario_of(mini, draws_of(mini, 1)[0]))  # loads the compiled kernels
    design = read_design("nguyen")
    cpu_s = [solve_draw(scenario_of(design, draw))["cpu_s"] for draw in draws_of(design, N_TIMED - 1)]
    per_hour = 3600.0 * len(cpu_s) / sum(cpu_s)
    log.info("%s s of processor time a draw", ", ".join(f"{seconds:.0f}" for seconds in cpu_s))
    before = [run_before(objective) for objective in ("user", "system")]
    if None in before:
        return per_hour, math.nan
    return per_hour, per_hour / (3600.0 / sum(run["cpu"] for run in before))


def _task(design: Design) -> Task:
    return Task(solve_of_design, solve_of_design.__module__, design_key(design))
