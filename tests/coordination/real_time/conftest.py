"""A day of the mini case in real time, run once."""

import pytest

from evlib.coordination.real_time.day import prepare
from evlib.coordination.real_time.run import real_time
from evlib.inputs.weather.day import weather_of


@pytest.fixture(scope="session")
def perfect_run(mini):
    """No forecast error, expected departures: everything goes as planned."""
    return real_time(mini, signal="predicted", whole_vehicles=False)


@pytest.fixture(scope="session")
def real_weather(mini):
    return weather_of(mini, "2020-07-15")


@pytest.fixture(scope="session")
def promised_day(mini, real_weather):
    """A day with whole vehicles and forecast errors, prepared but not run."""
    return prepare(mini, real_weather, signal="promised", seed=3)
