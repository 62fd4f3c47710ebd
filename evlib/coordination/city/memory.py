"""Memory that a coordination of a city needs: said before the run, and refused where there is less."""

from __future__ import annotations

import os
from pathlib import Path

from evlib.errors import InputError
from evlib.traffic.network import Network

__all__ = ["available_gib", "needed_gib", "refuse_too_large"]

GIB = 2.0**30
# Python with compiled code, and how many times as many roads the paths may come to use.
BASE_GIB, MORE_ROADS = 0.5, 1.5


def needed_gib(network: Network) -> float:
    """What a run will take at most, as far as it is known beforehand [GiB].

    Curves of the roads that paths use, those of two loadings and one under construction; exit times of all roads; arrays
    by path, class and departure step; and matrices of rents by station.
    """
    time, n_classes = network.time, len(network.classes)
    used = len({arc for path in network.paths for arc in path.arcs})
    n_roads, n_grid = min(MORE_ROADS * used, network.n_arcs), 1.25 * time.n_steps * time.substeps
    curves = 8 * n_grid * (n_roads * 3 * (2 * n_classes + 2) + network.n_arcs * 2)
    flows = 8 * 40 * MORE_ROADS * len(network.paths) * n_classes * time.n_departure_steps
    rents = 8 * 4 * len(network.stations) * time.n_steps**2
    return BASE_GIB + (curves + flows + rents) / GIB


def available_gib() -> float:
    """Memory that processes may still take [GiB]; infinite where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024 / GIB
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    except (OSError, ValueError, AttributeError):
        return float("inf")


def refuse_too_large(network: Network, available: float | None = None) -> float:
    """The memory needed [GiB], if there is as much.

    Parameters
    ----------
    network : Network
    available : float, optional
        [GiB]; what the system says by default.

    Raises
    ------
    InputError
        Says what is needed, what there is, and what to reduce.
    """
    needed, free = needed_gib(network), available_gib() if available is None else available
    if needed > free:
        raise InputError(
            f"{network.label}: a coordination needs about {needed:.1f} GiB of memory, {free:.1f} are available; choose a "
            "longer time.loading_step_s, fewer hours, fewer classes, or a smaller roads.nearest_stations"
        )
    return needed
