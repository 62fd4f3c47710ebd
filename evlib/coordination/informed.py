"""Drivers with a navigation app: an equilibrium at the tariff, with roads and queues known but no local price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evlib.assignment.dynamic_equilibrium import equilibrium
from evlib.assignment.route_choice import even_split
from evlib.coordination.coordinate import LoopCertificate
from evlib.coordination.iteration import Iterate
from evlib.coordination.problem import CoupledProblem
from evlib.coordination.unknown_paths import missing_paths
from evlib.inputs.scenario import Scenario
from evlib.traffic.network import Network

__all__ = ["TARIFFS", "Informed", "inform"]

# What drivers believe electricity to cost, by strategy: the mean tariff all day, or the tariff of the hour.
TARIFFS = {"informed": "mean", "informed_tou": "hourly"}
# Where drivers could save no more than this share of their cost, further steps would move nobody.
NOTHING_TO_GAIN = 1e-6


@dataclass(frozen=True)
class Informed:
    """Where informed drivers go.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of all drivers, also of those who follow no signal [veh].
    network : Network
        Holds the paths that the flows belong to.
    certificate : LoopCertificate
        Excess and gap at the tariff: how far drivers are from an equilibrium in what they know.
    table : DataFrame
        One row per measurement: ``steps``, ``excess_cny_veh``, ``relative_gap``.
    """

    flows_veh: np.ndarray
    network: Network
    certificate: LoopCertificate
    table: pd.DataFrame


def inform(scenario: Scenario, charging: str, tariff: str = "mean", start_veh=None) -> Informed:
    """Let drivers who follow the signal settle on roads and stations at the import tariff.

    Parameters
    ----------
    scenario : Scenario
        It takes ``coordination.iterations`` times ``coordination.traffic_steps`` extragradient steps, as many as
        drivers take in a coordinated run, or fewer once the relative gap is at ``coordination.stop_relative_gap``
        (by default 1e-6); the share ``fleet.compliance`` follows.
    charging : {"v2g", "smart", "uncontrolled"}
    tariff : {"mean", "hourly"}
        The mean import tariff all day, or the tariff of the hour.
    start_veh : ndarray, shape (n_paths, n_classes, n_departure_steps), optional
        Departures of followers to start from [veh]; evenly over the stations by default.

    Returns
    -------
    Informed

    Raises
    ------
    ValueError
        An unknown tariff.

    Notes
    -----
    Drivers do not know local prices, so the grid's answer changes nothing for them and no loop is needed. Everybody is
    told of everybody else: this is the user equilibrium of a perfect navigation service, the most that information on
    traffic alone can give to drivers.
    """
    if tariff not in TARIFFS.values():
        raise ValueError(f"tariff {tariff!r}; must be one of {', '.join(TARIFFS.values())}")
    problem = CoupledProblem.of(scenario, charging, "user")
    if not problem.demand_veh.any():
        measures = ("excess_cny_veh", "relative_gap", "converged")
        nobody = LoopCertificate(not_applicable=_missing() | dict.fromkeys(measures, "nobody follows the signal"))
        return Informed(problem.fixed_veh, problem.network, nobody, pd.DataFrame())
    generated = scenario.switches.path_set == "generated"
    if generated:
        problem = problem.with_generated_paths()
    price = problem.case.tariff_cny_kwh
    price = np.broadcast_to(price.mean() if tariff == "mean" else price, problem.case.load_kw.shape)
    keys = scenario.coordination
    found = equilibrium(
        problem.traffic,
        problem.electricity(price),
        even_split(problem.network, problem.demand_veh) if start_veh is None else start_veh,
        n_steps=max(keys.iterations * keys.traffic_steps, 1),
        every=max(keys.traffic_steps, 1),
        stop_relative_gap=keys.stop_relative_gap or NOTHING_TO_GAIN,
    )
    lacking = missing_paths(problem, Iterate(found.flows_veh, price, None, found.gaps)) if generated else {}
    certificate = LoopCertificate(
        **vars(found.gaps),
        iterations=int(found.table["steps"].max()),
        tol_relative_gap=keys.tol_relative_gap,
        converged=bool(found.gaps.relative_gap <= keys.tol_relative_gap),
        not_applicable=_missing(),
        **lacking,
    )
    return Informed(found.flows_veh + problem.fixed_veh, problem.network, certificate, found.table)


def _missing() -> dict[str, str]:
    measures = ("price_gap", "flow_residual", "lower_bound_cny", "upper_bound_cny")
    return dict.fromkeys(measures, "drivers know the tariff only: no local price is announced to them")
