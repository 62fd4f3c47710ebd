"""Larger cases than the base case: streets in a square on the base case's feeder, made for any code that reads its YAML.

The same case can be given to an earlier code, see :mod:`study.benchmarks.before`.
"""

from __future__ import annotations

import logging
import math
import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml

from evlib import load_scenario
from evlib.assignment.path_costs import evaluate_loading
from evlib.assignment.route_choice import even_split
from evlib.coordination.coordinate import coordinate
from evlib.folders import DATA
from evlib.inputs.build_roads import build_traffic_problem
from study.benchmarks.before import BEFORE, run_script

__all__ = ["measure_larger", "measure_many_paths", "write_streets"]

log = logging.getLogger(__name__)

SIDE = 8
WANTED_GAP = 1e-2
# Stations and origins of the large look at traffic: as many paths as their product.
MANY = (32, 24)
LOOKS = 3
BEFORE_SCRIPT = f"""
import json, sys, time
import numpy as np
from evlib import load_scenario
from evlib.loading import load_traffic
from evlib.market import Market
from evlib.talk import even_split
from evlib.traffic import see_traffic
scenario = load_scenario(sys.argv[1])
market = Market.of(scenario, "v2g", "system")
loading = load_traffic(market.network, even_split(market))
see_traffic(scenario, loading, "system", "experienced")
start = time.process_time()
for _ in range({LOOKS}):
    see_traffic(scenario, loading, "system", "experienced")
print(json.dumps(dict(seconds=(time.process_time() - start) / {LOOKS}, paths=len(market.network.paths))))
"""


def write_streets(folder: Path, data: Path, n_stations: int, n_origins: int, seed: int = 1) -> Path:
    """Write a case of ``SIDE`` by ``SIDE`` crossings with two-way streets; everything else is the base case's.

    Parameters
    ----------
    folder : Path
        For the files; it must be there.
    data : Path
        Folder ``data`` of the code that will read it.
    n_stations, n_origins : int
        At different crossings. Stations share the base case's plugs evenly, origins its vehicles.
    seed : int

    Returns
    -------
    Path
        The scenario.
    """
    rng = np.random.default_rng(seed)
    crossings = np.arange(1, SIDE * SIDE + 1).reshape(SIDE, SIDE)
    roads = [pair for line in (*crossings.tolist(), *crossings.T.tolist()) for pair in pairwise(line)]
    minutes = rng.uniform(1.0, 4.0, len(roads)).round(2)
    lines = ["link,from,to,a,b"]
    for number, ((one, two), took) in enumerate(zip(roads * 2, [*minutes, *minutes], strict=True)):
        ends = (one, two) if number < len(roads) else (two, one)
        lines.append(f"{number + 1},{ends[0]},{ends[1]},{took},0.01")
    (folder / "links.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    places = ["node,x,y", *(f"{node},{(node - 1) % SIDE},{(node - 1) // SIDE}" for node in range(1, SIDE * SIDE + 1))]
    (folder / "nodes.csv").write_text("\n".join(places) + "\n", encoding="utf-8")

    raw = yaml.safe_load((data / "scenarios" / "nguyen.yaml").read_text(encoding="utf-8"))
    chosen = rng.permutation(crossings.ravel())[: n_stations + n_origins].tolist()
    raw["name"], raw["description"] = (
        "streets",
        f"{n_stations} stations and {n_origins} origins, made to measure growth",
    )
    raw["roads"] |= {"links_file": "links.csv", "nodes_file": "nodes.csv"}
    raw["roads"].pop("od_file")
    raw.pop("destinations")
    for section in ("buses_file", "branches_file", "ratings_file", "profiles_file"):
        raw["grid"][section] = str((data / "scenarios" / raw["grid"][section]).resolve())

    def assumed(value, unit):
        return {"value": value, "unit": unit, "source": "assumption", "range": [value, value]}

    zones = [zone["buses"] for zone in raw["grid"]["zones"].values()]
    plugs = 4.0 * raw["stations"]["c1"]["plugs"]["value"] / n_stations
    raw["stations"] = {
        f"s{c}": {
            "node": chosen[c],
            "bus": zones[c % len(zones)][c // len(zones) % len(zones[c % len(zones)])],
            "plugs": assumed(plugs, "plugs"),
        }
        for c in range(n_stations)
    }
    raw["origins"] = {
        f"o{o}": {"node": node, "share": assumed(1.0 / n_origins, "1")} for o, node in enumerate(chosen[n_stations:])
    }
    raw["switches"]["path_set"] = "generated"
    file = folder / "streets.yaml"
    file.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return file


def measure_larger() -> tuple[float, float, float]:
    """Eight stations and ten origins coordinated: processor seconds, and the gaps of the iterate.

    Returns
    -------
    seconds : float
        Of the run, which ends at a relative gap of 1e-2 and a price gap of 1e-4; nan if it ends elsewhere [s].
    relative_gap, price_gap : float
    """
    coordinate(load_scenario("mini"))  # loads the compiled kernels
    with tempfile.TemporaryDirectory() as folder:
        scenario = load_scenario(write_streets(Path(folder), DATA, 8, 10))
        scenario = scenario.replace({"coordination.stop_relative_gap": WANTED_GAP})
        start = time.process_time()
        certificate = coordinate(scenario).certificate
        seconds = time.process_time() - start
    log.info("%d iterations, certified: %s", certificate.iterations, certificate.converged)
    return (
        seconds if certificate.converged else math.nan,
        certificate.relative_gap,
        abs(certificate.price_gap),
    )


def measure_many_paths() -> tuple[float, float]:
    """One look at traffic on 768 paths: processor seconds, and how many times as long the earlier code takes.

    Returns
    -------
    look_s : float
        [s].
    over_before : float
        nan where ``EVLIB_BEFORE`` names no folder.
    """
    with tempfile.TemporaryDirectory() as folder:
        problem = build_traffic_problem(load_scenario(write_streets(Path(folder), DATA, *MANY)), "system")
        loading = problem.load(even_split(problem.network, problem.demand_veh))
        evaluate_loading(loading, problem.drivers, "system")
        start = time.process_time()
        for _ in range(LOOKS):
            evaluate_loading(loading, problem.drivers, "system")
        look_s = (time.process_time() - start) / LOOKS
    log.info("%d paths", len(problem.network.paths))
    before = _before(*MANY)
    return look_s, before / look_s


def _before(n_stations: int, n_origins: int) -> float:
    """Seconds of one look by the earlier code; nan where there is none."""
    if BEFORE not in os.environ:
        return math.nan
    with tempfile.TemporaryDirectory() as folder:
        file = write_streets(Path(folder), Path(os.environ[BEFORE]) / "data", n_stations, n_origins)
        return run_script(BEFORE_SCRIPT, str(file))["seconds"]
