"""Charging sessions of others: formats by name, dates never guessed, every dropped row counted."""

import pytest

from evlib import InputError
from evlib.folders import DATA
from evlib.inputs.charging_sessions import read_sessions
from evlib.inputs.fleets.session_files import FORMATS, SessionFormat, class_of_sessions, read_session_file

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
    """Stays of an hour, 10, 20 and 30 kWh: medians of 60 min and 20 kWh, a third of 60 kWh, at twice the mean power."""
    values = class_of_sessions(read(OWN).table)
    assert values == {"stay_min": 60, "charge_kw": 40, "battery_kwh": 60, "soc_arrival": 0.2, "gain_share": 0.333}


def test_acn_and_elaadnl_are_read_by_their_columns(read):
    assert read(ACN, "acn").table["stay_min"].tolist() == [300, 60]
    sessions = read(ELAADNL, "elaadnl")
    assert str(sessions.table["arrival"].iloc[0]) == "2019-04-03 23:00:00"  # 3 April: the format says day first
    assert sessions.report.set_index("column").loc["ChargePoint", "meaning"].startswith("not used")


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
