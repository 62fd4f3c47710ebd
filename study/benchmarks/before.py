"""The coordinated base case and one look at traffic, beside the code of an earlier commit in a folder of its own.

The folder is a checkout of commit d2eaf34 (``git worktree add FOLDER d2eaf34``), named by ``EVLIB_BEFORE``. It runs in a
process of its own with the packages of this one, first; both count processor time of a single thread. Driving takes no energy
in that code, so here neither.
"""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from evlib import load_scenario
from evlib.assignment.path_costs import evaluate_loading
from evlib.assignment.route_choice import even_split
from evlib.coordination.coordinate import PRICE_GAP_TOLERANCE, coordinate
from evlib.errors import StudyError
from evlib.inputs.build_roads import build_traffic_problem
from study.experiments import WITHOUT_DRIVING

__all__ = [
    "BEFORE",
    "certified_share",
    "measure_before",
    "measure_user",
    "run_before",
    "run_script",
    "seconds_certified",
]

log = logging.getLogger(__name__)

BEFORE = "EVLIB_BEFORE"
GAP = 1e-3
LOOKS = 20

# What the earlier code runs: it certifies nothing by itself, so its table of iterates is read as ours is.
SCRIPT = f"""
import json, sys, time
import numpy as np
from evlib import load_scenario
from evlib.coordination import coordinate
from evlib.market import Market
from evlib.talk import even_split
from evlib.loading import load_traffic
from evlib.traffic import see_traffic
few = {{"coordination.iterations": 4, "coordination.exact_iterations": 2}}
coordinate(load_scenario("mini").replace(few))
scenario = load_scenario("nguyen")
market = Market.of(scenario, "v2g", "system")
loading = load_traffic(market.network, even_split(market))
see_traffic(scenario, loading, "system", "experienced")
start = time.process_time()
for _ in range({LOOKS}):
    see_traffic(scenario, loading, "system", "experienced")
look = (time.process_time() - start) / {LOOKS}
cpu, wall = time.process_time(), time.perf_counter()
run = coordinate(scenario, objective=sys.argv[1])
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
table = run.convergence
parts = ["seconds_load", "seconds_check", "seconds_answer"]
print(json.dumps(dict(look=look, cpu=cpu, wall=wall, certified=dict(
    relative_gap=table.relative_gap.tolist(), price_gap=table.price_gap.tolist(), priced_by=table.priced_by.tolist(),
    load=table[parts[0]].tolist(), check=table[parts[1]].tolist(), answer=table[parts[2]].tolist()))))
"""


def measure_before(objective: str = "system") -> tuple[float, float, float, float]:
    """Seconds to a certified iterate of the base case without driving energy, here and in the earlier code, and one look.

    Certified: relative gap at most 1e-3 and price gap at most 1e-4, both measured.

    Returns
    -------
    certified_s : float
        Processor seconds from the scenario to the certified iterate [s].
    over_before : float
        The earlier code's seconds over these; where it certifies nothing, those of its whole run, a lower bound.
    look_over_before : float
        One evaluation of all path costs of a loading, the earlier code over this one.
    before_s : float
        The earlier code's seconds [s].

        All nan where ``EVLIB_BEFORE`` names no folder.

    Raises
    ------
    StudyError
        ``EVLIB_BEFORE`` does not name a checkout, or the earlier code ends with an error.
    """
    before = run_before(objective)
    if before is None:
        return (math.nan,) * 4
    share = certified_share(**before["certified"], whole_s=before["wall"])
    before_s = before["cpu"] * (1.0 if math.isnan(share) else share)
    log.info("before: %s", f"certified after {share:.0%} of the run" if share <= 1 else "nothing certified")
    certified_s = seconds_certified(objective)
    return certified_s, before_s / certified_s, before["look"] / _look_s(), before_s


def run_before(objective: str) -> dict | None:
    """What the earlier code took for the base case, in a process of its own; None where ``EVLIB_BEFORE`` names no folder.

    Parameters
    ----------
    objective : {"user", "system"}

    Returns
    -------
    dict
        ``cpu`` and ``wall``, seconds of the run [s]; ``look``, of one look at traffic [s]; ``certified``, its iterates.

    Raises
    ------
    StudyError
        See :func:`measure_before`.
    """
    return run_script(SCRIPT, objective)


def run_script(script: str, *arguments: str) -> dict | None:
    """What a script of the earlier code prints as JSON on its last line, in a process of its own.

    Parameters
    ----------
    script : str
        Source of the script.
    *arguments : str
        Its command line.

    Returns
    -------
    dict or None
        None where ``EVLIB_BEFORE`` names no folder.

    Raises
    ------
    StudyError
        See :func:`measure_before`.
    """
    if BEFORE not in os.environ:
        return None
    folder = Path(os.environ[BEFORE])
    if not (folder / "evlib" / "market.py").is_file():
        raise StudyError(f"{BEFORE}={folder}: no checkout of d2eaf34; make one by `git worktree add FOLDER d2eaf34`")
    environment = os.environ | {"PYTHONPATH": str(folder), "EVLIB_BUILD": str(folder / "build")}
    command = [sys.executable, "-c", script, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    if ended.returncode:
        raise StudyError(f"the code in {folder} ended with an error: {ended.stderr.strip().splitlines()[-1]}")
    return json.loads(ended.stdout.splitlines()[-1])


def measure_user() -> tuple[float]:
    """Processor seconds to a certified iterate of the base case without driving energy, with drivers' own cost [s]."""
    return (seconds_certified("user"),)


def certified_share(relative_gap, price_gap, priced_by, load, check, answer, whole_s: float) -> float:
    """Share of a run's seconds that had passed when an iterate was first certified; nan if none was."""
    gap, price, answer = (np.array(values, dtype=float) for values in (relative_gap, price_gap, answer))
    sound = (gap <= GAP) & (np.abs(price) <= PRICE_GAP_TOLERANCE) & (np.array(priced_by) != "mixed")
    sound[0] = False
    if not sound.any():
        return math.nan
    first = int(np.flatnonzero(sound)[0])
    after = np.nansum(answer[first:]) + np.nansum(load[first + 1 :]) + np.nansum(check[first + 1 :])
    return float((whole_s - after) / whole_s)


def seconds_certified(objective: str = "system", method: str | None = None) -> float:
    """Processor seconds of a run that ends at a certified iterate; nan if it ends elsewhere."""
    coordinate(load_scenario("mini"), objective=objective, method=method)  # compiles the kernels
    scenario = load_scenario("nguyen").replace(WITHOUT_DRIVING)
    start = time.process_time()
    run = coordinate(scenario, objective=objective, method=method)
    seconds = time.process_time() - start
    found = run.certificate
    certified = found.relative_gap <= GAP and abs(found.price_gap) <= PRICE_GAP_TOLERANCE
    return seconds if certified else math.nan


def _look_s() -> float:
    problem = build_traffic_problem(load_scenario("nguyen").replace(WITHOUT_DRIVING), "system")
    loading = problem.load(even_split(problem.network, problem.demand_veh))
    evaluate_loading(loading, problem.drivers, "system")
    start = time.process_time()
    for _ in range(LOOKS):
        evaluate_loading(loading, problem.drivers, "system")
    return (time.process_time() - start) / LOOKS
