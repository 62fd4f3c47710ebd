"""Whether queues fit on the roads that hold them: point queues take no room, so a run has to say where they would."""

from __future__ import annotations

import numpy as np

from evlib.traffic.loading import Loading

__all__ = ["beyond_storage", "largest_factor", "storage_note"]


def beyond_storage(loading: Loading, room_veh: np.ndarray | None) -> dict | None:
    """Roads that at some time hold more vehicles than fit.

    Parameters
    ----------
    loading : Loading
    room_veh : ndarray, shape (n_roads,), or None
        Vehicles that fit on each road, in the order of the network's roads.

    Returns
    -------
    dict of str -> dict, or None
        Road -> ``step`` (decision step in which most vehicles are on it), ``factor`` (vehicles over room), the worst
        road first; None if the room is not known.
    """
    if room_veh is None:
        return None
    network = loading.network
    factor = loading.vehicles_veh[network.n_entries :] / room_veh[:, None]
    worst, at = factor.max(axis=1), factor.argmax(axis=1) // network.time.substeps
    roads = [road for road in np.argsort(-worst, kind="stable") if worst[road] > 1.0]
    names = network.arc_name[network.n_entries :]
    return {names[road]: {"step": int(at[road]), "factor": float(worst[road])} for road in roads}


def largest_factor(certificate) -> float:
    """Vehicles over room on the worst road that has too many; 0 where all fit, nan where the room is not known."""
    beyond = certificate.beyond_storage
    if beyond is None:
        return float("nan")
    return max((road["factor"] for road in beyond.values()), default=0.0)


def storage_note(certificate) -> str:
    """A remark for numbers of a run whose queues do not fit on the roads; empty for all others."""
    beyond = getattr(certificate, "beyond_storage", None)
    if not beyond:
        return ""
    road, worst = next(iter(beyond.items()))
    others = f" and {len(beyond) - 1} more" if len(beyond) > 1 else ""
    return f"beyond what roads hold: {road}{others}, up to {worst['factor']:.2g} x at step {worst['step']}"
