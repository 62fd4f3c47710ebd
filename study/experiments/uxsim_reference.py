"""The same traffic in UXsim, an independent simulator of single vehicles whose queues take room on the road."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.traffic.loading import load_traffic
from evlib.traffic.network import Network
from evlib.traffic.vehicle_simulation import departure_times_min

__all__ = ["Drive", "drive", "passes_veh_s"]

LANES = 6  # as in UXsim's own example of the Nguyen network
JAM_VEH_M = 0.2  # UXsim's usual jam density, all lanes together
REACTION_S = 1.0  # UXsim's usual reaction time


def passes_veh_s(speed_m_s: float, lanes: int) -> float:
    """What a road can pass in UXsim whatever its capacity: the top of its triangular fundamental diagram.

    .. math:: q^* = \\frac{u w \\kappa}{u + w}, \\qquad w = \\frac{n}{\\tau \\kappa}

    Here u is the free-flow speed, n the number of lanes, kappa the jam density and tau = 1 s the reaction time.

    Examples
    --------
    >>> round(3600 * passes_veh_s(20.0, 6))
    8640
    """
    wave_m_s = lanes / (REACTION_S * JAM_VEH_M)
    return speed_m_s * wave_m_s * JAM_VEH_M / (speed_m_s + wave_m_s)


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
        A trip has not ended by ``until_min``. Or more would enter a road than UXsim's fundamental diagram lets through,
        although the road's capacity does: see :func:`passes_veh_s`.

    Notes
    -----
    Newell's car-following model with capacities at the ends of roads (Seo 2025, J. Open Source Softw. 10:7617). A trip
    ends without passing the capacity at the end of its last road. An idle road's capacity lets a few vehicles through
    at once, as many as it has lanes.
    """
    _check_lanes(network, departures_veh, speed_m_s, lanes)
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


def _check_lanes(network: Network, departures_veh, speed_m_s: float, lanes: int) -> None:
    """Refuse roads that UXsim would throttle below their capacity: more enters there than its lanes pass."""
    most_veh_h = 3600 * passes_veh_s(speed_m_s, lanes)
    wide = np.flatnonzero(60 * network.capacity_veh_min > most_veh_h * (1 + 1e-9))
    wide = wide[wide >= len(network.origins)]
    if not wide.size:
        return
    entered_veh = np.diff(load_traffic(network, departures_veh).entered_veh[wide].sum(axis=1), axis=1)
    enters_veh_h = entered_veh.max(axis=1) * 60 / network.time.loading_step_min
    for arc, enters in zip(wide, enters_veh_h, strict=True):
        if enters > most_veh_h * (1 + 1e-6):
            raise InputError(
                f"road {network.arc_name[arc]}: {enters:.0f} veh/h enter, but in UXsim {lanes} lanes pass "
                f"{most_veh_h:.0f} veh/h at {speed_m_s:g} m/s, below the road's {60 * network.capacity_veh_min[arc]:.0f}; "
                "must be more lanes or less traffic"
            )
