"""A city coordinated with scarce plugs, each run in a process of its own: wall time to an excess, memory, and growth.

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

# Excess that is timed [CNY/veh], and the price gap with it.
WANTED = ((0.10, math.inf), (0.02, 1e-3))
# Where runs end whose processor time is compared as the city grows [CNY/veh], price gap.
GROWTH_STOP, GROWTH_PRICE_GAP = 0.05, 1e-3
NOTHING = (math.nan,) * 6


def measure_nanjing() -> tuple[float, ...]:
    """Nanjing, 20,000 vehicles, plugs 1.6 x the even peak: seconds to 0.10 and 0.02 CNY/veh, peak GiB, excess, gaps."""
    return _in_own_process("nanjing") if (V2SIM / "Nanjing.net.xml.gz").is_file() else NOTHING


def measure_synthetic() -> tuple[float, ...]:
    """The same for the synthetic city of seed 0."""
    return _in_own_process("synthetic")


def measure_growth() -> tuple[float, float]:
    """Processor time to 0.05 CNY/veh with 50,000 vehicles, and with 630 stations, over that of the synthetic city."""
    base, more, wider = (
        _in_own_process("synthetic", *size, GROWTH_STOP)[-1] for size in ((20_000, 315), (50_000, 315), (20_000, 630))
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


def _measured(folder: Path, case: str, vehicles=20_000.0, stations=315, stop_cny_veh: float | None = None) -> list:
    """Seconds to each excess, peak memory, excess over all ways, relative and price gap; or processor time to a stop."""
    import resource

    start, start_cpu = time.perf_counter(), time.process_time()
    scenario = _scenario(folder, case, vehicles, stations)
    if stop_cny_veh is not None:
        stops = {"stop_excess_cny_veh": stop_cny_veh, "stop_price_gap": GROWTH_PRICE_GAP}
        scenario = scenario.replace({f"coordination.{key}": value for key, value in stops.items()})
    settled = coordinate(scenario, method="city")
    total, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    table = settled.convergence
    if stop_cny_veh is not None:
        return [cpu if table["excess_cny_veh"].iloc[-1] <= stop_cny_veh else math.nan]
    parts = table[["seconds_load", "seconds_check", "seconds_answer"]].fillna(0.0).sum(axis=1).to_numpy()
    before = total - parts.sum()  # assembling the network, and the certificate at the end
    excess, price_gap = table["excess_cny_veh"].to_numpy(), table["price_gap"].to_numpy()
    reached = [np.flatnonzero((excess <= wanted) & (price_gap <= gap)) for wanted, gap in WANTED]
    seconds = [float(before + parts[: rows[0] + 1].sum()) if len(rows) else None for rows in reached]
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    certificate = settled.certificate
    gaps = (certificate.excess_over_all_paths_cny_veh, certificate.relative_gap, certificate.price_gap)
    return [*seconds, peak_gib, *map(float, gaps)]


if __name__ == "__main__":
    place, name, *numbers = sys.argv[1:]
    sizes = [float(numbers[0]), int(numbers[1]), *map(float, numbers[2:])] if numbers else []
    write_json(Path(place) / "measured.json", _measured(Path(place), name, *sizes))
