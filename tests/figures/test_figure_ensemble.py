"""Figures of an ensemble: what is drawn is what the table says, and what lies beyond an axis is written."""

import numpy as np
import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.figures.ensemble.bands import claim_shares_bars, knob_ranges, number_bands
from evlib.figures.ensemble.drivers import knob_maps, tornado

BANDS = pd.DataFrame(
    {
        "name": ["A3: cost", "A6: used"],
        "low": [-20.0, 5.0],
        "median": [60.0, 12.0],
        "high": [900.0, 40.0],
        "low_error": [3.0, 1.0],
        "median_error": [4.0, 1.0],
        "high_error": [90.0, 3.0],
        "article": [47.0, 33.0],
        "fair": [80.0, 20.0],
    }
)


def trace(figure, name):
    return next(item for item in figure.data if item.name == name)


def test_a_band_beyond_the_axis_is_cut_there_and_its_end_written():
    figure = number_bands(BANDS, "a finding")
    np.testing.assert_array_equal(trace(figure, "5-95 % of draws").x[[0, 1, 3, 4]], [-20, 400, 5, 40])
    assert [note.text for note in figure.layout.annotations] == ["900 →"]
    assert list(trace(figure, "article").x) == [47.0, 33.0]
    heights = np.concatenate([trace(figure, name).y for name in ("base case", "median", "article")])
    assert np.diff(np.sort(heights)).min() > 0.25  # no two marks of a number, or of neighbours, on one line
    with pytest.raises(InputError, match="column 'fair' is missing"):
        number_bands(BANDS.drop(columns="fair"), "a finding")


def test_shares_leave_out_what_no_draw_decides():
    shares = pd.DataFrame(
        {
            "claim": ["A3", "A8", "A9"],
            "n": [10, 0, 10],
            "holds": [0.9, np.nan, 0.5],
            "holds_low": [0.7, np.nan, 0.3],
            "holds_high": [0.97, np.nan, 0.7],
            "number": [0.2, np.nan, 0.5],
        }
    )
    figure = claim_shares_bars(shares, {"A3": "cost", "A9": "grid"}, "a finding")
    bars = trace(figure, "direction holds")
    assert list(bars.y) == ["A3: cost", "A9: grid"]
    assert list(bars.x) == [90.0, 50.0]
    np.testing.assert_array_equal(trace(figure, "number within 20 %").x, [20.0, np.nan])  # A9 claims no number
    with pytest.raises(InputError, match="claim A9 has no name"):
        claim_shares_bars(shares, {"A3": "cost"}, "a finding")


def test_a_tornado_shows_the_strongest_first_on_the_side_of_its_sign():
    drivers = pd.DataFrame(
        {
            "number": ["a3"] * 3 + ["a6"] * 3,
            "knob": ["plugs", "wind", "load"] * 2,
            "partial": [-0.9, 0.1, 0.0, 0.2, 0.8, 0.1],
        }
    )
    labels = {"plugs": "plugs", "wind": "wind power", "load": "load"}
    figure = tornado(drivers, {"a3": "A3", "a6": "A6"}, labels, "a finding", n_knobs=2)
    first = [item for item in figure.data if item.xaxis == "x"]
    assert list(first[0].y) == ["plugs", "wind power"]
    np.testing.assert_array_equal(first[0].x, [np.nan, 0.1])
    np.testing.assert_array_equal(first[1].x, [-0.9, np.nan])


def test_a_map_colours_the_ratio_and_writes_the_number():
    fields = pd.DataFrame(
        {
            "number": "a3",
            "across": [1, 1, 2, 2],
            "up": [5, 6, 5, 6],
            "median": [47, 94, np.nan, 0],
            "n": 3,
            "article": 47.0,
        }
    )
    heat = knob_maps(fields, {"a3": "A3"}, ("plugs", "roads"), "a finding").data[0]
    np.testing.assert_array_equal(heat.z, [[1, np.nan], [2, 0]])
    assert heat.text.tolist() == [["47", ""], ["94", "0"]]
    assert list(heat.x) == ["1", "2"]


def test_ranges_are_drawn_in_percent():
    rows = pd.DataFrame({"label": ["plugs"], "low": [0.1], "median": [0.4], "high": [0.8], "draw": [0.5]})
    figure = knob_ranges(rows, "a finding")
    assert list(figure.data[0].x[:2]) == [10.0, 80.0]
    assert list(trace(figure, "nearest draw").x) == [50.0]
