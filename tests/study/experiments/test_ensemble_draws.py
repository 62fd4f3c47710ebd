"""What an ensemble varies: ranges that are refused, draws that are spread evenly, days as they were measured."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import yaml

from evlib import load_scenario
from evlib.coordination.coordinate import coordinate
from evlib.errors import InputError
from evlib.folders import DATA
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.reading.sections import quantities
from study.experiments.ensemble.draws import Draw, draws_of, scenario_of, sobol_points
from study.experiments.ensemble.knobs import read_design
from study.experiments.ensemble.weather import day_file, day_order, surplus_by_day

PLUGS = {
    "sets": ["stations.*.plugs"],
    "how": "value",
    "low": 20,
    "high": 45,
    "unit": "plugs",
    "scale": "log",
    "label": "plugs",
    "why": "a test",
}
FILE = {"scenario": "mini", "seed": 3, "knobs": {"plugs": PLUGS}}


@pytest.fixture
def write(tmp_path):
    def to_file(**changes):
        file = tmp_path / "design.yaml"
        file.write_text(yaml.safe_dump(FILE | changes, sort_keys=False))
        return file

    return to_file


@pytest.fixture(scope="module")
def nguyen():
    return read_design("nguyen")


def knob(**changes):
    return {"knobs": {"plugs": {key: value for key, value in (PLUGS | changes).items() if value is not None}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (knob(low=45, high=20), r"knobs\.plugs: range 45\.\.20 is inverted or empty; low must be below high"),
        (knob(low=30, high=30), "range 30..30 is inverted or empty"),
        (knob(low="few"), r"knobs\.plugs\.low: 'few'; must be a finite number"),
        (knob(high=float("inf")), r"knobs\.plugs\.high: inf; must be a finite number"),
        (knob(unit=None), "unit is missing; must have sets, how, low"),
        (knob(unit=""), r"knobs\.plugs\.unit: ''; must be text"),
        (knob(unit="veh"), r"knobs\.plugs\.unit: 'veh'; must be 'plugs' to value stations\.a\.plugs"),
        (knob(how="factor"), r"unit: 'plugs'; must be '1' to factor stations\.a\.plugs"),
        (knob(how="divide"), r"knobs\.plugs\.how: 'divide'; must be one of value, factor, shift"),
        (knob(scale="square"), "scale: 'square'; must be one of linear, log"),
        (knob(low=0), "low: 0; must be above 0 on a log scale"),
        (
            knob(low=-1, scale="linear"),
            r"its end -1 is not allowed: .*stations\.a\.plugs: -1\.0; must be greater than 0",
        ),
        (knob(sets=["stations.*.plug"]), r"'stations\.\*\.plug' is no quantity of scenario mini"),
        (knob(sets=["stations.*.plugs", "stations.a.plugs"]), "sets a key twice; keep one"),
        (knob(sets=[]), r"sets: \[\]; must be a list of the scenario's keys"),
        (knob(round_to=0), "round_to: 0; must be above 0"),
        (knob(colour="red"), "unknown key 'colour'"),
        ({"knobs": {}}, r"knobs: \{\}; must be a mapping from names to knobs, at least one"),
        ({"knobs": {"plugs": 3}}, "knobs.plugs: 3; must be a mapping with the keys sets"),
        ({"seed": -1}, "seed: -1; must be a whole number"),
        ({"scenario": 3}, "scenario: 3; must be the name or path of a scenario"),
        ({"scenario": "maxi"}, r"maxi\.yaml: no such scenario file"),
        ({"fixed": {"fleet.vehicle": 3}}, "fixed: .*unknown key 'vehicle'; did you mean 'vehicles'"),
        ({"fixed": 3}, "fixed: 3; must be a mapping"),
        ({"weather": {"file": "x.csv"}}, "weather: zones is missing"),
        ({"weathr": 1}, "unknown key 'weathr'; did you mean 'weather'"),
    ],
)
def test_a_range_that_cannot_be_used_is_named(write, changes, message):
    with pytest.raises(InputError, match=message):
        read_design(write(**changes))


def test_two_knobs_that_set_the_same_value_are_refused_and_two_that_scale_it_are_not(write):
    half = {"unit": "1", "how": "factor", "low": 0.5, "high": 1, "scale": "linear"}
    with pytest.raises(InputError, match=r"knobs\.more: stations\.a\.plugs is set by plugs too; keep one"):
        read_design(write(knobs={"plugs": PLUGS, "more": PLUGS | half}))
    design = read_design(write(knobs={"plugs": PLUGS | half, "more": PLUGS | half}))
    quarter = scenario_of(design, Draw(1, {"plugs": 0.5, "more": 0.5}))
    assert [station.plugs for station in quarter.stations] == [7.5, 7.5]  # of 30


def test_an_unknown_design_and_an_unknown_knob_are_named(nguyen):
    with pytest.raises(InputError, match=r"nobody\.yaml: no such file; .* one of: mini, nguyen"):
        read_design("nobody")
    with pytest.raises(InputError, match="unknown knob 'plug'; there are plugs, roads"):
        scenario_of(nguyen, Draw(1, {"plug": 3.0}))


@pytest.mark.parametrize("n", [0, -3, 2**16 + 1])
def test_a_number_of_draws_that_cannot_be_made_is_named(n):
    with pytest.raises(InputError, match=f"number of draws: {n}; must be 1..65536"):
        sobol_points(n, 3, 1)


def test_draws_are_balanced_over_every_range(nguyen):
    """A scrambled Sobol sequence of 2^m points puts exactly one into each of 2^m equal parts of every coordinate."""
    draws = draws_of(nguyen, 64)[1:]
    for item in nguyen.knobs:
        ends = np.array([item.at(0), item.at(1)])
        values = np.array([draw.knobs[item.name] for draw in draws])
        if item.scale == "log":
            ends, values = np.log(ends), np.log(values)
        part = np.floor(64 * (values - ends[0]) / (ends[1] - ends[0]) + 1e-9)
        assert sorted(part) == list(range(64)), item.name
        assert (item.at(0), item.at(1)) == (item.low, pytest.approx(item.high))


def test_more_draws_begin_with_the_same(nguyen):
    assert draws_of(nguyen, 100)[:21] == draws_of(nguyen, 20)


def test_draw_0_is_the_base_case(nguyen):
    """The base case, and the iterations that all draws have in common."""
    ends = {"iterations": 11, "stop_relative_gap": 0.003, "stop_price_gap": 0.001}
    base = load_scenario("nguyen").replace({f"coordination.{key}": value for key, value in ends.items()})
    assert scenario_of(nguyen, draws_of(nguyen, 1)[0]).hash == base.hash


def test_ranges_are_within_those_that_the_scenario_states(nguyen):
    """Up to the two ends of stays, which are rounded to steps."""
    table = nguyen.scenario.parameters().set_index("parameter")
    stated = {name: (row["low"], row["high"]) for name, row in table.iterrows()}
    old = {name: value for name, _, value in quantities(nguyen.scenario)}
    alone = [item for item in nguyen.knobs if item.name != "load"]
    for item in alone:
        for key in item.sets:
            low, high = (item.new_value(old[key], end) for end in (item.low, item.high))
            room = 1e-6 * old[key]
            assert stated[key][0] - room <= low, key
            assert high <= stated[key][1] + room, key


def test_a_draw_sets_what_it_says(nguyen):
    """Factors multiply, shifts add, stays end at whole steps, and tariff and its afternoon multiply each other."""
    numbers = {"battery": 0.8, "gain": 0.05, "stay": 1.1, "tariff": 1.2, "afternoon": 0.9, "roads": 123.0}
    scenario = scenario_of(nguyen, Draw(1, numbers))
    private, ride, bus = scenario.fleet.classes
    assert [member.battery_kwh for member in (private, ride, bus)] == pytest.approx([48, 48, 200])
    assert [member.gain_share for member in (private, ride, bus)] == pytest.approx([0.35, 0.45, 0.25])
    assert [member.stay_min for member in (private, ride, bus)] == [100, 65, 130]  # 99, 66 and 132 min
    morning, afternoon = (block.price_cny_kwh for block in scenario.prices.import_tariff)
    assert [morning, afternoon] == pytest.approx([0.45 * 1.2, 0.65 * 1.2 * 0.9])
    assert scenario.roads.capacity_veh_h == 123.0


def test_a_day_of_the_year_is_that_of_the_day_file(nguyen, tmp_path, monkeypatch):
    """The base case's day, cut from the year, gives the grid side of the base case."""
    monkeypatch.setenv("EVLIB_BUILD", str(tmp_path))
    same = scenario_of(nguyen, Draw(1, {}, "2020-07-15"))
    for name in ("load_kw", "available_kw"):
        old, new = (getattr(build_grid_case(scenario), name) for scenario in (nguyen.scenario, same))
        np.testing.assert_array_equal(new, old)
    with pytest.raises(InputError, match="has no day '2021-01-01'"):
        day_file(nguyen.weather.file, "2021-01-01")


def test_surplus_of_a_day_is_that_of_its_grid(nguyen, tmp_path, monkeypatch):
    """From whole-year tables as from the arrays of the scenario of that day."""
    monkeypatch.setenv("EVLIB_BUILD", str(tmp_path))
    surplus = surplus_by_day(nguyen.scenario, nguyen.weather)
    assert len(surplus) == 366
    for day in ("2020-07-15", "2020-01-02"):
        case = build_grid_case(scenario_of(nguyen, Draw(1, {}, day)))
        by_zone = dict(zip(case.zones, case.surplus_kw().sum(axis=1) * case.step_h / 1000, strict=True))
        deficit = case.deficit_kw().sum() * case.step_h / 1000
        assert surplus.loc[day].to_dict() == pytest.approx(
            {zone: by_zone[zone] for zone in ("c2", "c3")} | {"deficit": deficit}
        )
    assert surplus.loc["2020-07-15", "deficit"] > 0.5


def test_days_are_stratified(nguyen):
    """Each quarter of the order holds a quarter of the days, with less surplus at c2 than the next; none is there twice."""
    days = day_order(nguyen.scenario, nguyen.weather)
    surplus = surplus_by_day(nguyen.scenario, nguyen.weather)
    enough = surplus[(surplus["c2"] >= 1) & (surplus["c3"] >= 1) & (surplus["deficit"] >= 0.1)]
    assert 30 < len(enough) < 60
    assert sorted(days) == sorted(enough.index)
    quarters = [surplus.loc[list(part)] for part in np.array_split(np.array(days), 4)]
    for less, more in pairwise(quarters):
        assert less["c2"].max() <= more["c2"].min()
    turns = [part["c3"].is_monotonic_increasing for part in quarters]
    assert turns == [True, False, True, False]


def test_series_that_lack_something_are_named(write, tmp_path):
    year = pd.read_csv(DATA / "rts_gmlc_2020-07-15_day.csv", comment="#")
    weather = {"file": "year.csv", "zones": ["a", "b"], "least_surplus_mwh": 1000, "least_deficit_mwh": 0, "strata": 1}

    def order():
        design = read_design(write(weather=weather))
        return day_order(design.scenario, design.weather)

    with pytest.raises(InputError, match=r"year\.csv: no such file; weather\.file of .* names it as 'year\.csv'"):
        read_design(write(weather=weather))
    year.to_csv(tmp_path / "year.csv", index=False)
    with pytest.raises(InputError, match=r"weather\.zones: \['a', 'x'\]; must be two of"):
        read_design(write(weather=weather | {"zones": ["a", "x"]}))
    with pytest.raises(
        InputError, match="0 days have 1000 MWh of surplus in a and b and 0 MWh of deficit; must be at least 1 days"
    ):
        order()
    other = tmp_path / "other.csv"
    weather["file"] = other.name
    year.drop(columns="load_r1_pu").to_csv(other, index=False)
    with pytest.raises(InputError, match="column 'load_r1_pu' is missing"):
        order()
    weather["file"] = "third.csv"
    year[:140].to_csv(tmp_path / "third.csv", index=False)
    with pytest.raises(InputError, match=r"2020-07-15 has 8 of the scenario's 24 steps; must have all"):
        order()


@pytest.mark.verify
@pytest.mark.parametrize("number", [7, 55, 79, 93])
def test_draws_with_scarce_plugs_settle(number):
    """With waiting not softened, their relative gaps stayed between 0.1 and 1 for 22 iterations."""
    design = read_design("nguyen")
    certificate = coordinate(scenario_of(design, draws_of(design, 128)[number]), objective="system").certificate
    assert certificate.relative_gap <= certificate.tol_relative_gap
    assert abs(certificate.price_gap) <= 1e-3
