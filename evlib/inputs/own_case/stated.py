"""What the file of a case of one's own states, in the names of the study, and the values that hold for what it leaves out.

The defaults are those of the study's base case, or none.
"""

from __future__ import annotations

import copy
import re
from pathlib import Path

from evlib.errors import InputError

__all__ = [
    "CLASS_DEFAULTS",
    "DEFAULTS",
    "GROUPS",
    "completed",
    "in_study_names",
    "loose",
    "refuse_blocks_alone",
    "renamed",
]

# Groups of named members: stated by the user as a whole, never mixed with members of the defaults.
GROUPS = ("fleet.classes", "grid.zones", "grid.farms", "prices.import_tariff", "destinations")

CLASS_DEFAULTS = {
    "share": 1.0,
    "battery_kwh": 60.0,
    "charge_kw": 60.0,
    "discharge_kw": 0.0,
    "stay_min": 45.0,
    "soc_arrival": 0.4,
    "gain_share": 0.3,
    "vot_cny_h": 30.0,
    "peak_over_mean": 1.5,
}

DEFAULTS = {
    "description": "a case of one's own",
    "time": {"step_min": 15.0, "start_clock": "07:00", "loading_step_s": 30.0},
    "roads": {
        "links_file": "links.csv",
        "nodes_file": "nodes.csv",
        "capacity_veh_h": 1800.0,
        "bpr_alpha": 0.15,
        "bpr_power": 4.0,
        "background_veh_h": 0.0,
        "nearest_stations": 10,
    },
    "fleet": {
        "peak_width_min": 60.0,
        "soc_type_offset": 0.1,
        "soc_min": 0.1,
        "soc_max": 0.95,
        "queue_factor": 1.5,
        "eta_charge": 0.95,
        "eta_discharge": 0.95,
        "wear_cny_kwh": 0.05,
        "compliance": 1.0,
        "logit_cny": 0.0,
        "classes": {"car": CLASS_DEFAULTS},
    },
    "grid": {
        "buses_file": "buses.csv",
        "branches_file": "branches.csv",
        "ratings_file": "branches.csv",
        "profiles_file": "",
        "load_column": "load_pu",
        "load_scale": 1.0,
        "impedance_divisor": 1.0,
        "root_voltage_pu": 1.0,
        "voltage_margin_pu": 0.003,
        "reverse_limit_mw": 0.0,
        "backup_ramp_share": 0.5,
        "farm_power_factor": 1.0,
        "farms": {},
        "spike": None,
    },
    "prices": {
        "import_tariff": {"all_day": {"from_clock": "00:00", "price_cny_kwh": 0.6}},
        "backup_cny_kwh": 1.0,
        "curtailment_cny_kwh": 0.5,
        "shedding_cny_kwh": 5.0,
        "unserved_cny_kwh": 5.0,
        "backup_slope_cny_kwh_mw": 0.1,
        "import_slope_cny_kwh_mw": 0.005,
        "curtailment_slope_cny_kwh_mw": 0.02,
        "shedding_slope_cny_kwh_mw": 0.5,
        "overload_slope_cny_kwh_mw": 20.0,
    },
    "emissions": {"grid_kg_kwh": 0.58, "backup_kg_kwh": 0.65},
    "coordination": {
        "iterations": 16,
        "exact_iterations": 3,
        "exact_period": 8,
        "schedules": 5,
        "metric_cny_veh": 40.0,
        "metric_fall": 0.75,
        "traffic_steps": 30,
        "damping": 0.5,
        "tol_relative_gap": 0.01,
    },
    "switches": {"path_set": "generated", "objective": "user"},
}


def loose(node, path: str, file: Path):
    """Fill in what a value of one's own may leave unsaid, so that ``{value, unit}`` is enough."""
    if isinstance(node, dict) and "value" in node:
        return {"source": "not stated", "range": [-1e14, 1e14]} | node if "unit" in node else node["value"]
    if isinstance(node, dict):
        return {key: loose(child, f"{path}.{key}", file) for key, child in node.items()}
    return node


def renamed(text: str, old: str, new: str) -> str:
    """Keys such as ``vot_eur_h`` with another currency's letters."""
    return re.sub(rf"_{old}(?=_|\b)", f"_{new}", text)


def in_study_names(node, currency: str, path: str, file: Path):
    """Keys with the case's currency as the study calls them; keys with another currency are refused."""
    if not isinstance(node, dict):
        return node
    named = {}
    for key, child in node.items():
        if currency != "CNY" and renamed(key, "cny", "x") != key:
            own = renamed(key, "cny", currency.lower())
            raise InputError(f"{file}: {path}{key}: this case is in {currency}; write {own}")
        named[renamed(key, currency.lower(), "cny")] = in_study_names(child, currency, f"{path}{key}.", file)
    return named


def completed(defaults: dict, stated: dict, path: str, defaulted: list[str]) -> dict:
    values = {}
    for key, default in defaults.items():
        name = f"{path}{key}"
        if key not in stated:
            defaulted.append(name)
            values[key] = copy.deepcopy(default)
        elif name == "fleet.classes" and isinstance(stated[key], dict):
            values[key] = {
                member: completed(CLASS_DEFAULTS, fields_, f"{name}.{member}.", defaulted)
                if isinstance(fields_, dict)
                else fields_
                for member, fields_ in stated[key].items()
            }
        elif isinstance(default, dict) and isinstance(stated[key], dict) and name not in GROUPS:
            values[key] = completed(default, stated[key], f"{name}.", defaulted)
        else:
            values[key] = stated[key]
    return values | {key: value for key, value in stated.items() if key not in values}


def refuse_blocks_alone(prices: dict, file: Path) -> None:
    """Refuse a feeder's tariff that is written as the common one is, with its blocks and nothing around them."""
    tariffs = prices.get("feeder_tariffs")
    for name, tariff in tariffs.items() if isinstance(tariffs, dict) else ():
        inside = list(tariff.values()) if isinstance(tariff, dict) and "blocks" not in tariff else []
        if inside and all(isinstance(block, dict) and "from_clock" in block for block in inside):
            first = next(iter(tariff))
            raise InputError(
                f"{file}: prices.feeder_tariffs.{name}: its blocks stand alone; put them under blocks, as in "
                f"{name}: {{blocks: {{{first}: {{from_clock: ..., ...}}}}}}"
            )
