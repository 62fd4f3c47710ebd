"""The same traffic in UXsim, an independent simulator of single vehicles whose queues take room on the road."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.traffic.network import Network
from evlib.traffic.vehicle_simulation import departure_times_min

__all__ = ["Drive", "drive"]

LANES = 6  # as in UXsim's own example of the Nguyen network
JAM_VEH_M = 0.2  # UXsim's usual jam density, all lanes together


@dataclass(frozen=True)
class Drive:
    """What became of every platoon.

    Attributes
    ----------
    trips : DataFrame
        One row a platoon: ``path``, ``departure_min``, ``travel_min`` from departure to the end of the last road.
    cpu_s : float
        Processor time of the simulation itself, without building it [s].
    """

    trips: pd.DataFrame
    cpu_s: float


def drive(
    network: Network,
    departures_veh,
    *,
    speed_m_s: float,
    lanes: int = LANES,
    platoon_veh: int = 1,
    trajectories: bool = False,
    until_min: float | None = None,
    seed: int = 0,
) -> Drive:
    """Drive whole vehicles along given paths in UXsim's compiled mode, to the end of their last road.

    Parameters
    ----------
    network : Network
        Free-flow times and capacities; origins, stations and plugs play no part.
    departures_veh : array_like, shape (n_paths, n_classes, n_steps)
        [veh]
    speed_m_s : float
        Free-flow speed. It sets how long the roads are, and so how many vehicles have room on them.
    lanes : int
        Of every road; each passes less than a vehicle a second.
    platoon_veh : int
        Vehicles that UXsim moves as one; 1 for its finest resolution. Its time step is so many seconds.
    trajectories : bool
        Whether UXsim keeps every vehicle's trajectory, as it does by default.
    until_min : float, optional
        End of the simulation [min]; twice the horizon unless told otherwise.
    seed : int
        Of the random order in which vehicles merge.

    Returns
    -------
    Drive

    Raises
    ------
    InputError
        A trip has not ended by ``until_min``.

    Notes
    -----
    Newell's car-following model with capacities at the ends of roads (Seo 2025, J. Open Source Softw. 10:7617). A trip
    ends without passing the capacity at the end of its last road. An idle road's capacity lets a few vehicles through
    at once, as many as it has lanes.
    """
    from uxsim import World  # needed by tests, benchmarks and one file of results only

    departures_veh, step_min = np.asarray(departures_veh), network.time.step_min
    until_min = until_min or 2 * step_min * network.time.n_steps
    quiet = {"print_mode": 0, "save_mode": 0, "show_mode": 0, "show_progress": 0}
    world = World(
        **quiet,
        deltan=platoon_veh,
        tmax=60 * until_min,
        random_seed=seed,
        vehicle_logging_timestep_interval=1 if trajectories else -1,
        cpp=True,
    )
    roads = range(len(network.origins), network.n_arcs)
    for node in sorted({end for arc in roads for end in (network.arc_tail[arc], network.arc_head[arc])}):
        world.addNode(node, 0, 0)
    for arc in roads:
        world.addLink(
            network.arc_name[arc],
            network.arc_tail[arc],
            network.arc_head[arc],
            length=60 * speed_m_s * network.free_flow_min[arc],
            free_flow_speed=speed_m_s,
            jam_density=JAM_VEH_M,
            number_of_lanes=lanes,
            capacity_out=network.capacity_veh_min[arc] / 60,
        )
    trips = sorted(
        (minute, p)
        for p in range(len(network.paths))
        for minute in departure_times_min(departures_veh[p].sum(axis=0), step_min, platoon_veh)
    )
    platoons = []
    for minute, p in trips:
        path = network.paths[p]
        platoons.append(world.addVehicle(str(path.nodes[0]), str(path.nodes[-1]), 60 * minute))
        platoons[-1].enforce_route([network.arc_name[arc] for arc in path.arcs[1:]])
    start_s = time.process_time()
    world.exec_simulation()
    cpu_s = time.process_time() - start_s
    late = sum(item.state != "end" for item in platoons)
    if late:
        raise InputError(f"departures: {late} of {len(platoons)} platoons had not arrived after {until_min:g} min")
    table = pd.DataFrame(trips, columns=["departure_min", "path"])[["path", "departure_min"]]
    return Drive(table.assign(travel_min=[item.travel_time / 60 for item in platoons]), cpu_s)
