"""Where queues that take room make a difference: point queues against UXsim on the Nguyen network, by demand."""

from __future__ import annotations

import logging
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from evlib.folders import DATA, RESULTS
from evlib.traffic.impedance import point_queue
from evlib.traffic.loading import load_traffic
from evlib.traffic.network import Network, assemble_network
from evlib.traffic.path_times import travel_times
from evlib.traffic.time_grid import TimeGrid
from study.experiments.provenance import MAKERS, run_hash, write_table
from study.experiments.uxsim_reference import JAM_VEH_M, drive

__all__ = [
    "RUNS",
    "SPILLBACK_FILE",
    "comparison_departures",
    "comparison_network",
    "mean_travel_min",
    "measure",
    "write",
]

log = logging.getLogger(__name__)

SPILLBACK_FILE = "spillback_nguyen.csv"
EXAMPLE_SPEED_M_S = 10.0  # that of UXsim's example of this network
DEMANDS_VEH_S = (0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.2, 1.4)
# Length factor, platoon [veh], demand of each pair [veh/s].
RUNS = tuple((length, platoon, demand) for length, platoon in ((2, 1), (8, 1), (8, 5)) for demand in DEMANDS_VEH_S)


def comparison_network(step_s: float = 15.0) -> Network:
    """The Nguyen network with the times and capacities of UXsim's example (after Satsukawa, Wada and Watling 2022).

    Every destination gets an extra road of one minute, wide enough for all: in UXsim trips end without passing the
    capacity at the end of their last road. Stations have room for everybody who arrives.

    Parameters
    ----------
    step_s : float
        Loading step [s].

    Returns
    -------
    Network
        25 paths; impedance ``point_queue``; departures in the first six steps of five minutes.
    """
    links = pd.read_csv(DATA / "nguyen_links.csv", comment="#")
    minutes, veh_h = links["uxsim_fft_s"] / 60, links["uxsim_capacity_out_veh_s"] * 3600
    roads = list(zip(links["from"].tolist(), links["to"].tolist(), minutes.tolist(), veh_h.tolist(), strict=True))
    roads += [(2, 102, 1.0, 36_000.0), (3, 103, 1.0, 36_000.0)]
    grid = TimeGrid(step_min=5.0, n_steps=36, substeps=round(300 / step_s), last_departure_step=5)
    ends = {"to 2": (102, 1e9), "to 3": (103, 1e9)}
    return assemble_network(roads, {"from 1": 1, "from 4": 4}, ends, {"car": 1}, grid, delay_function=point_queue)


def comparison_departures(network: Network, demand_veh_s: float) -> np.ndarray:
    """The same demand for each of the four pairs, even over half an hour and over the paths of the pair [veh]."""
    pairs = np.array([(path.origin, path.station) for path in network.paths])
    n_paths_of_pair = np.array([(pairs == pair).all(axis=1).sum() for pair in pairs])
    per_step = 60 * demand_veh_s * network.time.step_min / n_paths_of_pair
    return np.repeat(per_step[:, None, None], network.time.n_departure_steps, axis=2)


def mean_travel_min(network: Network, departures) -> tuple[float, np.ndarray]:
    """Mean time on the way of all vehicles and of those of each path, by the study's loading [min]."""
    loading = load_traffic(network, departures)
    weight, minutes = loading.departures_veh.sum(axis=1), travel_times(loading).road_min
    return float((weight * minutes).sum() / weight.sum()), (weight * minutes).sum(axis=1) / weight.sum(axis=1)


def measure(length_factor: float, platoon_veh: int, demand_veh_s: float) -> dict[str, float]:
    """One row: both means, how far they are apart, and the path whose mean UXsim makes longest by comparison.

    ``fullest_road`` is the largest number on any road, by the point queue, over what has room on it. Without
    spillback it may exceed 1.
    """
    network = comparison_network()
    departures = comparison_departures(network, demand_veh_s)
    mean_min, path_min = mean_travel_min(network, departures)
    speed_m_s = EXAMPLE_SPEED_M_S * length_factor
    trips = drive(network, departures, speed_m_s=speed_m_s, platoon_veh=platoon_veh).trips
    by_path = trips.groupby("path")["travel_min"].mean()
    roads = np.array(network.arc_kind) == "road"
    room_veh = JAM_VEH_M * 60 * speed_m_s * network.free_flow_min[roads]
    return {
        "length_factor": length_factor,
        "platoon_veh": platoon_veh,
        "demand_veh_s": demand_veh_s,
        "vehicles_veh": float(platoon_veh * len(trips)),
        "point_queue_min": mean_min,
        "uxsim_min": trips["travel_min"].mean(),
        "difference": trips["travel_min"].mean() / mean_min - 1,
        "worst_path_difference": (by_path / path_min[by_path.index]).max() - 1,
        "fullest_road": (load_traffic(network, departures).vehicles_veh[roads].max(axis=1) / room_veh).max(),
    }


def write(folder: Path = RESULTS) -> Path:
    """Compare at every demand and write the table, with the command and the code hash on top.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path
        The file, replaced once the table is complete.
    """
    code, rows = run_hash(MAKERS[SPILLBACK_FILE]), []
    for run in tqdm(RUNS, unit="run", leave=False, disable=None):
        row = measure(*run)
        rows.append(row)
        log.info(
            "roads x %(length_factor)s, platoon %(platoon_veh)s, %(demand_veh_s)g veh/s: "
            "%(point_queue_min).2f and %(uxsim_min).2f min, %(percent)+.1f%%",
            row | {"percent": 100 * row["difference"]},
        )
    notes = [f"UXsim {version('uxsim')}, compiled mode, seed 0"]
    return write_table(SPILLBACK_FILE, pd.DataFrame(rows), code, notes, folder=folder)
