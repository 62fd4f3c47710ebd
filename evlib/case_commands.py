"""The commands that make and check a case of one's own: ``python -m evlib new``, ``city`` and ``check``."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path

from evlib.errors import InputError

__all__ = ["add_case_commands", "name_currency"]


def add_case_commands(commands) -> None:
    """Add ``new``, ``city``, ``convert`` and ``check`` to a parser's commands; each sets ``run``, a function of its options.

    Parameters
    ----------
    commands : argparse subparsers
    """
    new = commands.add_parser("new", help="make a case from files of roads, feeders, stations and sessions")
    new.add_argument("folder", help="folder to make")
    new.add_argument(
        "--roads",
        required=True,
        help="*.tntp, *.net.xml[.gz] of V2Sim or SUMO, *.osm[.gz], a GMNS folder, or links.csv's folder",
    )
    new.add_argument(
        "--feeder",
        required=True,
        help="*.m (MATPOWER), *.grid.xml (V2Sim), *.json (pandapower), *.dss (OpenDSS), or buses.csv's folder",
    )
    new.add_argument(
        "--leave-out", nargs="*", default=(), help="of a pandapower or OpenDSS network: shunts, generators"
    )
    new.add_argument("--stations", help="*.fcs.xml (V2Sim) or *.csv; by default a few nodes far from each other")
    new.add_argument("--n-stations", type=int, help="how many, where no stations are given; 4 unless stated")
    new.add_argument(
        "--fleet",
        help="trips (a CSV file with origin and departure), charging sessions, see --fleet-format, or *_trips.tntp for the "
        "shares of origins",
    )
    new.add_argument("--fleet-format", help="of charging sessions: own (unless stated), epfl, acn or elaadnl")
    new.add_argument(
        "--fleet-columns",
        nargs="+",
        metavar="NAME=COLUMN[*FACTOR]",
        help="columns of own sessions: arrival, departure or stay_h, energy_kwh, and if there are any power_kw, soc_arrival, "
        "soc_departure, battery_kwh; as in 'energy_kwh=Energy (Wh)*0.001'",
    )
    new.add_argument(
        "--fleet-time-format", metavar="FORMAT", help="how own sessions write times, as in '%%d.%%m.%%Y %%H:%%M'"
    )
    new.add_argument(
        "--vehicles",
        type=float,
        help="vehicles of the day; by default as many as sessions on a mean day, or else as plugs",
    )
    new.add_argument("--time-unit-min", type=float, help="minutes of a TNTP file's unit of time, by default 1")
    new.add_argument("--length-unit-km", type=float, help="km of a TNTP file's unit of length, by default 1")
    new.add_argument(
        "--lane-capacity",
        type=float,
        help="veh/h of a lane, where roads have lanes only: 1000, or by OSM's kind of road",
    )
    new.add_argument("--capacity-is", choices=("lane", "link"), help="what a GMNS capacity is of, by default a lane")
    new.add_argument(
        "--most-distance",
        type=float,
        help="largest distance of a station from its node, in the unit of the coordinates; 2 km unless stated, or a tenth of the "
        "extent of the roads where the unit is not known",
    )
    new.set_defaults(run=_new)
    city = commands.add_parser(
        "city", help="make a city: of files, or synthetic by a seed, with a whole day's assumptions"
    )
    city.add_argument("folder", help="folder to make")
    city.add_argument("--roads", help="as for new; without it the whole city is synthetic")
    city.add_argument("--feeder", help="as for new, needed with --roads")
    city.add_argument("--leave-out", nargs="*", help="as for new")
    city.add_argument("--stations", help="as for new")
    city.add_argument("--most-distance", type=float, help="as for new")
    city.add_argument("--vehicles", type=float, default=20_000.0)
    city.add_argument("--time-unit-min", type=float, help="as for new")
    city.add_argument("--length-unit-km", type=float, help="as for new")
    city.add_argument("--plug-factor", type=float, default=1.6, help="plugs over the peak of an even spread")
    city.add_argument("--lane-capacity", type=float, help="veh/h of a lane left to these vehicles, by default 100")
    city.add_argument("--nearest-stations", type=int, default=10)
    city.add_argument("--objective", default="system", choices=("system", "user"))
    city.add_argument("--seed", type=int, help="of the synthetic city; 0 unless stated")
    city.set_defaults(run=_city)
    change = commands.add_parser("convert", help="write a scenario in the study's format as a case of your own")
    change.add_argument("file", help="YAML file as data/scenarios/mini.yaml; sources and ranges may be missing")
    change.add_argument("folder", help="folder to make")
    change.set_defaults(run=_convert)
    check = commands.add_parser("check", help="say what a case holds, what it takes to solve, and what was assumed")
    check.add_argument("case", help="a case's folder or YAML file, or the name of a scenario")
    check.set_defaults(run=_check)


def name_currency(folder: str | Path, currency: str) -> None:
    """Name a case's currency in the tables that were written of its result: in column names, and in units.

    Parameters
    ----------
    folder : str or Path
        With the tables as CSV, whose columns and units say CNY.
    currency : str
        Three capital letters.
    """
    for file in sorted(Path(folder).glob("*.csv")) if currency != "CNY" else ():
        header, _, rows = file.read_text(encoding="utf-8").partition("\n")
        if "unit" in header.split(","):
            rows = re.sub(r",CNY(?=[,/])", f",{currency}", rows)
        file.write_text(re.sub(r"_cny(?=_|,|$)", f"_{currency.lower()}", header) + "\n" + rows, encoding="utf-8")


def _new(options: argparse.Namespace) -> int:
    from evlib.figures.own_case.case_map import case_map
    from evlib.inputs.new_case.assumptions import marked_assumptions
    from evlib.inputs.new_case.case_points import case_points
    from evlib.inputs.new_case.sources import feeder_source, road_source, station_source
    from evlib.inputs.new_case.whole_folder import in_words_of_sources, refuse_existing, whole_folder
    from evlib.inputs.new_case.write_case import fill_folder, match_case
    from evlib.inputs.reading.column_report import shown
    from evlib.inputs.scenario import load_scenario

    folder = Path(options.folder)
    refuse_existing(folder)
    _refuse_idle(options)
    roads = road_source(
        options.roads,
        time_unit_min=options.time_unit_min,
        length_unit_km=options.length_unit_km,
        lane_veh_h=options.lane_capacity,
        capacity_is=options.capacity_is,
    )
    print(shown(roads.report, options.roads))
    feeders = feeder_source(options.feeder, options.leave_out)
    print(shown(feeders.report, options.feeder))
    stations = None
    if options.stations:
        stations, report = station_source(options.stations)
        print(shown(report, options.stations))
        if options.most_distance is not None and stations[["x", "y"]].isna().all(axis=None):
            raise InputError(
                f"--most-distance {options.most_distance:g}: {options.stations} has no x and y to measure from; remove the option"
            )
    trips, sessions, shares = _fleet_of(options)
    where = options.stations or "stations"
    match = {"most_distance": options.most_distance, "where": where, "n_stations": options.n_stations}
    tables = match_case(roads, feeders, stations, trips=trips, shares=shares, **match)
    names = {"roads_from": Path(options.roads).name, "feeders_from": Path(options.feeder).name}
    made_of = dict.fromkeys(("links.csv", "nodes.csv"), options.roads)
    made_of |= dict.fromkeys(("buses.csv", "branches.csv", "feeders.csv", "farms.csv", "profile.csv"), options.feeder)
    made_of |= {"stations.csv": options.stations} if options.stations else {}
    made_of |= {"trips.csv": options.fleet, "departures.csv": options.fleet} if options.fleet else {}
    with whole_folder(folder) as place, in_words_of_sources(place, folder, made_of):
        file = fill_folder(place, folder, tables, **names, sessions=sessions, vehicles=options.vehicles)
        load_scenario(file)
        title = f"{len(tables.stations)} stations on {len(roads.links)} roads and {len(feeders.buses)} buses"
        case_map(case_points(tables), title).write_html(place / "map.html", include_plotlyjs="directory")
        marked = marked_assumptions(file)
    for note in [*tables.notes, *(text for text in marked if not text.startswith(("origins_file", "stations_file")))]:
        print(f"assumed: {note}")
    print(f"case: {folder / 'case.yaml'}\nmap: {folder / 'map.html'}\nnext: python -m evlib check {folder}")
    return 0


def _refuse_idle(options: argparse.Namespace) -> None:
    """Refuse options on stations and fleets that would change nothing, and numbers that mean nothing."""
    session_options = ("fleet_format", "fleet_columns", "fleet_time_format")
    idle = [(name, "without --fleet") for name in session_options if not options.fleet]
    idle += [("most_distance", "without --stations")] if not options.stations else [("n_stations", "beside --stations")]
    if options.fleet_format not in (None, "own"):
        idle += [(name, f"beside --fleet-format {options.fleet_format}") for name in session_options[1:]]
    for name, why in idle:
        if getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} {why} would change nothing; remove it")
    for name in ("most_distance", "vehicles"):
        value = getattr(options, name)
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"--{name.replace('_', '-')} {value:g}: must be above 0 and finite")


def _fleet_of(options: argparse.Namespace):
    """Trips, what sessions say, or shares of origins, of the file of ``--fleet``; the others are None. It prints a report."""
    from evlib.inputs.fleets.formats import format_of_columns
    from evlib.inputs.fleets.session_files import read_session_file
    from evlib.inputs.fleets.session_fleet import fleet_of_sessions, uses_of_sessions
    from evlib.inputs.new_case.sources import shares_source, trips_source
    from evlib.inputs.reading.column_report import shown

    if not options.fleet:
        return None, None, None
    own = options.fleet_columns or options.fleet_time_format
    is_session = own or options.fleet_format is not None
    is_tntp = options.fleet.endswith(".tntp")
    found = shares_source(options.fleet) if is_tntp else trips_source(options.fleet)
    if found:
        if is_session:
            why = "is a TNTP file" if is_tntp else "has a column origin"
            raise InputError(
                f"{options.fleet}: {why}, so these are trips; options --fleet-format, --fleet-columns and "
                "--fleet-time-format are of charging sessions: remove them"
            )
        if options.vehicles is not None and not is_tntp:
            raise InputError(f"--vehicles {options.vehicles:g} with trips: {options.fleet} says how many; leave it out")
        print(shown(found[1], options.fleet))
        return (None, None, found[0]) if is_tntp else (found[0], None, None)
    file_format = format_of_columns(options.fleet_columns or [], options.fleet_time_format) if own else None
    read = read_session_file(options.fleet, file_format or options.fleet_format or "own")
    uses = uses_of_sessions(read.table, options.vehicles is None)
    meaning = [f"{name}: {uses[name]}" if name in uses else name for name in read.report["meaning"]]
    print(shown(read.report.assign(meaning=meaning), options.fleet))
    return None, fleet_of_sessions(read.table, read.is_utc), None


_CITY_KINDS = "give both --roads and --feeder for a city of files, neither for a synthetic one"


def _city(options: argparse.Namespace) -> int:
    from evlib.inputs.new_case.city_case import (
        CityAssumptions,
        fill_city_folder,
        notes_of_city,
        stations_of_city,
        synthetic_tables,
    )
    from evlib.inputs.new_case.sources import feeder_source, road_source, station_source
    from evlib.inputs.new_case.synthetic_city import CitySize
    from evlib.inputs.new_case.whole_folder import in_words_of_sources, refuse_existing, whole_folder
    from evlib.inputs.new_case.write_case import match_case
    from evlib.inputs.scenario import load_scenario

    refuse_existing(options.folder)
    lane_veh_h = CityAssumptions.lane_veh_h if options.lane_capacity is None else options.lane_capacity
    assumed = CityAssumptions(
        options.vehicles, options.plug_factor, lane_veh_h, options.nearest_stations, options.objective
    )
    of_files = ("feeder", "leave_out", "stations", "most_distance", "time_unit_min", "length_unit_km")
    for name in of_files if options.roads is None else ("seed",):
        if getattr(options, name) is not None:
            why = "without --roads" if options.roads is None else "beside --roads"
            flag = name.replace("_", "-")
            raise InputError(f"--{flag} {why} would change nothing; remove it, or " + _CITY_KINDS)
    if options.roads is None:
        options.seed = options.seed or 0
        source, tables = f"synthetic, seed {options.seed}", synthetic_tables(CitySize(seed=options.seed), assumed)
    else:
        if options.feeder is None:
            raise InputError("--roads without --feeder; " + _CITY_KINDS)
        if options.most_distance is not None and not options.stations:
            raise InputError("--most-distance without --stations would change nothing; remove it")
        units = {"time_unit_min": options.time_unit_min, "length_unit_km": options.length_unit_km}
        roads = road_source(options.roads, **units)
        if options.lane_capacity is not None and "lanes" not in roads.links:
            raise InputError(f"--lane-capacity {lane_veh_h:g}: {options.roads} has no lanes; leave the option out")
        stations = None
        if options.stations:
            stations, idle = stations_of_city(station_source(options.stations)[0])
            if idle:
                print(f"not used: {', '.join(idle)} of {options.stations}; a city has plugs of 60 kW by --plug-factor")
        match = {"most_distance": options.most_distance, "where": options.stations or "stations"}
        tables = match_case(roads, feeder_source(options.feeder, options.leave_out or ()), stations, **match)
        source = f"roads from {Path(options.roads).name}, feeders from {Path(options.feeder).name}"
    with whole_folder(options.folder) as place, in_words_of_sources(place, options.folder, {}):
        load_scenario(fill_city_folder(place, options.folder, tables, assumed, source))
    for note in notes_of_city(tables):
        print(f"assumed: {note}")
    file = Path(options.folder) / "case.yaml"
    print(f"case: {file}")
    print(f"next, in Python: evlib.coordination.coordinate.coordinate(load_scenario({str(file)!r}), method='city')")
    return 0


def _convert(options: argparse.Namespace) -> int:
    from evlib.inputs.new_case.convert import convert

    file, notes = convert(options.file, options.folder)
    for note in notes:
        print(f"note: {note}")
    print(f"case: {file}\nnext: python -m evlib check {options.folder}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from evlib.inputs.new_case.check_case import case_report, unreached
    from evlib.inputs.scenario import load_scenario

    path = Path(options.case)
    scenario = load_scenario(path / "case.yaml" if path.is_dir() else options.case)
    print(case_report(scenario))
    if lost := unreached(scenario)[0]:
        raise InputError(
            f"{scenario.file}: {len(lost)} origins reach no station, so the case cannot be solved: {', '.join(lost)}; move them, "
            "or add roads"
        )
    return 0
