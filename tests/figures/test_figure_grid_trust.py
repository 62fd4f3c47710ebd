"""Figures of the grid's trustworthiness draw what the tables say."""

import numpy as np
import pandas as pd
import pytest

from evlib.figures import grid as figures

CLOCK = ["10:00", "10:05", "10:10"]


def test_bars_of_parts_add_up_to_the_line_of_the_price():
    table = pd.DataFrame({"station": ["a"] * 3 + ["b"] * 3, "step": [0, 1, 2] * 2, "clock": CLOCK * 2})
    table["energy_cny_kwh"], table["loss_cny_kwh"], table["voltage_cny_kwh"] = 0.5, 0.02, 0.0
    table["congestion_cny_kwh"] = [-1.0, 0.0, 2.0] * 2
    figure = figures.price_parts(table, title="title")
    bars = [np.array(trace.y) for trace in figure.data[:4]]
    assert [trace.name for trace in figure.data[:5]] == ["energy", "congestion", "loss", "voltage", "price"]
    assert sum(bars) == pytest.approx(np.array(figure.data[4].y))
    assert list(figure.data[4].y) == pytest.approx([-0.48, 0.52, 2.52])
    low, high = figure.layout.yaxis.range
    assert low < -1.0
    assert high > 2.52
    assert figure.layout.barmode == "relative"


def test_losses_are_a_line_a_case_with_the_first_on_top():
    table = pd.DataFrame({"case": ["x"] * 3 + ["y"] * 3, "step": [0, 1, 2] * 2, "clock": CLOCK * 2})
    table["loss_mw"] = [3.0, 3.0, 2.0, 0.2, 0.3, 0.2]
    figure = figures.losses_over_day(table, title="title")
    assert [trace.name for trace in figure.data] == ["y", "x"]
    assert list(figure.data[1].y) == [3.0, 3.0, 2.0]
    assert figure.layout.yaxis.type == "log"


def test_forecast_figure_shows_both_costs_and_their_difference():
    table = pd.DataFrame({"error_mwh": [0.0, 10.0], "kept_cny": [3e4, 4e4], "foreseen_cny": [3e4, 3.9e4]})
    table["error_cny"] = table["kept_cny"] - table["foreseen_cny"]
    kept, foreseen, difference = figures.forecast_cost(table, title="title").data
    assert list(kept.y) == [30.0, 40.0]
    assert list(foreseen.y) == [30.0, 39.0]
    assert list(difference.y) == [0.0, 1000.0]


@pytest.mark.parametrize(("n_hours", "told"), [(2, ["10:00", "11:00"]), (8, ["10:00", "12:00", "14:00", "16:00"])])
def test_a_short_day_has_a_tick_at_every_full_hour(n_hours, told):
    clock = [f"{10 + k // 12}:{5 * (k % 12):02d}" for k in range(12 * n_hours)]
    prices = pd.DataFrame({"case": "day", "station": "a", "step": range(len(clock)), "clock": clock})
    figure = figures.prices_by_station(prices.assign(price_cny_kwh=0.5), title="title")
    assert list(figure.layout.xaxis.ticktext) == told
    assert [clock[step] for step in figure.layout.xaxis.tickvals] == told
