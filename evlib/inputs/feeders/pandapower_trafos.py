"""Transformers of a pandapower network: ratios by their taps, and iron losses as shunts beside a series impedance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.errors import InputError
from evlib.inputs.reading.pandapower_values import WHERE, number, tap_factor

__all__ = ["TakenTrafos", "take_trafos"]


@dataclass(frozen=True)
class TakenTrafos:
    """What was taken out of the transformers of a network.

    Attributes
    ----------
    ratio : dict of int -> float
        Ratio of each transformer in service over its nominal one, high over low voltage side.
    drawn : dict of int -> complex
        Bus -> what iron losses and magnetisation draw at 1 pu [kW, kvar].
    n_iron : int
        Transformers that have any.
    ignored_taps : tuple of int
        Transformers with a tap off neutral that pandapower ignores, as its changer has no type or no side.
    """

    ratio: dict[int, float]
    drawn: dict[int, complex]
    n_iron: int
    ignored_taps: tuple[int, ...]


def take_trafos(net, *, iron: bool) -> TakenTrafos:
    """Set all transformers to their nominal ratio and without iron losses, and tell what was taken out.

    Parameters
    ----------
    net : pandapowerNet
        Changed.
    iron : bool
        Whether iron losses are wanted; they are lost otherwise.

    Returns
    -------
    TakenTrafos

    Raises
    ------
    InputError
        A ratio by a table of taps, or impedances that no transformer has.

    Notes
    -----
    As in pandapower's power flow by default, a transformer is a T: its impedance in two parts :math:`z_a + z_b`, and between
    them to earth :math:`y = (p_{fe} - j \\sqrt{(i_0 s_n)^2 - p_{fe}^2})` per unit of its low voltage side. The same two-port has
    the series impedance :math:`z = z_a + z_b + z_a z_b y` and the shunts :math:`y z_b / z` at the high and :math:`y z_a / z` at
    the low voltage side. The one at the high side, behind the ratio n, draws :math:`1 / n^2` times as much at 1 pu.
    """
    opened = net.switch[(net.switch["et"] == "t") & ~net.switch["closed"].astype(bool)]
    in_service = net.bus.index[net.bus["in_service"].astype(bool)]
    off = set(opened["element"])
    ratios, drawn, ignored, n_iron = {}, {}, [], 0
    taps = [tap for tap in ("tap", "tap2") if f"{tap}_pos" in net.trafo]
    for column in (
        "vk_percent",
        "vkr_percent",
        "pfe_kw",
        "i0_percent",
        "vn_hv_kv",
        "vn_lv_kv",
        *(f"{t}_pos" for t in taps),
    ):
        net.trafo[column] = [number(value, np.nan) for value in net.trafo[column]]
    for row in net.trafo.index[net.trafo["in_service"].astype(bool)]:
        trafo = net.trafo.loc[row]
        rated = {"hv": float(trafo["vn_hv_kv"]), "lv": float(trafo["vn_lv_kv"])}
        for tap in taps:
            factor = tap_factor(trafo, tap, row)
            if factor != 1:
                rated[trafo[f"{tap}_side"]] *= factor
            elif _is_off_neutral(trafo, tap):
                ignored.append(int(row))
        high_kv, low_kv = (float(net.bus.at[trafo[side], "vn_kv"]) for side in ("hv_bus", "lv_bus"))
        ratio = ratios[int(row)] = (rated["hv"] / high_kv) / (rated["lv"] / low_kv)
        z, y_high, y_low = _two_port(trafo, (rated["lv"] / low_kv) ** 2, row, iron)
        n_iron += bool(y_high)
        if row not in off and {trafo["hv_bus"], trafo["lv_bus"]} <= set(in_service):
            for bus, y in ((int(trafo["hv_bus"]), y_high / ratio**2), (int(trafo["lv_bus"]), y_low)):
                drawn[bus] = drawn.get(bus, 0j) + 1000 * complex(np.conj(y))
        percent = 100 * trafo["sn_mva"] * trafo["parallel"]
        net.trafo.loc[row, ["vk_percent", "vkr_percent", "pfe_kw", "i0_percent"]] = [
            abs(z) * percent,
            z.real * percent,
            0.0,
            0.0,
        ]
        net.trafo.loc[row, ["vn_hv_kv", "vn_lv_kv"]] = [high_kv, low_kv]
        for tap in taps:
            net.trafo.loc[row, f"{tap}_pos"] = number(trafo.get(f"{tap}_neutral"), np.nan)
    return TakenTrafos(
        ratios, {bus: power for bus, power in drawn.items() if power}, n_iron, tuple(dict.fromkeys(ignored))
    )


def _is_off_neutral(trafo, tap: str) -> bool:
    return abs(number(trafo[f"{tap}_pos"], np.nan) - number(trafo.get(f"{tap}_neutral"), np.nan)) > 0


def _two_port(trafo, scale: float, row: int, iron: bool) -> tuple[complex, complex, complex]:
    """Series impedance, and shunts at the high and low voltage side, per unit of 1 MVA and the low voltage side's bus."""
    sn_mva, parallel = float(trafo["sn_mva"]), float(trafo["parallel"])
    if not trafo["vk_percent"] >= trafo["vkr_percent"]:
        raise InputError(
            f"{WHERE}: trafo {row}: vk_percent = {trafo['vk_percent']:g}, vkr_percent = {trafo['vkr_percent']:g}; vk_percent "
            "must be at least vkr_percent"
        )
    size, r = (trafo[name] / 100 / sn_mva / parallel * scale for name in ("vk_percent", "vkr_percent"))
    x = np.sqrt(size**2 - r**2)
    iron_mw = number(trafo["pfe_kw"], 0.0) / 1000
    magnetising_mva = np.sqrt(max((number(trafo["i0_percent"], 0.0) / 100 * sn_mva) ** 2 - iron_mw**2, 0.0))
    y = complex(iron_mw, -magnetising_mva) * parallel / scale
    if y == 0 or not iron:
        return complex(r, x), 0j, 0j
    share_r, share_x = (number(trafo.get(f"leakage_{part}_ratio_hv"), 0.5) for part in ("resistance", "reactance"))
    high = complex(r * share_r, x * share_x)
    low = complex(r, x) - high
    z = high + low + high * low * y
    if z.real < 0:
        raise InputError(
            f"{WHERE}: trafo {row}: pfe_kw = {trafo['pfe_kw']:g} with vkr_percent = {trafo['vkr_percent']:g}: a transformer that "
            "loses power in its iron and none in its windings is not read; state vkr_percent, or set pfe_kw to 0"
        )
    return z, y * low / z, y * high / z
