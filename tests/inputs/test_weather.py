"""Weather of a day and what is forecast of it: known answers, and files that cannot be used."""

import gzip

import numpy as np
import pytest

from evlib.errors import InputError
from evlib.inputs.weather.day import weather_of
from evlib.inputs.weather.forecast import Forecast, hourly_to_steps, persistence_min
from evlib.inputs.weather.series import read_series

COLUMNS = ("pv_320_1_pu", "load_r1_pu")


def written(path, step_min=5, n=289, **changes):
    """A small series as a file: values 0.5, times from New Year on; ``changes`` replace rows by number."""
    times = np.datetime64("2020-01-01T00:00:00") + np.arange(n) * np.timedelta64(step_min, "m")
    rows = [f"{str(time).replace('T', ' ')},0.5,0.4" for time in times]
    for row, text in changes.items():
        rows[int(row[1:])] = text
    rows = [row for row in rows if row]
    path.write_text("# made by hand\ntime,pv_320_1_pu,load_r1_pu\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_years_files_hold_the_days_that_the_study_has(mini):
    """The scenario's own profiles come from the same data."""
    weather = weather_of(mini, "2020-07-15")
    np.testing.assert_allclose(weather.forecast.measured_pu, mini.tables.available_pu, atol=1e-12)
    assert abs(weather.load_pu.mean() - mini.tables.load_pu.mean()) < 0.02


def test_a_deviation_fades_by_the_same_factor_in_every_step():
    """By hand: 0.2 above the forecast in step 1 leaves 0.1, 0.05, ... from step 2 on; never beyond the rating."""
    measured, ahead = np.array([[0.5, 0.7, 0.5, 0.5, 0.5]]), np.array([[0.5, 0.5, 0.5, 0.98, 0.5]])
    forecast = Forecast(measured, ahead, np.array([0.4]), np.array([0.5]))
    np.testing.assert_allclose(forecast.at(2)[0], [0.5, 0.7, 0.6, 1.0, 0.525])
    np.testing.assert_allclose(forecast.at(0)[0, :2], [0.7, 0.6])
    np.testing.assert_allclose(Forecast.perfect(measured).at(2), measured)


def test_how_fast_deviations_fade_is_found_again():
    """An autoregressive process with a known decay; 500 days bring the estimate within a tenth."""
    rng, n = np.random.default_rng(1), 96
    deviation = np.zeros((500, n))
    for k in range(1, n):
        deviation[:, k] = np.exp(-5 / 100.0) * deviation[:, k - 1] + rng.normal(size=500)
    assert persistence_min(deviation, 5.0) == pytest.approx(100.0, rel=0.1)
    assert persistence_min(np.zeros((3, 9)), 5.0) == 0.0


def test_hours_become_straight_lines_between_their_middles():
    """A line through the middles stays that line, so hourly means of a ramp are exact."""
    np.testing.assert_allclose(hourly_to_steps(np.array([0.0, 1.0, 2.0, 3.0]), 30.0), [0.75, 1.25, 1.75, 2.25])


def test_the_fit_never_sees_the_day_it_is_used_on(mini, tmp_path):
    """A storm on an even day of the year changes the fit of odd days only."""
    ahead = written(tmp_path / "ahead.csv", 60, 24 * 12)
    calm = written(tmp_path / "calm.csv", 5, 288 * 12)
    storm = {f"r{288 * 5 + k}": f"2020-01-06 {k // 12:02d}:{5 * (k % 12):02d}:00,0.9,0.4" for k in range(288)}
    rough = written(tmp_path / "rough.csv", 5, 288 * 12, **storm)
    keeps = {}
    for name, file in (("calm", calm), ("rough", rough)):
        for day in ("2020-01-06", "2020-01-05"):
            weather = weather_of(mini, day, measured_file=file, day_ahead_file=ahead)
            keeps[name, day] = weather.forecast.keeps[0]
    assert keeps["rough", "2020-01-06"] == keeps["calm", "2020-01-06"] == 0.0
    assert keeps["rough", "2020-01-05"] > 0.99


@pytest.mark.parametrize(
    ("changes", "step_min", "message"),
    [
        ({"r7": ""}, 5, "row 8: time 2020-01-01T00:40 follows 2020-01-01T00:30; must be 5 min later, without gaps"),
        ({}, 10, "has steps of 10 min; must be 5 min"),
        ({"r3": "2020-01-01 00:15:00,,0.4"}, 5, "row 4 .*: pv_320_1_pu = ''; must be a number, 0 or more"),
        ({"r3": "2020-01-01 00:15:00,-0.1,0.4"}, 5, "pv_320_1_pu = '-0.1'; must be a number, 0 or more"),
        ({"r3": "first of May,0.1,0.4"}, 5, "row 4: time = 'first of May'; must be YYYY-MM-DD HH:MM:SS"),
    ],
    ids=["gap", "another step", "no number", "negative", "no time"],
)
def test_a_series_that_cannot_be_used_says_where(tmp_path, changes, step_min, message):
    file = written(tmp_path / "series.csv", step_min, **changes)
    with pytest.raises(InputError, match=message):
        read_series(file, COLUMNS, 5)


def test_a_series_without_file_or_column_or_end_says_so(mini, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_series(tmp_path / "none.csv", COLUMNS, 5)
    file = written(tmp_path / "series.csv")
    with pytest.raises(InputError, match="has no column 'wind'; must have it, there are time, pv_320_1_pu"):
        read_series(file, ("wind",), 5)
    (tmp_path / "broken.csv.gz").write_bytes(gzip.compress(b"time\n")[:-9])
    with pytest.raises(InputError, match="must be a CSV file, as text or gzip"):
        read_series(tmp_path / "broken.csv.gz", COLUMNS, 5)
    with pytest.raises(InputError, match=r"reaches from 2020-01-01T00:00 to 2020-01-02T00:05 .*must hold 2020-07-15"):
        weather_of(mini, "2020-07-15", measured_file=file)
    with pytest.raises(InputError, match="day: '15 July'; must be a date YYYY-MM-DD"):
        weather_of(mini, "15 July")
    with pytest.raises(InputError, match=r"time.step_min = 10; must be the 5 min"):
        weather_of(
            mini.replace(
                {"time.step_min": 10.0, "time.n_steps": 12, "time.last_departure_step": 8, "grid.spike.peak_step": 5}
            ),
            "2020-07-15",
        )
