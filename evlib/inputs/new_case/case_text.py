"""The commented file of a new case: what was read, and what was put in because no file says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evlib.inputs.fleets.session_fleet import SessionFleet
from evlib.inputs.own_case.whole_time import last_departure_step

__all__ = ["Day", "case_text", "day_of", "farms_line"]

START_HOUR, STEP_MIN, HOURS, LONG_HOURS = 7, 15, 12, 24
# With longer stays nearly nobody could come within the shorter day.
LONG_STAY_MIN = 120.0

_CASE = """\
# A case of one's own. Whatever is left out has a stated default: `python -m evlib check {folder}` lists them, and what is
# marked "assumed", which no file says: where you know better, change the value and take the mark away.
# Solve it by `python -m evlib solve {folder}/case.yaml --strategy shortest_path --out {folder}/result`
own_case: 1
name: {name}
description: roads from {roads_from}, feeders from {feeders_from}
currency: CNY  # {currency}three letters; keys of prices then carry them, as vot_eur_h in EUR

time:
  start_clock: "{start:02d}:00"  # assumed{start_why}; local time; a horizon may pass midnight
  step_min: {step}  # assumed; decisions, 1 to 60 min; profiles are brought to it: a step takes the mean, a day repeats
  hours: {hours}  # assumed{hours_why}
  loading_step_s: 30  # assumed; roads may be shorter

roads:
  links_file: links.csv  # from, to; free_flow_min, or length_km and speed_km_h; capacity_veh_h, or lanes
  nodes_file: nodes.csv  # node, x, y; through: no where no path passes
  nearest_stations: 10  # assumed; drivers of an origin choose among so many
origins_file: origins.csv  # {origins}
stations_file: stations.csv  # {stations}
{departures}
fleet:
{demand}  # leave_when_full: true  # a full vehicle frees its plug
  classes:
{classes}
grid:
  buses_file: buses.csv  # one feeder below every slack bus
  branches_file: branches.csv
{profiles}{own}{farms}  root_voltage_pu: {root_pu:g}
  # zones: {{name: {{buses: [1, 2], import_limit_mw: 1, export_limit_mw: 0, backup_mw: 0}}}}  # by default the feeders

prices:
  import_tariff:
    day: {{from_clock: "07:00", price_cny_kwh: 0.7}}  # assumed
    night: {{from_clock: "22:00", price_cny_kwh: 0.35}}  # assumed
"""
_TRIPS = (
    "  trips_file: trips.csv  # vehicle or count, origin, departure; class, soc and battery_kwh where they differ\n"
)
_KEYS = {
    "battery_kwh": ("60", ""),
    "charge_kw": ("", "the largest plug_kw"),
    "discharge_kw": ("0", "vehicles never feed back"),
    "stay_min": ("45", ""),
    "soc_arrival": ("0.4", ""),
    "gain_share": ("0.3", "; wanted energy as a share of the battery"),
    "vot_cny_h": ("30", "; value of time"),
}


@dataclass(frozen=True)
class Day:
    """Begin and length of a case's horizon [h], and the share of the sessions of a day that begin while vehicles depart."""

    start_hour: int
    hours: int
    share: float | None = None


def day_of(sessions: SessionFleet | None) -> Day:
    """The usual day; or with sessions the one that holds most of them.

    Parameters
    ----------
    sessions : SessionFleet or None

    Returns
    -------
    Day
    """
    if sessions is None:
        return Day(START_HOUR, HOURS)
    hours = LONG_HOURS if sessions.values["stay_min"] > LONG_STAY_MIN else HOURS
    last = last_departure_step(round(60 * hours / STEP_MIN), sessions.values["stay_min"], STEP_MIN)
    length_min = STEP_MIN * (last + 1)
    start = sessions.best_start(length_min, START_HOUR)
    return Day(start, hours, sessions.share_within(60 * start, length_min))


def case_text(
    folder: Path,
    *,
    roads_from: str,
    feeders_from: str,
    classes: list[str],
    plug_kw: float,
    plugs: float,
    root_pu: float,
    day: Day,
    vehicles: float | None = None,
    sessions: SessionFleet | None = None,
    trips: bool = False,
    currency: str = "CNY",
    origins_assumed: str = "",
    stations_assumed: str = "",
    own_feeders: bool = False,
    farms: bool | None = None,
    profile_of_file: bool | None = None,
) -> str:
    """Text of ``case.yaml``.

    Parameters
    ----------
    folder : Path
        The case's folder.
    roads_from, feeders_from : str
        Names of the sources, for the description.
    classes : list of str
        Names of the classes of vehicles.
    plug_kw, plugs : float
        Largest power of a plug [kW], and plugs of all stations together.
    root_pu : float
        Voltage at the roots [pu].
    day : Day
    vehicles : float, optional
        Vehicles of the day, if they are stated.
    sessions : SessionFleet, optional
    trips : bool
        Whether ``trips.csv`` is the fleet.
    currency : str
        Three capital letters.
    origins_assumed, stations_assumed : str
        What was put in because no file says it.
    own_feeders : bool
        Whether there is ``feeders.csv``.
    farms : bool or None
        Whether the columns of ``farms.csv`` are those of a file, or made; None if there is no such table.
    profile_of_file : bool or None
        Whether ``profile.csv`` is that of a file, or made for the farms alone; None if there is none.
    """
    values = {name: _assumed_value(*known) for name, known in _KEYS.items()} | {
        "charge_kw": f"{plug_kw:g}  # assumed: the largest plug_kw"
    }
    for name, value in (sessions.values if sessions else {}).items():
        values[name] = f"{value:g}  # {sessions.sources[name]}"
    share = "node; the trips say how many depart" if trips else "node and share of all trips; shares need not sum to 1"
    stations = f"node, bus, plugs, plug_kw; columns site_kw, fee_{currency.lower()}_session and _kwh may be added"
    text = _CASE.format(
        folder=folder,
        name=folder.resolve().name.replace(":", "_"),
        roads_from=roads_from,
        feeders_from=feeders_from,
        currency="assumed; " if currency == "CNY" else "that of the fees of stations; ",
        start=day.start_hour,
        start_why="" if sessions is None else ": from then on most sessions of a day begin in time",
        hours=day.hours,
        hours_why=": vehicles stay long" if day.hours == LONG_HOURS else "",
        step=STEP_MIN,
        origins=_marked(origins_assumed, share),
        stations=_marked(stations_assumed, stations),
        departures="departures_file: departures.csv  # assumed: departures by hour of the day are those of the sessions, "
        f"{'which are in UTC, ' if sessions.is_utc else ''}without the time of driving\n"
        if sessions
        else "",
        demand=_TRIPS if trips else _demand(vehicles, plugs, sessions, day),
        classes="".join(
            f"    {name}:\n" + "".join(f"      {key}: {value}\n" for key, value in values.items()) for name in classes
        ),
        profiles={
            None: "",
            True: "  profiles_file: profile.csv  # all loads follow load_pu\n",
            False: "  profiles_file: profile.csv  # assumed: loads are constant; all loads follow load_pu\n",
        }[profile_of_file],
        own="  feeders_file: feeders.csv  # root; root_pu, tariff and limits of each\n" if own_feeders else "",
        farms=farms_line(farms),
        root_pu=root_pu,
    )
    return (
        text
        if currency == "CNY"
        else text.replace("currency: CNY", f"currency: {currency}").replace("_cny_", f"_{currency.lower()}_")
    )


def farms_line(of_file: bool | None) -> str:
    """Line of a case's file on its farms.

    Parameters
    ----------
    of_file : bool or None
        As ``farms`` of :func:`case_text`.
    """
    about = "column of profile.csv: what is available, per unit of rating_mw"
    return {
        None: "",
        True: f"  farms_file: farms.csv  # {about}\n",
        False: f"  farms_file: farms.csv  # assumed: always available; {about}\n",
    }[of_file]


def _assumed_value(value: str, why: str) -> str:
    reason = why if why.startswith(";") or not why else f": {why}"
    return f"{value}  # assumed{reason}"


def _marked(assumed: str, text: str) -> str:
    return f"assumed: {assumed}; {text}" if assumed else text


def _demand(vehicles: float | None, plugs: float, sessions: SessionFleet | None, day: Day) -> str:
    offset = ""
    if sessions is not None and sessions.soc_type_offset < 0.1:
        offset = f"  soc_type_offset: {sessions.soc_type_offset:g}  # states of charge spread by so much around that on arrival\n"
    if vehicles is not None:
        number = f"{vehicles:g}"
    elif sessions is None:
        number = f"{plugs:g}  # assumed: as many as plugs"
    else:
        mean, count = sessions.per_day * day.share, f"{sessions.n_sessions} sessions on {sessions.n_days} days"
        number = f"{mean:.4g}  # {count}, {100 * day.share:.0f} % of them while vehicles depart"
    width = "" if sessions is not None else "  peak_width_min: 90  # assumed\n"
    return f"  vehicles: {number}\n{width}{offset}"
