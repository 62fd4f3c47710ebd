"""Charging sessions of others: formats by name, dates never guessed, every dropped row counted."""

import re

import numpy as np
import pytest

from evlib import InputError
from evlib.folders import DATA
from evlib.inputs.charging_sessions import read_sessions
from evlib.inputs.fleets.formats import FORMATS, SessionFormat, format_of_columns
from evlib.inputs.fleets.session_files import read_session_file
from evlib.inputs.fleets.session_fleet import SessionFleet, class_of_sessions, fleet_of_sessions

OWN = "arrival,departure,energy_kwh,soc_arrival,soc_departure\n" + "".join(
    f"2026-01-0{day} 08:00:00,2026-01-0{day} 09:00:00,{10 * day},0.2,0.{day + 2}\n" for day in (1, 2, 3)
)
ACN = (
    "connectionTime,disconnectTime,kWhDelivered,sessionID,stationID\n"
    "2019-04-25 13:08:04,2019-04-25 18:08:04,9.0,s1,a\n2019-04-25 14:00:00,2019-04-25 15:00:00,3.0,s2,b\n"
)
ELAADNL = (
    "TransactionId,ChargePoint,UTCTransactionStart,UTCTransactionStop,ConnectedTime,TotalEnergy,MaxPower\n"
    "1,c,03/04/2019 23:00,04/04/2019 07:00,8,24,3.7\n"
)


@pytest.fixture
def read(tmp_path):
    def of(text, file_format="own"):
        (tmp_path / "sessions.csv").write_text(text)
        return read_session_file(tmp_path / "sessions.csv", file_format)

    return of


def test_own_sessions_become_a_class(read):
    """Stays of an hour; 10, 20 and 30 kWh for 10, 20 and 30 % of charge: a battery of 100 kWh, at twice the mean power."""
    values = class_of_sessions(read(OWN).table)
    assert values == {"stay_min": 60, "charge_kw": 40, "battery_kwh": 100, "soc_arrival": 0.2, "gain_share": 0.2}
    without = "\n".join(",".join(row.split(",")[:3]) for row in OWN.splitlines()) + "\n"
    fleet = fleet_of_sessions(read(without).table)
    assert fleet.values == {"stay_min": 60, "charge_kw": 40, "battery_kwh": 60, "gain_share": 0.333}
    assumed = {name for name, source in fleet.sources.items() if source.startswith("assumed: ")}
    assert assumed == {"battery_kwh", "charge_kw"}


def test_acn_and_elaadnl_are_read_by_their_columns(read):
    assert read(ACN, "acn").table["stay_min"].tolist() == [300, 60]
    sessions = read(ELAADNL, "elaadnl")
    assert str(sessions.table["arrival"].iloc[0]) == "2019-04-03 23:00:00"  # 3 April: the format says day first
    assert sessions.report.set_index("column").loc["ChargePoint", "meaning"].startswith("not used")


def test_acn_times_of_greenwich_become_local(read):
    """ACN-Data writes 25 April 2018, 11:08 GMT: 04:08 in Los Angeles; without its zone the hours stay those of Greenwich."""
    rows = "connectionTime,disconnectTime,kWhDelivered,timezone\n"
    rows += '"Wed, 25 Apr 2018 11:08:04 GMT","Wed, 25 Apr 2018 13:20:10 GMT",7.932,America/Los_Angeles\n'
    sessions = read(rows, "acn")
    assert str(sessions.table["arrival"].iloc[0]) == "2018-04-25 04:08:04"
    assert sessions.table["stay_min"].iloc[0] == pytest.approx(132.1)
    assert not sessions.is_utc
    assert fleet_of_sessions(sessions.table).hourly[4] == 1
    without = read(rows.replace(",timezone", "").replace(",America/Los_Angeles", ""), "acn")
    assert (str(without.table["arrival"].iloc[0]), without.is_utc) == ("2018-04-25 11:08:04", True)
    assert not read(ACN, "acn").is_utc
    with pytest.raises(InputError, match="line 2: timezone = 'Mars'; must be a time zone of the IANA database"):
        read(rows.replace("America/Los_Angeles", "Mars"), "acn")


def test_columns_and_times_of_own_files_are_named_on_a_command_line(read):
    own = format_of_columns(["arrival=Start", "stay_h=Dauer*0.25", "energy_kwh=Energy (Wh)*0.001"], "%d.%m.%Y %H:%M")
    sessions = read("Start,Dauer,Energy (Wh),Who\n03.04.2026 10:00,6,9000,me\n", own)
    assert sessions.table.iloc[0].drop("arrival").to_dict() == {"energy_kwh": 9.0, "stay_min": 90.0}
    assert str(sessions.table["arrival"].iloc[0]) == "2026-04-03 10:00:00"
    assert sessions.report.set_index("column").loc["Who", "meaning"] == "not used: not in --fleet-columns"
    assert format_of_columns([], "%d/%m/%Y").columns == FORMATS["own"].columns


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["arrival"], "'arrival': must be NAME=COLUMN or NAME=COLUMN*FACTOR with a name of arrival, departure"),
        (["arrival=a", "arrival=b"], "'arrival=b': arrival is there twice"),
        (["arrival=a", "energy_kwh=e*0"], "the factor 0; must be above 0"),
        (["arrival=a", "departure=d"], "no energy_kwh; must name arrival, energy_kwh"),
        (["arrival=a", "energy_kwh=e"], "departure and stay_h, or neither; must name"),
    ],
)
def test_faults_of_a_map_of_columns_are_named(columns, message):
    with pytest.raises(InputError, match=re.escape(message)):
        format_of_columns(columns)


def test_what_a_battery_cannot_take_is_dropped_and_a_battery_is_not_made_up_against_the_data(read):
    """80 kWh into 50 kWh are dropped, not cut to 90 %; half above 60 kWh need a battery; 2 % on arrival stay 2 %."""
    header = "arrival,departure,energy_kwh,soc_arrival,battery_kwh\n"
    row = "2026-01-01 08:00:00,2026-01-01 09:00:00,{},0.02,50\n"
    with pytest.raises(InputError, match="none of 1 sessions is left: 1 energy_above_what_the_battery_can_take"):
        read(header + row.format(80))
    sessions = read(header + row.format(80) + row.format(40))
    assert sessions.dropped["energy_above_what_the_battery_can_take"] == 1
    fleet = fleet_of_sessions(sessions.table)
    assert fleet.values == {
        "stay_min": 60,
        "charge_kw": 80,
        "battery_kwh": 50,
        "soc_arrival": 0.02,
        "gain_share": 0.8,
    }
    assert fleet.soc_type_offset == 0.02
    with pytest.raises(InputError, match="half of them take more than 80 kWh, above the battery of 60 kWh"):
        fleet_of_sessions(read("arrival,departure,energy_kwh\n2026-01-01 08:00:00,2026-01-01 09:00:00,80\n").table)


def test_the_day_begins_where_most_sessions_are():
    """Sessions at 22:00 and 02:00: four hours from 22:00 hold half of them, five hold all, and the usual 07:00 none."""
    hourly = np.zeros(24)
    hourly[[22, 2]] = 0.5
    fleet = SessionFleet({}, {}, 0.1, hourly, 1.0, 2, 1, False)
    assert fleet.share_within(22 * 60, 240) == pytest.approx(0.5)
    assert (fleet.best_start(300, 7), fleet.share_within(22 * 60, 300)) == (22, pytest.approx(1.0))
    assert SessionFleet({}, {}, 0.1, np.full(24, 1 / 24), 1.0, 2, 1, False).best_start(300, 7) == 7


def test_epfl_sessions_are_those_of_the_reader_of_notebook_03():
    sessions = read_session_file(DATA / "epfl_l3_sessions.csv", "epfl")
    kept, dropped = read_sessions()
    assert sum(sessions.dropped.values()) + len(sessions.table) == dropped["read"]
    assert set(kept["arrival"]) <= set(sessions.table["arrival"])


def test_a_map_of_columns_reads_any_file(read):
    own = SessionFormat(
        {"arrival": ("begin", 1.0), "stay_h": ("hours", 1.0), "energy_kwh": ("Wh", 1e-3)}, {}, "%d.%m.%Y %H:%M"
    )
    sessions = read("begin,hours,Wh\n03.04.2026 10:00,1.5,9000\n", own).table
    assert sessions.iloc[0].to_dict() == {
        "arrival": sessions["arrival"].iloc[0],
        "energy_kwh": 9.0,
        "stay_min": 90.0,
    }


def test_every_dropped_row_is_counted_by_its_reason(read):
    rows = OWN.splitlines()
    bad = [rows[1], rows[1].replace(",10,", ",-1,"), rows[1].replace("0.3", "1.3"), rows[1].replace(",0.3", ",0.1")]
    bad.append(rows[1].replace("09:00:00", "08:00:10"))
    sessions = read("\n".join([*rows, *bad]) + "\n")
    assert sessions.dropped == {
        "duplicates": 1,
        "stay_below_a_minute": 1,
        "energy_not_positive": 1,
        "charge_outside_0_100_percent": 1,
        "charge_not_rising": 1,
    }
    assert len(sessions.table) == 3


@pytest.mark.parametrize(
    ("text", "file_format", "message"),
    [
        (
            OWN.replace("2026-01-01 08", "03/04/2026 08"),
            "own",
            "line 2: arrival = '03/04/2026 08:00:00'; must be a time",
        ),
        (OWN.replace(",10,", ",10000,").replace(",20,", ",20000,"), "own", "energy_kwh: half of the values are above"),
        (OWN.replace(",0.2,", ",20,"), "own", "soc_arrival: half of the values are above 20"),
        (OWN.replace("energy_kwh", "energy"), "own", "column 'energy_kwh' is missing"),
        (OWN.replace("soc_arrival", "charge"), "own", "column 'charge' is unknown"),
        (ACN, "tesla", "fleet format 'tesla' is unknown; must be one of own, epfl, acn, elaadnl"),
        ("", "own", "the file is empty"),
        (
            OWN.splitlines()[0] + "\n2026-01-01 08:00:00,2026-01-01 09:00:00,-1,0.2,0.3\n",
            "own",
            "none of 1 sessions is left",
        ),
    ],
)
def test_faults_of_session_files_are_named(read, text, file_format, message):
    with pytest.raises(InputError, match=message):
        read(text, file_format)


def test_formats_name_each_column_once():
    for known in FORMATS.values():
        columns = [column for column, _ in known.columns.values()]
        assert len({*columns, *known.unused}) == len(columns) + len(known.unused)
