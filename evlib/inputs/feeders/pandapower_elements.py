"""Shunts, static generators, negative loads and ratings of a pandapower network, in the units of a feeder."""

from __future__ import annotations

import re

import numpy as np

from evlib.errors import InputError
from evlib.inputs.pandapower_feeder import first_numbers, how_without
from evlib.inputs.reading.pandapower_values import WHERE, number

__all__ = ["Farm", "ratings_mva", "take_generators", "take_negative_loads", "take_shunts"]

Farm = tuple[str, int, str, float]
# Current by which pandapower's converters say that a line is not limited [kA].
NO_LIMIT_KA = 99999.0
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
    if "step_dependency_table" in net.shunt:
        by_table = net.shunt[
            net.shunt["in_service"].astype(bool) & net.shunt["step_dependency_table"].fillna(False).astype(bool)
        ]
        if len(by_table):
            raise InputError(
                f"{WHERE}: shunt {by_table.index[0]}: step_dependency_table = True; a table of steps is not read: set it to "
                "False and state p_mw and q_mvar of a step"
            )
    in_service = set(net.bus.index[net.bus["in_service"].astype(bool)])
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
        ends = {int(row.from_bus), int(row.to_bus)}
        open_at = set(opened.loc[opened["element"] == row.Index, "bus"]) | (ends - in_service)
        ends -= open_at
        at_end = (
            half if not open_at else half + half / (1 + ohm * half)
        )  # what is behind an open end is seen through the line
        for bus in ends:
            drawn[bus] = drawn.get(bus, 0j) + complex(np.conj(at_end)) * net.bus.at[bus, "vn_kv"] ** 2 * 1000
    net.line[["c_nf_per_km", "g_us_per_km"]] = 0.0
    return drawn


def take_generators(net) -> list[Farm]:
    """Static generators as farms; they are out of service in the network afterwards.

    Parameters
    ----------
    net : pandapowerNet
        Changed.

    Returns
    -------
    list of (name, bus, kind, rating_mw)
        Names are made different; kind by the generator's ``type``. One that feeds in nothing is left out.

    Raises
    ------
    InputError
        A generator with reactive power, or one that draws power.
    """
    farms, names = [], set()
    for row in net.sgen[net.sgen["in_service"].astype(bool)].itertuples():
        if row.q_mvar:
            raise InputError(
                f"{WHERE}: sgen {row.Index}: q_mvar = {row.q_mvar:g}; a farm keeps grid.farm_power_factor: set it to 0, or "
                f"{how_without('generators')}"
            )
        rating = row.p_mw * row.scaling
        if rating < 0:
            raise InputError(f"{WHERE}: sgen {row.Index}: p_mw = {row.p_mw:g}; must not be negative: make it a load")
        if rating == 0:
            continue
        own = row.name if isinstance(row.name, str) and row.name else f"sgen_{row.Index}"
        name = re.sub(r"[.#\r\n]+", "_", own).strip()
        name = name if name and name not in names else f"sgen_{row.Index}"
        names.add(name)
        farms.append((name, int(row.bus), KINDS.get(getattr(row, "type", None), "other"), float(rating)))
    net.sgen["in_service"] = False
    return farms


def take_negative_loads(net, taken: set[str]) -> list[Farm]:
    """Loads that feed in, as farms; their active power is 0 in the network afterwards, their reactive power stays.

    Parameters
    ----------
    net : pandapowerNet
        Changed.
    taken : set of str
        Names that farms have already.

    Returns
    -------
    list of (name, bus, kind, rating_mw)
    """
    negative = net.load.index[net.load["in_service"].astype(bool) & (net.load["p_mw"] * net.load["scaling"] < 0)]
    farms = [
        (
            f"load_{row}" if f"load_{row}" not in taken else f"negative_load_{row}",
            int(net.load.at[row, "bus"]),
            "other",
            -float(net.load.at[row, "p_mw"] * net.load.at[row, "scaling"]),
        )
        for row in negative
    ]
    net.load.loc[negative, "p_mw"] = 0.0
    return farms


def ratings_mva(net) -> dict[int, float]:
    """Rating of every line and transformer that has one, by the number of its branch [MVA].

    Parameters
    ----------
    net : pandapowerNet

    Returns
    -------
    dict of int -> float

    Raises
    ------
    InputError
        A rating that is not positive.
    """
    rating, first = {}, first_numbers(net)
    for row in net.line.index:
        line = net.line.loc[row]
        most_ka = number(line.get("max_i_ka"), np.inf)
        amps = most_ka * number(line.get("df"), 1.0) * line["parallel"]
        if not amps > 0:
            raise InputError(
                f"{WHERE}: line {row}: max_i_ka = {most_ka:g}; must be positive, or nan where it is not limited"
            )
        if most_ka < NO_LIMIT_KA:
            rating[int(row)] = float(np.sqrt(3) * net.bus.at[line["from_bus"], "vn_kv"] * amps)
    for row in net.trafo.index:
        trafo = net.trafo.loc[row]
        mva = float(trafo["sn_mva"] * trafo["parallel"] * number(trafo.get("df"), 1.0))
        if not mva > 0:
            raise InputError(f"{WHERE}: trafo {row}: sn_mva = {trafo['sn_mva']:g}; must be positive")
        rating[first["trafo"] + int(row)] = mva
    return rating
