"""Nanjing beside V2Sim 1.6.1 (UXsim engine): a coordination of ours over one simulation of theirs, 8 h and 20,000 EVs.

V2Sim's Python is named by ``EVLIB_V2SIM_PYTHON`` (``pip install v2sim cvxpy ecos``), its files' folder by ``EVLIB_V2SIM``;
without them nothing is measured. It gets our case of Nanjing as a project of its own: roads, stations, plugs, feeders, origins,
classes and departures. It runs unchanged, from its own command (nearly an hour of processor time), and its log of trips is read.

What differs, by its sources:

- Vehicles are whole and simulated once: there is no iteration, no equilibrium or gap, and no price of plugs or power.
- A vehicle decides once, as it departs, by price, travel time at the speeds of that moment, charging time, and 30 min for each
  vehicle that waits at a station then, whatever its number of plugs; vehicles under way are not counted.
- All stations ask the same price. Vehicles charge at constant power, their wanted energy over our stay, so that they hold a
  plug as long as in our case. Nothing is shifted or fed back; the optimum of their feeders, every 5 min, changes no vehicle.
  It starts at midnight of their profiles, because a later clock makes V2Sim simulate the empty hours before.
- Roads have UXsim's capacity for these vehicles alone (2,647 veh/h for a lane at 50 km/h); ours leave them 100 veh/h a lane.
- After charging, vehicles drive home, to the end of a road that leaves their origin; in our case they vanish.
- Times are multiples of V2Sim's step of 10 s. Its Dijkstra search is told: here it is 5 to 8 times faster than A*, its default,
  which visits nearly all nodes and, with made-up queues at every fourth station, missed the best in 18 choices of 150.
"""

from __future__ import annotations

import functools
import gzip
import json
import math
import os
import shutil
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import StudyError
from evlib.files import write_text
from evlib.inputs.build_roads import departure_profile
from evlib.inputs.new_case import city_case
from evlib.inputs.roads.v2sim_roads import read_xml
from study.benchmarks import city
from study.benchmarks.own_case import V2SIM
from study.benchmarks.run import measure_process

__all__ = ["PYTHON", "measure_ratio", "measure_v2sim", "read_log", "run_project", "write_project"]

PYTHON = "EVLIB_V2SIM_PYTHON"
FILES = ("Nanjing.net.xml.gz", "Nanjing.grid.xml", "ux_Nanjing.fcs.xml")
VEHICLES, STATIONS, END_S = 20_000, 315, city_case.N_STEPS * city_case.STEP_MIN * 60


def measure_ratio() -> tuple[float]:
    """Processor time of a coordination to 0.02 CNY/veh and a price gap of 1e-3 over that of one simulation of V2Sim."""
    if math.isnan(theirs_s := measure_v2sim()[0]):
        return (math.nan,)
    return (city._in_own_process("nanjing", VEHICLES, STATIONS, city.WANTED[1][0])[-1] / theirs_s,)


@functools.cache
def measure_v2sim() -> tuple[float, ...]:
    """V2Sim: processor and wall time [s], peak GiB, mean travel and waiting time [min], vehicles that found no plug."""
    python = os.environ.get(PYTHON)
    if not python or not all((V2SIM / name).is_file() for name in FILES):
        return (math.nan,) * 6
    with tempfile.TemporaryDirectory() as folder:
        city._scenario(Path(folder), "nanjing", VEHICLES, STATIONS)
        files = [V2SIM / name for name in FILES]
        return run_project(python, write_project(Path(folder) / "project", Path(folder) / "city", files, VEHICLES))


def write_project(project: Path, case: Path, files: list[Path], vehicles: int) -> Path:
    """Write a folder that V2Sim runs: its roads, feeders and stations (``files``), with plugs and origins of our ``case``."""
    project.mkdir(parents=True)
    roads, _, stations = files
    for file in files[:2]:
        shutil.copy(file, project)
    plugs, root = pd.read_csv(case / "stations.csv", dtype={"station": str}).set_index("station"), read_xml(stations)
    for element in root:
        n, kw = plugs.loc[element.get("name"), ["plugs", "plug_kw"]]
        element.attrib.update(slots=f"{n:.0f}", max_pc=f"{kw:g}", allow_queuing="True")
    ElementTree.ElementTree(root).write(project / "case.fcs.xml", encoding="utf-8")
    home = {edge.get("from"): edge.get("to") for edge in read_xml(roads).findall("edge")}
    fleet = ElementTree.Element("root")
    for number, (origin, depart_s, battery, gain, kw) in enumerate(_vehicles(case, vehicles)):
        # Below kf a vehicle charges before its trip, until full; the way itself needs no energy, as in our case.
        values = {"cap": battery, "soc": 1 - gain, "pcf": kw, "ecf": 1, "e": 1e-6, "kf": 0.99, "ks": 0.99, "kv": 0.995}
        attributes = {"id": f"v{number}", "rmod": "Equal"} | {key: f"{value:g}" for key, value in values.items()}
        trip = {"id": "0", "depart": str(depart_s), "from": origin, "to": home[origin]}
        ElementTree.SubElement(ElementTree.SubElement(fleet, "ev", attributes), "trip", trip)
    (project / "case.veh.xml.gz").write_bytes(gzip.compress(ElementTree.tostring(fleet, encoding="utf-8")))
    write_text(project / "preferences.v2simcfg", json.dumps({"start_time": 0, "end_time": END_S}))
    return project


def _vehicles(case: Path, vehicles: int):
    """Origin, departure [s], battery [kWh], gain [1] and power over the stay [kW] of whole vehicles, class by class."""
    origins, rng = pd.read_csv(case / "origins.csv", dtype={"node": str}), np.random.default_rng(0)
    part = (origins["share"] / origins["share"].sum()).cumsum()
    for share, battery, _, stay_min, gain, _, peak in city_case.CLASSES.values():
        n_steps = city_case.LAST_DEPARTURE + 1
        profile = departure_profile(city_case.STEP_MIN, n_steps, city_case.PEAK_MIN, city_case.WIDTH_MIN, peak)
        rank = (np.arange(round(vehicles * share)) + 0.5) / round(vehicles * share)
        bounds_s = 60 * city_case.STEP_MIN * np.arange(n_steps + 1)
        depart_s = np.interp(rank, np.concatenate([[0.0], profile.cumsum()]), bounds_s).astype(int)
        origin = origins["node"].to_numpy()[np.searchsorted(part, rng.permutation(rank))]
        for node, at in zip(origin.tolist(), depart_s.tolist(), strict=True):
            yield node, at, battery, gain, gain * battery / (stay_min / 60)


def run_project(python: str, project: Path) -> tuple[float, ...]:
    """Simulate a project that :func:`write_project` wrote; the numbers of :func:`measure_v2sim`."""
    out = project.parent / "out"
    told = ["-d", str(project), "-o", str(out), "-route-algo", "dijkstra", "-silent"]
    environment = {"HOME": str(project.parent), "PYTHONPATH": "", "OMP_NUM_THREADS": "1"}  # it writes to HOME
    wall_s, cpu_s, peak_gib = measure_process(
        [python, "-m", "v2sim.app.sim_single", *told], project.parent, environment
    )
    if not (log := out / "cproc.clog").is_file():  # V2Sim ends with code 0 when it refuses its options
        raise StudyError(
            f"V2Sim wrote no log of trips: {(project.parent / 'output.txt').read_text(encoding='utf-8')[-2000:]}"
        )
    plugs = {element.get("name"): int(element.get("slots")) for element in read_xml(project / "case.fcs.xml")}
    vehicles = len(read_xml(project / "case.veh.xml.gz"))
    return cpu_s, wall_s, peak_gib, *read_log(log.read_text(encoding="utf-8"), plugs, vehicles)


def read_log(log: str, plugs: dict[str, int], vehicles: int) -> tuple[float, float, int]:
    """Mean time to the station and in its queue [min] of those who reached one, and how many had no plug at the end.

    The log says when vehicles depart (D, or are towed: DF), reach a station (AC) and leave it (DC), but not when they plug in.
    Queues are first come, first served: at n plugs, the k-th to come plugs in as the (k - n)-th leaves. Who still waits at the
    end has waited until then.
    """
    departed, come, left, travel_s = {}, defaultdict(list), defaultdict(list), []
    for line in log.splitlines():
        at_s, event, who, *rest = line.split("|")
        if event in ("D", "DF"):
            departed[who.split(",")[0]] = int(at_s)
        elif event == "AC":
            travel_s.append(int(at_s) - departed[who.split(",")[0]])
            come[rest[0]].append(int(at_s))
        elif event == "DC":
            left[rest[0]].append(int(at_s))
    waited_s, unplugged = [], vehicles - len(travel_s)
    for station, arrivals in come.items():
        frees = [-math.inf] * plugs[station] + left[station] + [math.inf] * len(arrivals)
        unplugged += sum(math.isinf(at) for at in frees[plugs[station] : len(arrivals)])
        waited_s += [min(max(free, at), END_S) - at for free, at in zip(frees, arrivals, strict=False)]
    return float(np.mean(travel_s)) / 60, float(np.mean(waited_s)) / 60, unplugged
