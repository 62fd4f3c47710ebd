"""Measured sessions: the cleaning rule drops what it says, and what is left can be a vehicle."""

import hashlib
import re

import numpy as np
import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.flexibility import uncontrolled, vehicle_domain
from evlib.inputs.charging_sessions import SESSIONS_FILE, read_sessions, session_vehicles

COSTS = dict(eta_charge=0.95, eta_discharge=0.95, wear_cny_kwh=0.05, unserved_cny_kwh=5.0, terminal_price_cny_kwh=0.55)


def test_drops_are_counted_as_a_reader_of_the_file_counts_them():
    """1,878 rows; stays and capacities counted here without the module."""
    rows = pd.read_csv(SESSIONS_FILE)
    short = {i for i, stay in enumerate(rows["Stay (min)"]) if stay < 10}
    odd = {i for i, wh in enumerate(rows["Energy capacity (Wh)"]) if wh < 20_000 or wh > 150_000}
    sessions, dropped = read_sessions()

    assert dropped["read"] == 1878
    assert dropped["both"] == len(short & odd)
    assert dropped["stay_below_10_min"] == len(short - odd)
    assert dropped["battery_outside_20_150_kwh"] == len(odd - short)
    assert dropped["kept"] == len(sessions) == 1878 - len(short | odd)
    assert (rows["TotalCapacity"] == 10_000).sum() == 1639


def test_the_battery_gained_95_percent_of_the_metered_energy():
    """As the source estimates capacities; it is why the study's efficiency of 0.95 fits these vehicles."""
    sessions, _ = read_sessions()
    gained = session_vehicles(sessions, step_min=5.0)["gain_kwh"]
    np.testing.assert_allclose(gained / sessions["energy_kwh"], 0.95, rtol=1e-9)


def test_sessions_are_vehicles_that_charge_fast_and_briefly():
    """Every session becomes a vehicle; none charges faster than the station's 172.5 kW plus its own losses allow."""
    sessions, _ = read_sessions()
    vehicles = session_vehicles(sessions, step_min=5.0)
    domain, adjustments = vehicle_domain(**vehicles, n_cut_steps=0, step_h=1 / 12, **COSTS)

    assert adjustments.counts == {"targets_capped": 0, "arrivals_below_minimum": 0}
    assert (domain.n_usable >= 1).all()
    assert domain.charge_kw.max() < 175
    served = domain.target_kwh - uncontrolled(domain).unserved_kwh
    # the first step of a stay is not usable: what was charged in it at most is missing
    lost = domain.target_kwh - served
    assert (lost <= 2 * domain.charge_step_kwh + 1e-9).mean() > 0.99
    assert not session_vehicles(sessions, step_min=5.0, discharge=False)["discharge_kw"].any()


def test_a_file_of_another_form_is_refused_by_name(tmp_path):
    rows = pd.read_csv(SESSIONS_FILE).head(3)
    file = tmp_path / "sessions.csv"
    rows.drop(columns="Pmax (W)").to_csv(file, index=False)
    with pytest.raises(InputError, match=r"sessions\.csv: column 'Pmax \(W\)' is missing"):
        read_sessions(file)
    rows.assign(**{"Energy (Wh)": [1.0, np.nan, 2.0]}).to_csv(file, index=False)
    with pytest.raises(InputError, match=r"sessions\.csv: line 3: Energy \(Wh\) = ''; must be a finite number"):
        read_sessions(file)


def test_the_committed_sessions_are_the_same_vehicles_to_the_last_bit():
    """Hash of all columns as they were before files were read strictly, and the count of every reason."""
    sessions, dropped = read_sessions()
    digest = hashlib.sha256(pd.util.hash_pandas_object(sessions).to_numpy().tobytes()).hexdigest()
    assert digest == "e0d82db16aab24595bd596409777a7fc8c2d652724f1124efaebd6404762032a"
    reasons = {"stay_below_10_min": 78, "battery_outside_20_150_kwh": 53, "both": 2, "kept": 1745, "read": 1878}
    assert {reason: count for reason, count in dropped.items() if count} == reasons


@pytest.fixture
def spoiled(tmp_path):
    """Six sessions with some columns replaced, in a file."""

    def write(change=None, **columns):
        rows = pd.read_csv(SESSIONS_FILE, dtype=str).iloc[100:106]
        for name, values in columns.items():
            rows[name] = values
        rows = rows if change is None else change(rows)
        rows.to_csv(tmp_path / "own.csv", index=False)
        return tmp_path / "own.csv"

    return write


def test_dates_are_read_as_they_are_meant_or_not_at_all(spoiled):
    """3 April written day first was the 4th of March; now its form must be said."""
    file = spoiled(Arrival="03/04/2023 09:46")
    with pytest.raises(InputError, match=r"own\.csv: line 2: Arrival = '03/04/2023 09:46'; must be a time YYYY-MM-DD"):
        read_sessions(file)
    sessions, _ = read_sessions(file, time_format="%d/%m/%Y %H:%M")
    assert set(sessions["arrival"]) == {pd.Timestamp(2023, 4, 3, 9, 46)}
    with pytest.raises(InputError, match=r"line 2: Arrival = '14/04/2023'; must be a time of the form '%m/%d/%Y'"):
        read_sessions(spoiled(Arrival="14/04/2023"), time_format="%m/%d/%Y")


@pytest.mark.parametrize(
    "text", ["14/04/2023", "", "nan", "2023-02-30 10:00:00", "2023-04-22 09:46:00+02:00", "22.4.2023 9:46", "20230422"]
)
def test_an_arrival_that_is_no_plain_time_is_named_with_its_line(spoiled, text):
    dates = ["2023-04-22 09:46:00"] * 6
    dates[3] = text
    with pytest.raises(InputError, match=rf"own\.csv: line 5: Arrival = {re.escape(repr(text))}; must be a time YYYY"):
        read_sessions(spoiled(Arrival=dates))


def test_changing_offsets_are_read_as_local_clock_times_when_the_form_is_said(spoiled):
    dates = ["2023-03-26 01:30:00+0100", "2023-03-26 03:30:00+0200"] * 3
    sessions, _ = read_sessions(spoiled(Arrival=dates), time_format="%Y-%m-%d %H:%M:%S%z")
    assert sessions["arrival"].dt.hour.tolist() == [1, 3] * 3


def test_dirt_is_dropped_by_name_and_counted(spoiled):
    def twice(rows):
        return pd.concat([rows, rows.iloc[:2]])

    _, clean = read_sessions(spoiled())
    assert (clean["kept"], clean["read"]) == (6, 6)
    _, dropped = read_sessions(spoiled(twice))
    assert (dropped["duplicates"], dropped["kept"], dropped["read"]) == (2, 6, 8)
    energy = ["-5000", "0", "30000", "30000", "30000", "30000"]
    assert read_sessions(spoiled(**{"Energy (Wh)": energy}))[1]["energy_or_power_not_positive"] == 2
    charge = ["130", "100", "-1", "90", "90", "90"]
    kept, dropped = read_sessions(spoiled(**{"SOC departure": charge}))
    assert (dropped["charge_outside_0_100_percent"], dropped["kept"], len(kept)) == (2, 4, 4)
    falling = spoiled(**{"SOC arrival": ["95", "20", "20", "20", "20", "20"], "SOC departure": "90"})
    assert read_sessions(falling)[1]["charge_not_rising"] == 1


def test_a_file_of_which_nothing_is_left_says_why(spoiled):
    stays = ["5", "5", "5", "5", "5", "50"]
    file = spoiled(**{"Stay (min)": stays, "Energy (Wh)": ["9000"] * 5 + ["-9000"]})
    message = r"none of 6 sessions is left: 1 energy_or_power_not_positive, 5 stay_below_10_min; must hold one"
    with pytest.raises(InputError, match=message):
        read_sessions(file)


@pytest.mark.parametrize(
    ("column", "factor", "unit"),
    [
        ("Energy (Wh)", 1000, "kWh"),
        ("Pmax (W)", 1000, "kW"),
        ("Energy capacity (Wh)", 1000, "kWh"),
        ("SOC departure", 100, "shares of 1"),
    ],
)
def test_a_column_in_another_unit_is_recognised_by_its_size(spoiled, column, factor, unit):
    """It used to end in "kept 0 of 6" without a word."""

    def scaled(rows):
        return rows.assign(**{column: rows[column].astype(float) / factor})

    with pytest.raises(InputError, match=rf"own\.csv: {re.escape(column)}: half of the 6 values .* as if in {unit}"):
        read_sessions(spoiled(scaled))


def test_a_file_that_is_not_there_or_empty_is_named(tmp_path, spoiled):
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        read_sessions(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match=r"empty\.csv: the file is empty; must have a header with Arrival"):
        read_sessions(tmp_path / "empty.csv")
    with pytest.raises(InputError, match=r"own\.csv: the file has a header and no rows"):
        read_sessions(spoiled(lambda rows: rows.iloc[:0]))
    with pytest.raises(InputError, match=r"own\.csv: column 'Colour' is unknown"):
        read_sessions(spoiled(Colour="red"))
