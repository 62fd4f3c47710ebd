"""A small day in real time: the mini case in twelve steps, with whole vehicles and forecast errors, run once."""

import pytest

from evlib.coordination.real_time.day import prepare
from evlib.coordination.real_time.state import first_state
from evlib.coordination.real_time.step import advance
from evlib.inputs.weather.day import weather_of


@pytest.fixture(scope="session")
def short(still):
    """Twelve steps, so that a day takes a second."""
    return still.replace(
        {
            "time.n_steps": 12,
            "time.last_departure_step": 6,
            "fleet.peak_clock": "11:15",
            "grid.spike.peak_step": 8,
            "fleet.classes.*.stay_min": 25,
            "fleet.classes.*.gain_share": 0.08,
            "fleet.vehicles": 50,
        }
    )


@pytest.fixture(scope="session")
def promised_day(short):
    """A day with whole vehicles and forecast errors, prepared but not run."""
    return prepare(short, weather_of(short, "2020-07-15"), signal="promised", seed=3)


@pytest.fixture(scope="session")
def real_run(promised_day):
    """The states of that day, one for the beginning of every step, and the plan made in each step."""
    states, plans = [first_state(promised_day)], []
    while states[-1].step < promised_day.n_steps:
        after, plan = advance(promised_day, states[-1])
        states.append(after)
        plans.append(plan)
    return states, plans
