"""A city coordinated with scarce plugs, each run in a process of its own: seconds to an excess, memory, and growth.

V2Sim's Nanjing where its files are in the folder ``EVLIB_V2SIM``, and the synthetic city of its size for everybody.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from evlib.coordination.coordinate import coordinate
from evlib.files import write_json
from evlib.folders import ROOT
from evlib.inputs.new_case.city_case import CityAssumptions, synthetic_tables, write_city
from evlib.inputs.new_case.sources import feeder_source, road_source, station_source
from evlib.inputs.new_case.synthetic_city import CitySize
from evlib.inputs.new_case.write_case import match_case
from evlib.inputs.scenario import Scenario, load_scenario
from study.benchmarks.own_case import V2SIM

__all__ = ["measure_growth", "measure_nanjing", "measure_synthetic"]

# Excesses that are timed [CNY/veh]; iterations whose time is compared as the city grows.
WANTED = (0.10, 0.02)
GROWTH_ITERATIONS = 6
NOTHING = (math.nan,) * 6


def measure_nanjing() -> tuple[float, ...]:
    """Nanjing, 20,000 vehicles, plugs 1.6 x the even peak: seconds to 0.10 and 0.02 CNY/veh, peak GiB, excess, gaps."""
    return _in_own_process("nanjing") if (V2SIM / "Nanjing.net.xml.gz").is_file() else NOTHING


def measure_synthetic() -> tuple[float, ...]:
    """The same for the synthetic city of seed 0."""
    return _in_own_process("synthetic")


def measure_growth() -> tuple[float, float]:
    """Time of the same iterations of the synthetic city with 50,000 vehicles, and with 630 stations, over its own."""
    base, more, wider = (
        _in_own_process("synthetic", *size, GROWTH_ITERATIONS)[-1]
        for size in ((20_000, 315), (50_000, 315), (20_000, 630))
    )
    return more / base, wider / base


def _in_own_process(*what) -> tuple[float, ...]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "study.benchmarks.city", folder, *map(str, what)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return tuple(
            math.nan if value is None else value for value in json.loads((Path(folder) / "measured.json").read_text())
        )


def _scenario(folder: Path, case: str, vehicles: float, stations: int) -> Scenario:
    assumed = CityAssumptions(vehicles)
    if case == "synthetic":
        tables = synthetic_tables(CitySize(stations=stations), assumed)
    else:
        roads = road_source(V2SIM / "Nanjing.net.xml.gz", lane_veh_h=assumed.lane_veh_h)
        own, _ = station_source(V2SIM / "ux_Nanjing.fcs.xml")
        tables = match_case(roads, feeder_source(V2SIM / "Nanjing.grid.xml"), own)
    return load_scenario(write_city(folder / "city", tables, assumed, case))


def _measured(folder: Path, case: str, vehicles=20_000.0, stations=315, iterations: int | None = None) -> list:
    """Seconds to each excess, peak memory, excess over all ways, relative and price gap; or seconds of some iterations."""
    import resource

    start = time.perf_counter()
    scenario = _scenario(folder, case, vehicles, stations)
    if iterations is not None:
        few = {"iterations": iterations // 2, "exact_iterations": 1, "exact_period": 1}
        scenario = scenario.replace({f"coordination.{key}": value for key, value in few.items()})
    settled = coordinate(scenario, method="city")
    total = time.perf_counter() - start
    table = settled.convergence
    parts = table[["seconds_load", "seconds_check", "seconds_answer"]].fillna(0.0).sum(axis=1).to_numpy()
    if iterations is not None:
        return [float(parts.sum())]
    before = total - parts.sum()  # assembling the network, and the certificate at the end
    reached = [np.flatnonzero(table["excess_cny_veh"].to_numpy() <= wanted) for wanted in WANTED]
    seconds = [float(before + parts[: rows[0] + 1].sum()) if len(rows) else None for rows in reached]
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    certificate = settled.certificate
    gaps = (certificate.excess_over_all_paths_cny_veh, certificate.relative_gap, certificate.price_gap)
    return [*seconds, peak_gib, *map(float, gaps)]


if __name__ == "__main__":
    place, name, *numbers = sys.argv[1:]
    sizes = [float(numbers[0]), *map(int, numbers[1:])] if numbers else []
    write_json(Path(place) / "measured.json", _measured(Path(place), name, *sizes))
