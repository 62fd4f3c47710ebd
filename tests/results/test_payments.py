"""Tolls and rents: they complete the signal, stand in what drivers are shown, and return to drivers as a refund."""

import numpy as np
import pytest

from evlib import solve
from evlib.assignment.path_costs import evaluate_loading
from evlib.coordination.coordinate import coordinate
from evlib.coordination.one_day import dispatch_loading
from evlib.inputs.build_roads import build_drivers
from evlib.results.accounts.payments import group_gains, payments_cny, payments_of
from evlib.results.comparison_tables import driver_table
from evlib.traffic.loading import load_traffic

FEW = {"coordination.iterations": 2, "coordination.exact_iterations": 2, "coordination.traffic_steps": 4}


@pytest.fixture(scope="module")
def days(mini):
    few = mini.replace(FEW)
    return {name: solve(few, name, "smart") for name in ("shortest_path", "coordinated")}


def test_own_cost_toll_and_rent_are_the_whole_signal(mini):
    """What `Traffic.costs` tells drivers, and the payments computed apart, differ by time and electricity alone."""
    few = mini.replace(FEW)
    run = coordinate(few, charging="smart", objective="system")
    loading, drivers = load_traffic(run.network, run.flows_veh), build_drivers(few)
    day = dispatch_loading(few, loading, "smart", run.price_cny_kwh)
    traffic = evaluate_loading(loading, drivers, "system")
    own = evaluate_loading(loading, drivers, "user").costs(day.electricity_cny)
    for rent in (run.rent_cny, None):
        toll, due = payments_of(traffic, rent)
        assert own + toll + due == pytest.approx(traffic.costs(day.electricity_cny, rent), abs=1e-9)
    toll, due = payments_of(traffic, np.zeros_like(run.rent_cny))
    assert due == pytest.approx(-traffic.stations.waiting_cny)  # where plugs are free, waiting is not explained


def test_drivers_are_shown_what_they_pay(days):
    result = days["coordinated"]
    table = driver_table(result, "o1", "11:30")
    parts = table[["time_cny", "electricity_cny", "toll_cny", "rent_cny"]].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(table["total_cny"].to_numpy())
    assert (table["toll_cny"] >= 0).all()
    assert "toll_cny" not in driver_table(days["shortest_path"], "o1", "11:30")


def test_payments_come_back_as_a_refund(days):
    """With everything returned, all vehicles together gain what they gain without payments."""
    table = group_gains(days["shortest_path"], days["coordinated"])
    vehicles, paid = table["vehicles_veh"], payments_cny(days["coordinated"])
    assert (vehicles * (table["toll_cny"] + table["rent_cny"])).sum() == pytest.approx(sum(paid.values()))
    assert (vehicles * table["refund_cny"]).sum() == pytest.approx(sum(paid.values()))
    assert (vehicles * table["gain_refunded_cny"]).sum() == pytest.approx((vehicles * table["gain_cny"]).sum())
    assert payments_cny(days["shortest_path"]) == {"tolls_cny": 0.0, "rents_cny": 0.0}


def test_certificate_says_what_followers_give_up(days, mini):
    """The excess at own cost is that of the whole signal without its payments, by hand from the tables."""
    result = days["coordinated"]
    paths = result.tables["paths"]
    keys = ["origin", "vehicle_class", "step"]
    regret = paths["experienced_cost_cny"] - paths.groupby(keys)["experienced_cost_cny"].transform("min")
    excess = (paths["departures_veh"] * regret).sum() / paths["departures_veh"].sum()
    assert result.certificate.own_excess_cny_veh == pytest.approx(excess)
    assert np.isnan(days["shortest_path"].certificate.own_excess_cny_veh)
