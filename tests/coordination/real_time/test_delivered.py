"""Files for other programs: validated by the schemas of the `ocpp` package, and by one made from the OCPI 2.2.1 text."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator, ValidationError
from ocpp.messages import get_validator

from evlib.assignment.path_costs import evaluate_loading
from evlib.coordination.real_time.delivered.folder import FILES, step_folder, write_step
from evlib.coordination.real_time.delivered.ocpi import locations, tariffs
from evlib.traffic.loading import load_traffic

CALL, STEP = 2, 6
SCHEMA = json.loads(Path(__file__).with_name("ocpi_2_2_1.json").read_text(encoding="utf-8"))


def check(value, kind):
    """An object holds the schema of its kind; see the schema for its source."""
    Draft202012Validator({"$ref": f"#/$defs/{kind}"} | SCHEMA).validate(value)


@pytest.fixture(scope="module")
def some_steps(promised_day, real_run, tmp_path_factory):
    """The folder of step 6, when vehicles are at plugs and others still depart."""
    out, (states, plans) = tmp_path_factory.mktemp("day"), real_run
    write_step(out, promised_day, states[STEP], states[STEP + 1], plans[STEP])
    return out, states, plans[STEP]


def test_charging_plans_hold_the_schemas_of_ocpp(some_steps, promised_day):
    """2.0.1 and 2.1, for every plugged cohort; set points are what the vehicles then do, up to the act's correction."""
    out, states, _ = some_steps
    profiles = json.loads((step_folder(out, STEP) / FILES[2]).read_text(encoding="utf-8"))
    assert len(profiles) > 10
    for version, name in (("2.0.1", "ocpp_2_0_1"), ("2.1", "ocpp_2_1")):
        validator = get_validator(CALL, "SetChargingProfile", version)
        for item in profiles:
            validator.validate(item[name])
    schedules = [item["ocpp_2_1"]["chargingProfile"]["chargingSchedule"][0] for item in profiles]
    planned_kw = sum(
        item["vehicles_veh"] * schedule["chargingSchedulePeriod"][0]["setpoint"] / 1000.0
        for item, schedule in zip(profiles, schedules, strict=True)
    )
    assert planned_kw == pytest.approx(states[-1].station_kw[:, STEP].sum(), rel=0.25)
    assert {schedule["startSchedule"] for schedule in schedules} == {"2020-07-15T11:30:00Z"}
    for item, schedule in zip(profiles, schedules, strict=True):
        limit = item["ocpp_2_0_1"]["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"]
        points = schedule["chargingSchedulePeriod"]
        assert [period["limit"] for period in limit] == [max(period["setpoint"], 0.0) for period in points]


def test_stations_are_ocpi_locations(some_steps, promised_day):
    out, states, _ = some_steps
    for station in json.loads((step_folder(out, STEP) / FILES[0]).read_text(encoding="utf-8")):
        check(station, "location")
    loading = load_traffic(promised_day.base.network, states[STEP].departures_veh)
    for c, station in enumerate(locations(promised_day, loading, STEP)):
        charging = sum(evse["status"] == "CHARGING" for evse in station["evses"])
        at = STEP * promised_day.base.network.time.substeps
        assert charging == round(loading.occupied_plugs[c, at]) > 0
        assert len(station["evses"]) == promised_day.base.network.plugs[c]


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("location", {"publish": "yes"}),
        ("location", {"coordinates": {"latitude": "1.2", "longitude": "1.20000"}}),
        (
            "location",
            {"evses": [{"uid": "a-1", "status": "BUSY", "connectors": [], "last_updated": "2020-07-15T11:30:00Z"}]},
        ),
        ("tariff", {"elements": [{"price_components": [{"type": "ENERGY", "price": "0.5", "step_size": 1}]}]}),
        ("tariff", {"colour": "green"}),
    ],
    ids=["text for truth", "two digits", "status", "price as text", "unknown field"],
)
def test_the_schema_refuses_what_ocpi_does(some_steps, kind, wrong):
    out, _, _ = some_steps
    right = json.loads((step_folder(out, STEP) / FILES[kind == "tariff"]).read_text(encoding="utf-8"))[0]
    check(right, kind)
    with pytest.raises(ValidationError):
        check(right | wrong, kind)


def test_prices_are_ocpi_tariffs(some_steps, promised_day):
    """Every step of the rest of the day has the announced price, to a hundredth of a fen."""
    out, _, plan = some_steps
    for c, tariff in enumerate(json.loads((step_folder(out, STEP) / FILES[1]).read_text(encoding="utf-8"))):
        check(tariff, "tariff")
        price_of = {}
        for element in tariff["elements"]:
            price_of[element["restrictions"]["start_time"]] = element["price_components"][0]["price"]
        clock = promised_day.base.network.time.clock(np.arange(STEP, promised_day.n_steps))
        told, price = [], None
        for moment in clock:
            price = price_of.get(moment, price)
            told.append(price)
        bus = promised_day.base.case.station_bus[c]
        np.testing.assert_allclose(told, plan.price_cny_kwh[bus, STEP:], atol=5.1e-5)
    flat = tariffs(promised_day, np.full_like(plan.price_cny_kwh, -0.25), STEP)
    assert [len(tariff["elements"]) for tariff in flat] == [1, 1]


def test_the_signal_is_a_table_by_origin_and_class(some_steps, promised_day):
    """Costs add up, and whoever departed is in it."""
    out, states, _ = some_steps
    table = pd.read_csv(step_folder(out, STEP) / FILES[3])
    parts = table[["time_cny", "electricity_cny", "transfer_cny"]].sum(axis=1)
    np.testing.assert_allclose(table["cost_cny"], parts, atol=1e-8)
    assert table["departed_veh"].sum() == states[STEP + 1].followers_veh[:, :, STEP].sum() > 0
    network = promised_day.base.network
    assert set(table["origin"]) == set(network.origins)
    assert set(table["class"]) == set(network.classes)
    loading = load_traffic(network, states[STEP + 1].departures_veh)
    traffic = evaluate_loading(loading, promised_day.base.traffic.drivers, "user")
    assert table["time_cny"].min() >= 0.5 * traffic.time_cny.min()
