"""Charging plans of plugged vehicles as OCPP SetChargingProfile requests, for charging stations."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from evlib.coordination.real_time.day import Day
from evlib.coordination.real_time.delivered.clock import stamp
from evlib.flexibility.fleet import Fleet

__all__ = ["charging_profiles"]

WATT = 1000.0
# At most so many periods in a schedule, as the standard says.
MOST_PERIODS = 1024


def charging_profiles(day: Day, cohorts: Fleet, sizes_veh: np.ndarray, power_kw: np.ndarray, step: int) -> list[dict]:
    """What each plugged cohort is to do from a step on.

    Parameters
    ----------
    day : Day
    cohorts : Fleet
        As they stand at the beginning of the step.
    sizes_veh : ndarray, shape (n,)
        Vehicles in each [veh].
    power_kw : ndarray, shape (n, T)
        Planned power of one vehicle in its remaining steps [kW].
    step : int

    Returns
    -------
    list of dict
        For each cohort: ``station``, ``class``, ``vehicles_veh``, and the requests ``ocpp_2_0_1``, whose limits hold
        charging only, and ``ocpp_2_1``, whose set points may discharge. The number of an EVSE is that of the cohort at
        its station, since the model knows how many plugs are taken, not which.
    """
    usable = cohorts.domain.n_usable
    plugged = np.flatnonzero((cohorts.first_step == step) & (usable > 0) & (sizes_veh > 0))
    step_s, begin = round(60.0 * day.base.network.time.step_min), stamp(day, step)
    numbers = dict.fromkeys(range(cohorts.n_stations), 0)
    result = []
    for i in plugged:
        station = int(cohorts.station[i])
        numbers[station] += 1
        watt = np.round(WATT * power_kw[i, : usable[i]], 0) + 0.0
        times, first = [], 0
        for value, group in groupby(watt.tolist()):
            times.append((first * step_s, value))
            first += len(list(group))
        times, duration = times[:MOST_PERIODS], int(usable[i]) * step_s
        profile = {
            "id": int(i) + 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute",
            "transactionId": f"cohort-{i}",
        }
        schedule = {"id": 1, "startSchedule": begin, "duration": duration, "chargingRateUnit": "W"}
        limits = [{"startPeriod": at, "limit": max(value, 0.0)} for at, value in times]
        points = [{"startPeriod": at, "setpoint": value, "operationMode": "CentralSetpoint"} for at, value in times]
        requests = [
            {
                "evseId": numbers[station],
                "chargingProfile": profile | {"chargingSchedule": [schedule | {"chargingSchedulePeriod": periods}]},
            }
            for periods in (limits, points)
        ]
        result.append(
            {
                "station": day.base.case.stations[station],
                "class": day.base.network.classes[int(cohorts.vehicle_class[i])],
                "vehicles_veh": round(float(sizes_veh[i]), 6),
                "ocpp_2_0_1": requests[0],
                "ocpp_2_1": requests[1],
            }
        )
    return result
