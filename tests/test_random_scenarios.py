"""Random scenarios within the stated ranges: whatever they say, vehicles, energy and money are accounted for.

Each account is drawn up here from the tables alone. ``make test`` tries 20 scenarios, ``make verify`` 180 more.
"""

import numpy as np
import pytest

from evlib import solve

# Numerical settings; shares and levels of charge and peaks, which depend on each other; traffic that would need a table of pairs.
KEPT = ("time.", "coordination.", "origins.", "fleet.soc_", "fleet.peak", "roads.background")
N_TEST, N_VERIFY = 20, 180


def random_scenario(mini, rng):
    """Every number within its stated range; one in four has a tariff below zero, one in ten has no vehicles."""
    changes = {}
    for row in mini.parameters().itertuples():
        if row.parameter.startswith(KEPT) or row.parameter.endswith(
            (".share", ".soc_arrival", ".gain_share", ".peak_over_mean")
        ):
            continue
        if np.isnan([row.low, row.high]).any():
            continue
        value = row.low + (row.high - row.low) * rng.random()
        whole = row.unit in ("veh", "plugs", "step", "steps", "levels", "lanes") or row.parameter.endswith(
            ("_power", "_min")
        )
        changes[row.parameter] = round(value) if whole else float(value)
        if row.parameter.endswith("stay_min"):
            changes[row.parameter] = 5 * round(value / 5)
    for period in ("morning", "noon"):
        if rng.random() < 0.25:
            changes[f"prices.import_tariff.{period}.price_cny_kwh"] = -float(rng.random())
    changes["fleet.vehicles"] = 0 if rng.random() < 0.1 else int(rng.integers(1, 46))  # that a single station can serve
    return mini.replace(changes)


@pytest.mark.parametrize(
    "seed", [*range(N_TEST), *(pytest.param(k, marks=pytest.mark.verify) for k in range(N_TEST, N_TEST + N_VERIFY))]
)
def test_vehicles_energy_and_money_are_accounted_for(mini, seed):
    rng = np.random.default_rng(seed)
    scenario = random_scenario(mini, rng)
    strategy = rng.choice(["no_ev", "shortest_path", "shortest_path", "snapshot"])
    charging = rng.choice(["uncontrolled", "smart", "v2g"])
    result = solve(scenario, strategy, charging, cache=False)
    vehicles_are_accounted_for(result)
    energy_is_accounted_for(result)
    money_is_accounted_for(result)


def vehicles_are_accounted_for(result):
    """Who departs is on the road, queues or has plugged in; who has plugged in is in a cohort or after the horizon."""
    tables, certificate = result.tables, result.certificate
    departed = 0.0 if result.strategy == "no_ev" else result.scenario.fleet.vehicles
    last = tables["arcs"].groupby("arc").tail(1)
    stations = tables["stations"]
    arrived, plugged_in = stations["arrived_veh"].sum(), stations["plugged_in_veh"].sum()
    assert tables["paths"]["departures_veh"].sum() == pytest.approx(departed, abs=1e-6)
    assert last["vehicles_veh"].min() >= -1e-9
    assert stations[["arrived_veh", "plugged_in_veh", "queue_veh"]].min().min() >= -1e-9
    assert plugged_in <= arrived + 1e-6 <= departed + 2e-6
    in_cohorts = tables["cohorts"]["vehicles_veh"].sum()
    assert in_cohorts + certificate.after_horizon_veh + certificate.dropped_veh == pytest.approx(departed, abs=1e-6)


def energy_is_accounted_for(result):
    """What enters a zone is used there, what stations deliver is what batteries receive, and nothing exceeds its bound."""
    tables, scenario = result.tables, result.scenario
    step_h = scenario.time.step_min / 60
    zones = tables["dispatch"].pivot(index="step", columns="zone")
    used = zones["load_kw"] - zones["shed_kw"] + zones["vehicles_kw"] - zones["backup_kw"]
    used = used - (zones["available_kw"] - zones["curtailed_kw"])
    for zone in scenario.grid.zones:
        assert used[zone.name].to_numpy() == pytest.approx(zones["tie_kw"][zone.name].to_numpy(), abs=1e-5)
    lines = tables["lines"].pivot(index="step", columns="line", values="active_kw")
    assert lines["1-2"].to_numpy() == pytest.approx(used.sum(axis=1).to_numpy(), abs=1e-5)
    table = tables["dispatch"]
    for part, whole in (("shed_kw", "load_kw"), ("curtailed_kw", "available_kw")):
        assert table[part].min() >= -1e-5
        assert (table[whole] - table[part]).min() >= -1e-5
    stations, cohorts, fleet = tables["stations"], tables["cohorts"], scenario.fleet
    delivered = step_h * stations["net_kw"].sum()
    assert (cohorts["charged_kwh"] - cohorts["discharged_kwh"]).sum() == pytest.approx(delivered, abs=1e-5)
    assert step_h * table["vehicles_kw"].sum() == pytest.approx(delivered, abs=1e-5)
    stored = fleet.eta_charge * cohorts["charged_kwh"] - cohorts["discharged_kwh"] / fleet.eta_discharge
    wanted = cohorts["target_kwh"] - cohorts["terminal_kwh"] - cohorts["unserved_kwh"]
    assert (stored - wanted).min() >= -1e-4 or cohorts.empty


def money_is_accounted_for(result):
    """The grid's parts add up to its total, imports cost the tariff, and drivers pay what stations deliver."""
    tables, certificate = result.tables, result.certificate
    step_h = result.scenario.time.step_min / 60
    cost = tables["costs"].set_index("item")["cost_cny"]
    parts = cost[[item for item in cost.index if item.startswith("grid: ") and item != "grid: total"]]
    assert np.isfinite(cost).all()
    assert parts.sum() == pytest.approx(cost["grid: total"], abs=1e-6)
    root_kw = tables["lines"].pivot(index="step", columns="line", values="active_kw")["1-2"]
    tariff = tables["prices"].groupby("step")["import_price_cny_kwh"].first()
    assert certificate.grid_status == "optimal"
    assert abs(certificate.grid_import_and_export_kwh) <= 1e-4
    if root_kw.min() >= 0:
        assert cost["grid: import"] == pytest.approx(step_h * (tariff * root_kw).sum(), abs=1e-4)
    stations = tables["stations"]
    receipts = step_h * (stations["net_kw"] * stations["price_cny_kwh"]).sum()
    assert tables["cohorts"]["payment_cny"].sum() == pytest.approx(receipts, abs=1e-5)
