"""Traffic as its operator sees it: the cost of every path, tolls included, and how well plug rents explain waiting."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evlib.assignment.marginal_costs import road_tolls, station_tolls
from evlib.assignment.plug_prices import rent_value_cny, station_costs_cny
from evlib.traffic.loading import Loading
from evlib.traffic.path_times import TravelTimes, arrival_shares, plug_in_shares, travel_times
from evlib.traffic.path_times_compiled import trace_paths
from evlib.traffic.step_shares import StepShares

__all__ = ["Drivers", "Stations", "Traffic", "evaluate_loading", "path_costs", "time_costs"]

# Least share of the demand of which a logarithm is taken.
LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class Drivers:
    """Drivers' values of time, and the information that they receive.

    Attributes
    ----------
    vot_cny_h, queue_cny_h : ndarray, shape (n_classes,)
        Value of time on the road; value of waiting time, used in queues instead [CNY/h].
    logit_cny : float
        Scale of drivers' misjudgement of costs [CNY]; 0 if they take the cheapest path.
    signal : {"experienced", "instantaneous"}
        Whether drivers are told each arc's state when they enter it, or the state of all arcs at departure.
    station_waiting : {"exact", "smooth", "davidson"}
        How the announced wait at stations is computed, see :func:`evlib.traffic.path_times.travel_times`.
    fee_cny : ndarray, shape (n_stations, n_classes), optional
        What a vehicle pays to its station beside electricity [CNY].
    """

    vot_cny_h: np.ndarray
    queue_cny_h: np.ndarray
    logit_cny: float = 0.0
    signal: str = "experienced"
    station_waiting: str = "exact"
    fee_cny: np.ndarray | None = None

    def fee_of_paths(self, path_station) -> np.ndarray | float:
        """Fee on every path, shape (n_paths, n_classes, 1) [CNY per vehicle]; 0 where no station has one."""
        return 0.0 if self.fee_cny is None else self.fee_cny[path_station][:, :, None]


@dataclass(frozen=True)
class Stations:
    """The part of a system operator's costs that arises at stations; plug rents replace it.

    Attributes
    ----------
    loading : Loading
    signal : {"experienced", "instantaneous"}
    arrival_shares : StepShares
        Share of departures that reach the station in each step.
    waiting_cny : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Cost of drivers' own waiting [CNY per vehicle].
    queue_cny_h : ndarray, shape (n_classes,)
        Value of waiting time [CNY/h].
    """

    loading: Loading
    signal: str
    arrival_shares: StepShares
    waiting_cny: np.ndarray
    queue_cny_h: np.ndarray

    @cached_property  # the slowest part of an evaluation, and not needed with plug rents
    def toll_cny(self) -> np.ndarray:
        """Waiting cost that one more vehicle causes to the others, shaped as ``waiting_cny`` [CNY per vehicle]."""
        return station_tolls(self.loading, self.queue_cny_h, self.signal)


@dataclass(frozen=True)
class Traffic:
    """A loading as the traffic operator sees it.

    Costs are arrays of shape (n_paths, n_classes, n_departure_steps) [CNY per vehicle].

    Attributes
    ----------
    loading : Loading
    time_cny : ndarray
        Drivers' own time and queue cost T.
    road_toll_cny : ndarray
        What one more driver costs the others on roads; for objective ``user`` the fee of the path's station.
    shares : StepShares
        Share of departures that plug in in each step, traced through the loading.
    stations : Stations or None
        Costs at stations, for objective ``system`` only.
    fixed_veh : ndarray or float
        Departures of drivers who do not follow the signal [veh]; the loading includes them.
    logit_cny : float
        Scale of drivers' misjudgement of costs [CNY]; 0 if they take the cheapest path.
    """

    loading: Loading
    time_cny: np.ndarray
    road_toll_cny: np.ndarray
    shares: StepShares
    stations: Stations | None = None
    fixed_veh: np.ndarray | float = 0.0
    logit_cny: float = 0.0

    @property
    def flows_veh(self) -> np.ndarray:
        """Departures f of drivers who follow the signal, shape (n_paths, n_classes, n_departure_steps) [veh]."""
        return self.loading.departures_veh - self.fixed_veh

    def costs(
        self, electricity_cny: np.ndarray, rent_cny: np.ndarray | None = None, station_cny: np.ndarray | None = None
    ) -> np.ndarray:
        """Cost under the objective: T, toll and the electricity cost V at the plug-in step, see :func:`path_costs`.

        Parameters
        ----------
        electricity_cny : ndarray, shape (n_stations, n_classes, K + 1), or (n_stations, n_classes, n_levels, K + 1)
            Electricity cost V of one vehicle [CNY]; by level of arrival if the network has several.
        rent_cny : ndarray, shape (n_stations, K), optional
            Rent of one plug for one step [CNY]; it replaces waiting and toll at the station.
        station_cny : ndarray, shape (n_stations, n_classes, K + 1), optional
            What rent and waiting cost a vehicle by step of arrival, if it is known already [CNY].

        Returns
        -------
        ndarray, shape (n_paths, n_classes, n_departure_steps)
            [CNY per vehicle].
        """
        network = self.loading.network
        without_electricity = self.time_cny + self.road_toll_cny
        if rent_cny is None and self.stations is not None:
            without_electricity = without_electricity + self.stations.toll_cny
        elif rent_cny is not None:
            without_electricity = without_electricity - self.stations.waiting_cny
            if station_cny is None:
                station_cny = station_costs_cny(network, rent_cny, self.stations.queue_cny_h)
            without_electricity = path_costs(
                without_electricity, station_cny, self.stations.arrival_shares, network.path_station
            )
        return path_costs(
            without_electricity, electricity_cny, self.shares, network.path_station, network.arrival_levels
        )

    def misjudged(self) -> tuple[np.ndarray, np.ndarray]:
        """Slope and curvature, at the present flows, of the entropy that logit drivers add to their costs (Fisk 1980).

        .. math:: \\theta \\sum f \\ln (f / d)

        Returns
        -------
        slope : ndarray, shape of the flows
            theta ln(f / d) [CNY per vehicle], with f at least a millionth of d.
        curvature : ndarray
            theta / f [CNY/veh^2].
        """
        theta, flows, origin = self.logit_cny, self.flows_veh, self.loading.network.path_origin
        if theta == 0:
            return np.zeros_like(flows), np.zeros_like(flows)
        demand = np.array([flows[origin == o].sum(axis=0) for o in range(origin.max() + 1)])[origin]
        wanted = np.where(demand > 0, demand, 1.0)
        share = np.where(demand > 0, np.maximum(flows / wanted, LEAST_SHARE), 1.0)
        return theta * np.log(share), theta / (share * wanted)

    def rent_gap_cny(self, rent_cny: np.ndarray) -> float:
        """Cost of waiting minus the dual value of plug rents [CNY]: how far the rents are from explaining who waits.

        Waiting is counted at the ends of decision steps. In whatever order these arrivals plug in, their waiting costs
        at least the dual value; so the gap is never negative, and it is 0 if the rents explain who waits.

        Parameters
        ----------
        rent_cny : ndarray, shape (n_stations, K)
            Rent of one plug for one step [CNY].
        """
        network, loading, stations, flows = (
            self.loading.network,
            self.loading,
            self.stations,
            self.loading.departures_veh,
        )
        mu = station_costs_cny(network, rent_cny, stations.queue_cny_h)
        paid = path_costs(np.zeros_like(flows), mu, stations.arrival_shares, network.path_station)
        dual_cny = (flows * paid).sum() - rent_value_cny(network, rent_cny)
        ends = network.time.substeps * np.arange(1, network.time.n_steps + 1)
        waiting_veh = (loading.arrived_veh - loading.plugged_veh)[:, :, ends].sum(axis=(0, 2))
        return float(waiting_veh @ stations.queue_cny_h * network.time.step_min / 60.0 - dual_cny)


def evaluate_loading(
    loading: Loading, drivers: Drivers, objective: str, fixed_veh=0.0, *, kernel: str = "compiled"
) -> Traffic:
    """Costs of every path in a loading, under the signal that drivers receive.

    Parameters
    ----------
    loading : Loading
    drivers : Drivers
    objective : {"user", "system"}
        Whether drivers face their own cost only, or also a toll for what they cost others.
    fixed_veh : ndarray, shape (n_paths, n_classes, n_departure_steps), optional
        Departures of drivers who do not follow the signal [veh].
    kernel : {"compiled", "numpy"}, optional
        Compiled code, or the specification in NumPy. What compiled code does not cover (instantaneous information,
        functions for the wait, trips that go on) is computed by the specification in both.

    Returns
    -------
    Traffic
    """
    trace = trace_paths(loading) if kernel == "compiled" else _specified_trace(loading)
    plain = drivers.signal == "experienced" and drivers.station_waiting == "exact" and not loading.network.goes_on
    if kernel == "compiled" and plain:
        onward = np.zeros((len(trace.road_min), len(loading.network.classes), trace.road_min.shape[1]))
        times = TravelTimes(trace.road_min, trace.waiting_min, onward)
    else:
        times = travel_times(loading, drivers.signal, drivers.station_waiting)
    time_cny = time_costs(times, drivers.vot_cny_h, drivers.queue_cny_h)
    shares = trace.plug_in_shares
    followers = {"fixed_veh": fixed_veh, "logit_cny": drivers.logit_cny}
    if objective != "system":
        fee = np.zeros_like(time_cny) + drivers.fee_of_paths(loading.network.path_station)
        return Traffic(loading, time_cny, fee, shares, **followers)
    waiting = (drivers.queue_cny_h / 60.0)[None, :, None] * times.waiting_min[:, None, :]
    stations = Stations(loading, drivers.signal, trace.arrival_shares, waiting, drivers.queue_cny_h)
    road_toll = road_tolls(loading, drivers.vot_cny_h, drivers.signal, kernel=kernel)
    return Traffic(loading, time_cny, road_toll, shares, stations, **followers)


@dataclass(frozen=True)
class _SpecifiedTrace:
    arrival_shares: StepShares
    plug_in_shares: StepShares


def _specified_trace(loading: Loading) -> _SpecifiedTrace:
    return _SpecifiedTrace(StepShares.of(arrival_shares(loading)), StepShares.of(plug_in_shares(loading)))


def time_costs(times: TravelTimes, vot_cny_h, queue_cny_h) -> np.ndarray:
    """Time and queue cost T of every path, class and departure step.

    Parameters
    ----------
    times : TravelTimes
    vot_cny_h, queue_cny_h : array_like, shape (n_classes,)
        Value of time on the road; value of waiting time, used in queues instead [CNY/h].

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        [CNY per vehicle].
    """
    vot, queue = np.asarray(vot_cny_h) / 60.0, np.asarray(queue_cny_h) / 60.0
    before = vot[None, :, None] * times.road_min[:, None, :] + queue[None, :, None] * times.waiting_min[:, None, :]
    return before + vot[None, :, None] * times.onward_min


def path_costs(time_cny_veh, electricity_cny_veh, shares, path_station, levels=None) -> np.ndarray:
    """The signal to drivers: time and queue cost plus the electricity cost at the realised plug-in step.

    Parameters
    ----------
    time_cny_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Cost T from :func:`time_costs` [CNY per vehicle].
    electricity_cny_veh : ndarray, shape (n_stations, n_classes, K + 1), or (n_stations, n_classes, n_levels, K + 1)
        Least electricity cost V of one vehicle [CNY]; the last column is for plug-ins after the horizon.
    shares : StepShares, or ndarray of shape (n_paths, n_departure_steps, K + 1)
        Of plug-ins, see :func:`evlib.traffic.path_times.plug_in_shares`.
    path_station : ndarray of int, shape (n_paths,)
    levels : ArrivalLevels, optional
        Needed if the electricity cost depends on the level of arrival.

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        Unit flow travel cost [CNY per vehicle].
    """
    shares = shares if isinstance(shares, StepShares) else StepShares.of(shares)
    if electricity_cny_veh.ndim == 4:
        paid = levels.by_path(electricity_cny_veh, path_station)
        return time_cny_veh + shares.mean_of(paid, np.arange(len(paid)))
    return time_cny_veh + shares.mean_of(electricity_cny_veh, path_station)
