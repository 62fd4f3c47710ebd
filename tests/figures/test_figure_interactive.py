"""Pieces of a page: what they hold is what the tables say, and what does not fit is named."""

import html
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.figures.interactive.day_map import day_map
from evlib.figures.interactive.loop_diagram import loop_diagram
from evlib.figures.interactive.stored_runs import (
    Frame,
    charging_frames,
    follower_frames,
    plug_frames,
    stored_runs,
    variant_frames,
)
from evlib.folders import FIGURES, RESULTS


def committed(name):
    return pd.read_csv(RESULTS / f"{name}.csv", comment="#")


@pytest.fixture(scope="module")
def items():
    return pd.read_csv(FIGURES / "01_networks.csv")


@pytest.fixture(scope="module")
def days():
    return committed("day_nguyen")


def test_a_day_map_holds_the_numbers_of_its_table(items, days):
    """Every element that changes follows a column, and the numbers come back as they were."""
    page = day_map(items, days)
    content = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)[1])
    keys = {html.unescape(key) for key in re.findall(r'data-key="([^"]*)"', page)}
    for name, rows in days.groupby("day"):
        series = content["days"][name]
        assert keys <= set(series)
        for key in keys:
            np.testing.assert_array_equal(series[key], rows[key])
    roads = (items["panel"] == "roads") & (items["kind"] == "road")
    assert page.count('<path class="road"') == 2 * roads.sum()
    assert content["plugs"] == 170
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(svg)


def test_a_road_without_numbers_is_named(items, days):
    with pytest.raises(InputError, match=r"no column 'arc 1-5 occupancy_over_capacity'; the map draws arc 1-5"):
        day_map(items, days.drop(columns="arc 1-5 occupancy_over_capacity"))


def test_days_of_different_clocks_are_refused(items, days):
    with pytest.raises(InputError, match="clock differs"):
        day_map(items, days.iloc[:-1])


def test_the_loop_is_a_picture_with_a_description():
    picture = ET.fromstring(loop_diagram())
    words = " ".join(picture.itertext())
    assert "TNO" in words
    assert "DNO" in words
    assert "price" in picture.get("aria-label")


def total(parts):
    return sum(cost for _, cost in parts)


def test_bars_of_followers_add_up_to_the_totals_of_their_runs():
    table = committed("waterfall_nguyen")
    frames = follower_frames(table)
    assert [frame.settings for frame in frames] == [("20 %",), ("40 %",), ("60 %",), ("100 %",)]
    by_run = table[table["charging"] == "v2g"].set_index(["follow", "strategy"])["total_cny"]
    for share, frame in zip((0.2, 0.4, 0.6, 1.0), frames, strict=True):
        expected = [
            by_run[share, strategy] for strategy in ("shortest_path", "informed", "informed_tou", "user", "coordinated")
        ]
        np.testing.assert_allclose([total(parts) for _, parts in frame.bars], expected, rtol=2e-5)


def test_bars_of_plugs_and_roads_add_up_and_say_what_has_not_settled():
    table = committed("plugs_capacity_nguyen")
    frames = {frame.settings: frame for frame in plug_frames(table)}
    assert len(frames) == len(table)
    for row in table.to_dict("records"):
        frame = frames[f"{row['plugs']}", f"{row['capacity_veh_h']} veh/h"]
        (_, nearest), (_, coordinated) = frame.bars
        assert total(nearest) - total(coordinated) == pytest.approx(row["saving_cny"], rel=1e-4)
        assert frame.settled == (row["settled"] == 1)
        assert ("not settled" in frame.text) == (row["settled"] == 0)


def test_charging_and_variants_show_every_run_of_their_tables():
    runs = committed("runs_nguyen").set_index("run")["total_cny"]
    last = charging_frames(committed("runs_nguyen"))[-1]
    assert [total(parts) for _, parts in last.bars] == pytest.approx([runs["nearest"], runs["coordinated"]], rel=2e-5)
    variants = committed("variants_nguyen")
    frames = variant_frames(variants)
    assert [frame.settings[0] for frame in frames] == list(dict.fromkeys(variants["variant"]))
    assert sum(len(frame.rows) - 1 for frame in frames) == len(variants)


def test_one_frame_is_seen_without_a_script():
    frames = [Frame((name,), bars=(("a run", (("time and queue", 3.0),)),), text=name) for name in ("few", "many")]
    page = stored_runs("Plugs", ("plugs",), frames, ("many",))
    hidden = re.findall(r"data-settings=\"(.*?)\"( hidden)?>", page)
    assert [(json.loads(html.unescape(settings)), bool(mark)) for settings, mark in hidden] == [
        (["few"], True),
        (["many"], False),
    ]
    assert 'value="1"' in page


@pytest.mark.parametrize(
    ("settings", "start", "message"),
    [
        ((("few",), ("few",)), ("few",), "come twice"),
        ((("few", "wide"),), ("few", "wide"), "for .'plugs',."),
        ((("few",),), ("none",), "no frame has these settings"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, start, message):
    with pytest.raises(InputError, match=message):
        stored_runs("Plugs", ("plugs",), [Frame(each) for each in settings], start)
