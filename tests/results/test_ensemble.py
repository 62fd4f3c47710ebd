"""Bands, shares, drivers and conditions on samples whose answers are known beforehand."""

import math

import numpy as np
import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.results.claim_row import ratio
from evlib.results.ensemble.bands import band_of, band_table, settled
from evlib.results.ensemble.conditions import ARTICLE, conditions, joint_shares, knob_map, meets, nearest_draw
from evlib.results.ensemble.drivers import driver_table, first_order, partial_rank_correlation, rank_correlation
from evlib.results.ensemble.probability import claim_shares, share_between

RNG = np.random.default_rng(8)


def test_a_band_is_that_of_its_distribution_and_its_error_that_of_theory():
    """Uniform on 0..100: quantiles 5, 50, 95; the standard error of a quantile is sqrt(p (1 - p) / n) over the density."""
    band = band_of(np.append((np.arange(400) + 0.5) / 4, np.nan))
    assert (band["n"], band["undefined"]) == (400, 1)
    assert [band[name] for name in ("low", "median", "high")] == pytest.approx([5, 50, 95], abs=0.3)
    theory = {name: 100 * math.sqrt(p * (1 - p) / 400) for name, p in (("low", 0.05), ("median", 0.5), ("high", 0.95))}
    for name, error in theory.items():
        assert band[f"{name}_error"] == pytest.approx(error, rel=0.15)


def test_sixteen_times_the_draws_quarter_the_error_of_the_band():
    few, many = (band_of(RNG.normal(size=n))["median_error"] for n in (100, 1600))
    assert few / many == pytest.approx(4, rel=0.4)


def test_too_few_values_have_no_band():
    band = band_of([1.0] * 7 + [np.nan])
    assert (band["n"], band["undefined"]) == (7, 1)
    assert all(math.isnan(band[name]) for name in ("low", "median", "high", "median_error"))


def test_an_unknown_column_is_named():
    with pytest.raises(InputError, match="no column 'a9'; there are a1"):
        band_table(pd.DataFrame({"a1": [1.0]}), ["a9"])


def test_only_draws_that_settled_without_error_count():
    table = pd.DataFrame(
        {"draw": [0, 1, 2, 3], "error": ["", "", "no solution", np.nan], "coordinated_settled": [1, 0, np.nan, 1]}
    )
    assert settled(table)["draw"].tolist() == [3]


def test_the_interval_of_a_share_is_wilsons():
    """By hand for 5 of 10 at 95 %: centre (0.5 + z2/20) / (1 + z2/10) = 0.5, half-width 0.2634."""
    assert share_between(5, 10, 0.95) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert all(math.isnan(end) for end in share_between(0, 0))


def test_shares_of_claims_leave_out_what_decides_nothing():
    verdicts = ["reproduced", "direction only", "not reproduced", "immaterial", "undefined", None]
    table = pd.DataFrame({"verdict_a3": verdicts, "verdict_a1": ["by construction"] * 6, "verdict_a10": [None] * 6})
    shares = claim_shares(table).set_index("claim")
    assert list(shares.index) == ["A3", "A10"]
    row = shares.loc["A3"]
    assert (row["n"], row["undefined"]) == (4, 2)
    assert (row["holds"], row["number"], row["immaterial"]) == (0.5, 0.25, 0.25)
    assert shares.loc["A10", "n"] == 0
    assert math.isnan(shares.loc["A10", "holds"])


def test_a_percentage_of_a_gain_is_undefined():
    """Drivers who earned 10 and now pay 20 do not pay -300 % more; energy that falls below nothing is another matter."""
    row = ratio("A3", "cost", 20.0, -10.0, money=True)
    assert math.isnan(row.ours)
    assert row.note == "divides by a gain"
    assert ratio("A3", "cost", 20.0, 10.0, money=True).ours == pytest.approx(100.0)
    assert ratio("A16", "CO2", 20.0, -10.0).ours == pytest.approx(-300.0)


def test_first_order_shares_of_ishigamis_function():
    """Ishigami and Homma 1990, a = 7, b = 0.1: 0.3139, 0.4424 and 0; the third matters only together with the first."""
    x = RNG.uniform(-np.pi, np.pi, size=(20_000, 3))
    y = np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    assert [first_order(x[:, i], y) for i in range(3)] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.02)


def test_chance_alone_explains_nothing():
    """Few draws in many groups: without the correction the share would be about a fifth."""
    shares = [first_order(RNG.uniform(size=60), RNG.normal(size=60), n_bins=12) for _ in range(200)]
    assert np.mean(shares) == pytest.approx(0.0, abs=0.02)


def test_shares_of_a_linear_answer_are_those_of_its_variances():
    """y = 3 a + 4 b with a and b uniform: 9/25 and 16/25."""
    x = RNG.uniform(size=(40_000, 2))
    assert [first_order(x[:, i], x @ [3, 4], n_bins=50) for i in range(2)] == pytest.approx([0.36, 0.64], abs=0.01)


def test_correlations_see_order_not_size():
    x = RNG.uniform(size=50)
    assert rank_correlation(x, np.exp(9 * x)) == pytest.approx(1.0)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1.0)
    assert math.isnan(rank_correlation(x, np.ones(50)))


def test_partial_correlation_sees_what_another_input_hides():
    """y = a + b / 5: on its own b is hardly seen; once a is accounted for, y follows it."""
    x = RNG.uniform(size=(300, 3))
    y = x[:, 0] + x[:, 1] / 5
    assert abs(rank_correlation(x[:, 1], y)) < 0.4
    first, second, third = partial_rank_correlation(x, y)
    assert min(first, second) > 0.9
    assert abs(third) < 0.2
    with pytest.raises(InputError, match="5 draws; must be at least 6 for 3 inputs"):
        partial_rank_correlation(x[:5], y[:5])


def test_too_few_draws_for_groups_are_refused():
    with pytest.raises(InputError, match="6 draws in 4 groups; must be at least 2 in each"):
        first_order(np.arange(6.0), np.arange(6.0))


def sample(n=120):
    x = RNG.uniform(size=(n, 3))
    table = pd.DataFrame(x, columns=["plugs", "roads", "load"])
    return table.assign(a3_local=100 * x[:, 0], a7_all=np.where(x[:, 2] > 0.5, 30 * x[:, 1], np.nan))


def test_the_table_of_drivers_finds_the_one_that_counts():
    rows = driver_table(sample(), ["plugs", "roads", "load"], ["a3_local", "a7_all"]).set_index(["number", "knob"])
    assert rows.loc[("a3_local", "plugs"), "rank"] == pytest.approx(1.0)
    assert rows.loc["a7_all", "rank"].idxmax() == "roads"
    assert rows.loc["a3_local", "n"].eq(120).all()
    assert rows.loc["a7_all", "n"].lt(120).all()


def test_what_draws_that_meet_a_number_have_in_common():
    """Cost 47 % within a fifth needs plugs of 0.376..0.564; nothing is asked of roads."""
    table = sample(400)
    met = meets(table, {"a3_local": 47.0})["a3_local"]
    found = conditions(table, ["roads", "plugs"], met)
    assert found["knob"].tolist() == ["plugs", "roads"]
    plugs = found.iloc[0]
    assert 0.376 <= plugs["low"] < plugs["median"] < plugs["high"] <= 0.564
    assert plugs["p"] < 1e-6 < found.iloc[1]["p"]
    assert conditions(table, ["roads"], np.zeros(400, dtype=bool)).empty


def test_numbers_that_exclude_each_other_have_no_lift():
    table = pd.DataFrame({"a": [47, 47, 0, 0], "b": [0, 0, 33, np.nan]})
    met = meets(table, {"a": 47.0, "b": 33.0})
    assert met["b"].tolist() == [False, False, True, False]
    row = joint_shares(met).iloc[0]
    assert (row["together"], row["expected"], row["lift"]) == (0.0, 0.125, 0.0)


def test_the_nearest_draw_has_the_least_relative_distance():
    """The second is 10 % off everywhere, the first exact but for one number that is twice as large, the third lacks one."""
    right = pd.Series(ARTICLE)
    table = pd.DataFrame([right, 1.1 * right, right], index=[5, 6, 7])
    table.loc[5, "a7_all"] *= 2
    table.loc[7, "a6_used"] = np.nan
    draw, distance = nearest_draw(table)
    assert draw.name == 6
    assert distance[6] == pytest.approx(0.1)
    assert distance[5] == pytest.approx(math.sqrt(1 / 5))
    assert math.isnan(distance[7])
    with pytest.raises(InputError, match="no draw has all of a3_local"):
        nearest_draw(table.loc[[7]])


def test_a_map_of_two_knobs_holds_every_draw_once():
    table = sample()
    fields = knob_map(table, "plugs", "roads", "a3_local", n_bins=3)
    assert fields["n"].sum() == 120
    by_plugs = fields.groupby("across")["median"].median()
    assert by_plugs.is_monotonic_increasing
    gaps = table.assign(a3_local=table["a3_local"].where(table.index % 3 > 0))  # the fields stay where they are
    of_gaps = knob_map(gaps, "plugs", "roads", "a3_local", n_bins=3)
    pd.testing.assert_frame_equal(of_gaps[["across", "up"]], fields[["across", "up"]])
    assert of_gaps["n"].sum() == 80
    with pytest.raises(InputError, match="2 draws have a3_local; must be at least 4"):
        knob_map(sample(2), "plugs", "roads", "a3_local")
