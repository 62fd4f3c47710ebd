"""Figures of a day in real time: what is drawn is what the table says, and what cannot be drawn is refused."""

import numpy as np
import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.figures.real_time.days import cost_by_signal, forecast_fan, screen
from evlib.figures.real_time.swings import shares_by_step, swing_by_gain


def test_the_curve_by_hand_and_the_runs_are_apart():
    table = pd.DataFrame({"gain": [0.5, 1.0, 1.5], "by_hand": [0.0, 0.0, 0.86], "by_code": [0.0, np.nan, 0.85]})
    curve, runs = swing_by_gain(table, "title").data
    assert list(curve.y) == [0.0, 0.0, 0.86]
    assert list(runs.x) == [0.5, 1.5]


def test_a_line_for_each_signal_and_each_forecast():
    clock = ["11:00", "11:05", "11:00", "11:05"]
    shares = pd.DataFrame({"clock": clock, "signal": ["now"] * 2 + ["plan"] * 2, "share": [0, 1, 0.5, 0.4]})
    lines = shares_by_step(shares, "title").data
    assert [line.name for line in lines] == ["now", "plan"]
    assert list(lines[0].y) == [0, 1]
    fan = pd.DataFrame({"clock": clock, "line": ["measured"] * 2 + ["expected"] * 2, "power_pu": [0.1, 0.2, 0.3, 0.4]})
    bold, thin = forecast_fan(fan, "title").data
    assert bold.line.width > thin.line.width
    told = pd.DataFrame({"minute": clock, "station": ["a"] * 2 + ["b"] * 2, "cost_cny": [1.0, 2.0, -3.0, 4.0]})
    assert [list(line.y) for line in screen(told, "title").data] == [[1.0, 2.0], [-3.0, 4.0]]


def test_days_are_dots_and_medians_bars():
    table = pd.DataFrame({"signal": ["p", "p", "q"], "day": ["1", "2", "1"], "over_perfect": [1.1, 1.3, 5.0]})
    figure = cost_by_signal(table, "title")
    assert list(figure.data[0].x) == [1.1, 1.3, 5.0]
    assert list(figure.data[1].x) == pytest.approx([1.2, 5.0])
    assert figure.layout.yaxis.categoryarray == ("q", "p")  # from below: the first signal is on top
    with pytest.raises(InputError, match=r"over_perfect = -0.1; must be above 0"):
        cost_by_signal(table.assign(over_perfect=[1.0, -0.1, 1.0]), "title")
