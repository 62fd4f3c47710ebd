"""Stations and prices as OCPI 2.2.1 objects, for roaming platforms and navigation services."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from evlib.coordination.real_time.day import Day
from evlib.coordination.real_time.delivered.clock import stamp
from evlib.traffic.loading import Loading

__all__ = ["locations", "tariffs"]

# ISO 3166 leaves ZZ and ZZZ to users; the party is this study.
COUNTRY, COUNTRY3, PARTY = "ZZ", "ZZZ", "EVL"
VOLTAGE_V = 400
# Prices are rounded to a hundredth of a fen.
DIGITS = 4


def locations(day: Day, loading: Loading, step: int) -> list[dict]:
    """Stations as Locations; one EVSE per plug, charging or available at the beginning of a step.

    Parameters
    ----------
    day : Day
    loading : Loading
        Of those who have departed before.
    step : int

    Returns
    -------
    list of dict
        Occupied plugs are the continuous number of vehicles, rounded. Coordinates are those of a drawing, a hundredth of
        a degree per unit, and say so.
    """
    network, tables, scenario = day.base.network, day.scenario.tables, day.scenario
    at = min(step * network.time.substeps, len(loading.time_min) - 1)
    now, most_kw = stamp(day, step), max(member.charge_kw for member in scenario.fleet.classes)
    own_kw = tables.station_plug_kw
    result = []
    for c, station in enumerate(scenario.stations):
        place = int(np.flatnonzero(tables.node == station.node)[0])
        plug_kw = most_kw if own_kw is None else min(most_kw, float(own_kw[c]))
        plugs = int(np.floor(network.plugs[c]))
        taken = min(int(np.rint(loading.occupied_plugs[c, at])), plugs)
        connector = {
            "id": "1",
            "standard": "IEC_62196_T2_COMBO",
            "format": "CABLE",
            "power_type": "DC",
            "max_voltage": VOLTAGE_V,
            "max_amperage": int(np.ceil(1000.0 * plug_kw / VOLTAGE_V)),
            "max_electric_power": round(1000.0 * plug_kw),
            "tariff_ids": [_tariff_id(station.name, step)],
            "last_updated": now,
        }
        evses = [
            {
                "uid": f"{station.name}-{plug + 1}",
                "status": "CHARGING" if plug < taken else "AVAILABLE",
                "connectors": [connector],
                "last_updated": now,
            }
            for plug in range(plugs)
        ]
        result.append(
            {
                "country_code": COUNTRY,
                "party_id": PARTY,
                "id": station.name,
                "publish": True,
                "name": f"station {station.name} of {scenario.name}"[:255],
                "address": f"node {station.node}, bus {station.bus}",
                "city": "model",
                "country": COUNTRY3,
                "coordinates": {
                    "latitude": f"{tables.node_y[place] / 100.0:.5f}",
                    "longitude": f"{tables.node_x[place] / 100.0:.5f}",
                },
                "directions": [{"language": "en", "text": "A model: the coordinates are those of a drawing."}],
                "evses": evses,
                "time_zone": "Etc/UTC",
                "last_updated": now,
            }
        )
    return result


def tariffs(day: Day, price_cny_kwh: np.ndarray, step: int) -> list[dict]:
    """Announced prices of every station as Tariffs, from a step to the end of the day.

    Parameters
    ----------
    day : Day
    price_cny_kwh : ndarray, shape (n_bus, K)
    step : int

    Returns
    -------
    list of dict
        One element for each time in which the price stays the same; prices may be negative, where surplus is paid for.
    """
    time, scenario = day.base.network.time, day.scenario
    result = []
    for c, station in enumerate(scenario.stations):
        prices = np.round(price_cny_kwh[day.base.case.station_bus[c], step:], DIGITS) + 0.0
        elements, begin = [], step
        for price, group in groupby(prices.tolist()):
            end = begin + len(list(group))
            elements.append(
                {
                    "price_components": [{"type": "ENERGY", "price": price, "step_size": 1}],
                    "restrictions": {"start_time": time.clock(begin)[0], "end_time": time.clock(end)[0]},
                }
            )
            begin = end
        result.append(
            {
                "country_code": COUNTRY,
                "party_id": PARTY,
                "id": _tariff_id(station.name, step),
                "currency": scenario.currency,
                "type": "REGULAR",
                "elements": elements,
                "start_date_time": stamp(day, step),
                "end_date_time": stamp(day, day.n_steps),
                "last_updated": stamp(day, step),
            }
        )
    return result


def _tariff_id(station: str, step: int) -> str:
    return f"{station}-{step:03d}"
