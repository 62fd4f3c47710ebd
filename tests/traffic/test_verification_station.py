"""Stations against schedules that can be written by hand."""

import numpy as np
import pytest

from evlib import load_traffic
from evlib.traffic.network import assemble_network
from evlib.traffic.path_times import plug_in_shares, travel_times
from evlib.traffic.station_waiting import waiting_min
from evlib.traffic.time_grid import TimeGrid


def station_of_ten(one_road, per_step=10.0, n=3):
    """10 plugs, stay 30 min, road 5 min; 10 vehicles depart in each of the first n steps of 5 min."""
    network = one_road(capacity_veh_h=6000, minutes=5.0, step_s=30, plugs=10, stay_steps=6, steps=36)
    departures = np.zeros((1, 1, 36))
    departures[0, 0, :n] = per_step
    return load_traffic(network, departures)


def test_plug_ins_by_hand(one_road):
    """Arrivals 5-20 min at 2 veh/min fill 10 plugs at minute 10; plugs free up from minute 35 at 2 veh/min for 5 min.

    So 10 plug in during 5-10, 10 during 35-40, 10 during 65-70: decision steps 1, 7 and 13.
    """
    loading = station_of_ten(one_road)
    expected = np.zeros(loading.cohorts_veh.shape[2])
    expected[[1, 7, 13]] = 10.0
    assert loading.cohorts_veh[0, 0] == pytest.approx(expected, abs=1e-9)


def test_waiting_time_by_hand(one_road):
    """The 14th vehicle arrives at minute 12 and plugs in at 37, 25 min later; the 24th at 17 and 67."""
    loading = station_of_ten(one_road)
    assert waiting_min(loading, 0, np.array([7.0, 12.0, 17.0])) == pytest.approx([0.0, 25.0, 50.0], abs=1e-9)


def test_waiting_where_nobody_arrives(one_road):
    """Behind all thirty, at minute 30, a plug is free when the third ten leave: 95 min, that is in 65 min."""
    loading = station_of_ten(one_road)
    assert waiting_min(loading, 0, np.array([30.0, 96.0, 200.0])) == pytest.approx([65.0, 0.0, 0.0], abs=1e-9)


def test_plugs_are_never_exceeded_and_never_idle_while_somebody_waits(one_road):
    loading = station_of_ten(one_road, per_step=13.0, n=5)
    occupied, queue = loading.occupied_plugs[0], loading.queue_veh[0]
    assert occupied.max() <= 10 + 1e-9
    assert occupied[queue > 1e-6] == pytest.approx(10.0, abs=1e-9)


def test_classes_are_released_in_order_of_arrival():
    """Two classes mixed one to one in every arrival are plugged in one to one, whatever their stays."""
    network = assemble_network(
        [(1, 2, 5.0, 6000.0)], {"o": 1}, {"c": (2, 10)}, {"short": 2, "long": 6}, TimeGrid(5.0, 48, 10, 47)
    )
    departures = np.zeros((1, 2, 48))
    departures[0, :, :3] = 8.0
    loading = load_traffic(network, departures)
    assert loading.plugged_veh[0, 0] == pytest.approx(loading.plugged_veh[0, 1], abs=1e-9)
    assert loading.queue_veh.max() > 1


def test_two_stays_by_hand():
    """10 plugs; from minute 5 to 20 one vehicle a minute of each class, staying 10 or 30 min.

    Full at 10 with 5 and 5. Short stays end from 15 to 20, one a minute, and half of those who take over stay short; so
    half a minute's worth from 25 to 30. From 35 to 40 the 5 long ones of the beginning leave, too: 1 + 1/4 a minute. From
    45 to 50 the long ones of 15-20 and the short ones of 35-40, 1/2 + 5/8. Plugged in by then: 29.375 of 30.
    """
    network = assemble_network(
        [(1, 2, 5.0, 6000.0)], {"o": 1}, {"c": (2, 10)}, {"short": 2, "long": 6}, TimeGrid(5.0, 48, 10, 47)
    )
    departures = np.zeros((1, 2, 48))
    departures[0, :, :3] = 5.0
    loading = load_traffic(network, departures)
    plugged = loading.plugged_veh[0].sum(axis=0)
    by_hand = np.interp(
        loading.time_min,
        [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 55 + 0.625 / 0.8125],
        [0, 10, 10, 15, 15, 17.5, 17.5, 23.75, 23.75, 29.375, 29.375, 30],
    )
    on_grid = np.isclose(loading.time_min % 5, 0)  # only the last corner lies between grid times
    assert plugged[on_grid] == pytest.approx(by_hand[on_grid], abs=1e-6)
    assert np.abs(plugged - by_hand).max() < 0.2


def test_traced_plug_ins_agree_with_the_loading(one_road):
    """The shares by which departures are traced to plug-in steps give back the loading's own cohorts."""
    loading = station_of_ten(one_road)
    shares = plug_in_shares(loading)
    traced = np.einsum("pmk,pkn->n", loading.departures_veh, shares)
    assert shares.sum(axis=2) == pytest.approx(1.0, abs=1e-12)
    assert traced[:-1] == pytest.approx(loading.cohorts_veh[0, 0, :36], abs=1e-9)


def test_time_spent_is_the_area_between_the_curves(one_road):
    """Mean experienced times times vehicles equal the vehicle minutes on the road and in the queue."""
    loading = station_of_ten(one_road)
    times = travel_times(loading)
    departed = loading.departures_veh[0, 0]
    dt = loading.network.time.loading_step_min
    queue_area = dt * ((loading.queue_veh[0, :-1] + loading.queue_veh[0, 1:]) / 2).sum()
    assert (departed * times.waiting_min[0]).sum() == pytest.approx(queue_area, rel=1e-9)
    road_area = dt * ((loading.vehicles_veh[:, :-1] + loading.vehicles_veh[:, 1:]) / 2).sum()
    assert (departed * times.road_min[0]).sum() == pytest.approx(road_area, rel=1e-9)


def test_instantaneous_and_experienced_agree_in_a_steady_state(one_road):
    """A constant inflow below capacity: what the road shows at departure is what the vehicle meets."""
    network = one_road(capacity_veh_h=60, minutes=4.0, step_s=30, steps=24)
    loading = load_traffic(network, np.full((1, 1, 24), 3.0))
    now, lived = travel_times(loading, "instantaneous"), travel_times(loading, "experienced")
    assert now.road_min[0, 6:] == pytest.approx(lived.road_min[0, 6:], abs=1e-6)
    with pytest.raises(ValueError, match="signal"):
        travel_times(loading, "predicted")
