"""Shunts and static generators of a pandapower network, taken out of it in the units of a feeder."""

from __future__ import annotations

import numpy as np

from evlib.errors import InputError

__all__ = ["take_generators", "take_shunts"]

KINDS = {"PV": "solar", "WP": "wind"}


def take_shunts(net) -> dict[int, complex]:
    """What shunts, and the capacitance and leakage of lines, draw at 1 pu; they are set to nothing in the network.

    Parameters
    ----------
    net : pandapowerNet
        Changed.

    Returns
    -------
    dict of int -> complex
        Bus of the network -> active and reactive power drawn at 1 pu [kW, kvar]. A capacitor draws negative kvar.

    Notes
    -----
    A line has half of its admittance y at each end: ``g + j 2 pi f c`` times length and number of parallel systems. One that
    is open at an end draws :math:`y/2 + (y/2) / (1 + z y/2)` at the other, with its impedance z.
    """
    drawn: dict[int, complex] = {}
    for row in net.shunt[net.shunt["in_service"].astype(bool)].itertuples():
        factor = row.step * (net.bus.at[row.bus, "vn_kv"] / row.vn_kv) ** 2
        drawn[int(row.bus)] = drawn.get(int(row.bus), 0j) + 1000 * factor * complex(row.p_mw, row.q_mvar)
    net.shunt["in_service"] = False
    opened = net.switch[(net.switch["et"] == "l") & ~net.switch["closed"].astype(bool)]
    for row in net.line[net.line["in_service"].astype(bool)].itertuples():
        siemens = complex(row.g_us_per_km * 1e-6, 2 * np.pi * net.f_hz * row.c_nf_per_km * 1e-9)
        if siemens == 0:
            continue
        half = siemens * row.length_km * row.parallel / 2
        ohm = complex(row.r_ohm_per_km, row.x_ohm_per_km) * row.length_km / row.parallel
        open_at = set(opened.loc[opened["element"] == row.Index, "bus"])
        ends = {int(row.from_bus), int(row.to_bus)} - open_at
        at_end = (
            half if not open_at else half + half / (1 + ohm * half)
        )  # what is behind an open end is seen through the line
        for bus in ends:
            drawn[bus] = drawn.get(bus, 0j) + complex(np.conj(at_end)) * net.bus.at[bus, "vn_kv"] ** 2 * 1000
    net.line[["c_nf_per_km", "g_us_per_km"]] = 0.0
    return drawn


def take_generators(net) -> list[tuple[str, int, str, float]]:
    """Static generators as farms; they are out of service in the network afterwards.

    Parameters
    ----------
    net : pandapowerNet
        Changed.

    Returns
    -------
    list of (name, bus, kind, rating_mw)
        Names are made different; kind by the generator's ``type``.

    Raises
    ------
    InputError
        A generator with reactive power, or one that draws power.
    """
    farms, names = [], set()
    for row in net.sgen[net.sgen["in_service"].astype(bool)].itertuples():
        if row.q_mvar:
            raise InputError(
                f"pandapower network: sgen {row.Index}: q_mvar = {row.q_mvar:g}; a farm keeps grid.farm_power_factor: set it to 0"
            )
        rating = row.p_mw * row.scaling
        if rating < 0:
            raise InputError(
                f"pandapower network: sgen {row.Index}: p_mw = {row.p_mw:g}; must not be negative: make it a load"
            )
        name = str(row.name if row.name and row.name == row.name else f"sgen_{row.Index}").replace(".", "_").strip()
        name = name if name and name not in names else f"sgen_{row.Index}"
        names.add(name)
        farms.append((name, int(row.bus), KINDS.get(getattr(row, "type", None), "other"), float(rating)))
    net.sgen["in_service"] = False
    return farms
