"""The commands that make and check a case of one's own: ``python -m evlib new``, ``city`` and ``check``."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

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
    new.add_argument("--leave-out", nargs="*", default=(), help="of a pandapower network: shunts, generators")
    new.add_argument("--stations", help="*.fcs.xml (V2Sim) or *.csv; by default a few nodes far from each other")
    new.add_argument("--n-stations", type=int, default=4, help="how many, where no stations are given")
    new.add_argument(
        "--fleet", help="trips (a CSV file with origin and departure), or charging sessions, see --fleet-format"
    )
    new.add_argument("--fleet-format", default="own", help="own, epfl, acn or elaadnl")
    new.add_argument("--vehicles", type=float, help="vehicles of the day; by default as many as plugs")
    new.add_argument("--time-unit-min", type=float, help="minutes of a TNTP file's unit of time, by default 1")
    new.add_argument("--length-unit-km", type=float, help="km of a TNTP file's unit of length, by default 1")
    new.add_argument(
        "--lane-capacity",
        type=float,
        help="veh/h of a lane, where roads have lanes only: 1000, or by OSM's kind of road",
    )
    new.add_argument("--capacity-is", choices=("lane", "link"), help="what a GMNS capacity is of, by default a lane")
    new.add_argument(
        "--most-distance", type=float, default=float("inf"), help="largest distance of a station from its node"
    )
    new.set_defaults(run=_new)
    city = commands.add_parser(
        "city", help="make a city: of files, or synthetic by a seed, with a whole day's assumptions"
    )
    city.add_argument("folder", help="folder to make")
    city.add_argument("--roads", help="as for new; without it the whole city is synthetic")
    city.add_argument("--feeder", help="as for new, needed with --roads")
    city.add_argument("--stations", help="as for new")
    city.add_argument("--vehicles", type=float, default=20_000.0)
    city.add_argument("--time-unit-min", type=float, help="as for new")
    city.add_argument("--length-unit-km", type=float, help="as for new")
    city.add_argument("--plug-factor", type=float, default=1.6, help="plugs over the peak of an even spread")
    city.add_argument("--lane-capacity", type=float, help="veh/h of a lane left to these vehicles, by default 100")
    city.add_argument("--nearest-stations", type=int, default=10)
    city.add_argument("--objective", default="system", choices=("system", "user"))
    city.add_argument("--seed", type=int, default=0, help="of the synthetic city")
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
    from evlib.errors import InputError
    from evlib.figures.own_case.case_map import case_map
    from evlib.inputs.new_case.case_points import case_points
    from evlib.inputs.new_case.sources import feeder_source, road_source, station_source, trips_source
    from evlib.inputs.new_case.write_case import match_case, refuse_existing, write_case
    from evlib.inputs.reading.column_report import shown
    from evlib.inputs.scenario import load_scenario

    folder = Path(options.folder)
    refuse_existing(folder)
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
    stations, fleet, trips = None, None, None
    if options.stations:
        stations, report = station_source(options.stations)
        print(shown(report, options.stations))
    if options.fleet and (found := trips_source(options.fleet)):
        trips, report = found
        print(shown(report, options.fleet))
        if options.vehicles is not None:
            raise InputError(f"--vehicles {options.vehicles:g} with trips: {options.fleet} says how many; leave it out")
    elif options.fleet:
        from evlib.inputs.fleets.session_files import class_of_sessions, read_session_file

        sessions = read_session_file(options.fleet, options.fleet_format)
        print(shown(sessions.report, options.fleet))
        fleet = class_of_sessions(sessions.table)
    where = options.stations or "stations"
    match = {"most_distance": options.most_distance, "where": where, "n_stations": options.n_stations}
    tables = match_case(roads, feeders, stations, trips=trips, **match)
    names = {"roads_from": Path(options.roads).name, "feeders_from": Path(options.feeder).name}
    file = write_case(folder, tables, **names, fleet=fleet, vehicles=options.vehicles)
    load_scenario(file)
    title = f"{len(tables.stations)} stations on {len(roads.links)} roads and {len(feeders.buses)} buses"
    case_map(case_points(tables), title).write_html(folder / "map.html", include_plotlyjs="directory")
    for note in tables.notes:
        print(f"assumed: {note}")
    print(f"case: {file}\nmap: {folder / 'map.html'}\nnext: python -m evlib check {folder}")
    return 0


def _city(options: argparse.Namespace) -> int:
    from evlib.errors import InputError
    from evlib.inputs.new_case.city_case import CityAssumptions, synthetic_tables, write_city
    from evlib.inputs.new_case.sources import feeder_source, road_source, station_source
    from evlib.inputs.new_case.synthetic_city import CitySize
    from evlib.inputs.new_case.write_case import match_case, refuse_existing
    from evlib.inputs.scenario import load_scenario

    refuse_existing(options.folder)
    lane_veh_h = CityAssumptions.lane_veh_h if options.lane_capacity is None else options.lane_capacity
    assumed = CityAssumptions(
        options.vehicles, options.plug_factor, lane_veh_h, options.nearest_stations, options.objective
    )
    if options.roads is None:
        for flag in ("time_unit_min", "length_unit_km"):
            if getattr(options, flag) is not None:
                raise InputError(f"--{flag.replace('_', '-')} without --roads; the synthetic city has units of its own")
        source, tables = f"synthetic, seed {options.seed}", synthetic_tables(CitySize(seed=options.seed), assumed)
    else:
        if options.feeder is None:
            raise InputError("--roads without --feeder; a city needs both, or neither for a synthetic one")
        units = {"time_unit_min": options.time_unit_min, "length_unit_km": options.length_unit_km}
        roads = road_source(options.roads, **units)
        if options.lane_capacity is not None and "lanes" not in roads.links:
            raise InputError(f"--lane-capacity {lane_veh_h:g}: {options.roads} has no lanes; leave the option out")
        stations = station_source(options.stations)[0] if options.stations else None
        where = options.stations or "stations"
        tables = match_case(roads, feeder_source(options.feeder, ()), stations, where=where)
        source = f"roads from {Path(options.roads).name}, feeders from {Path(options.feeder).name}"
    file = write_city(options.folder, tables, assumed, source)
    load_scenario(file)
    print(f"case: {file}")
    print(f"next, in Python: evlib.coordination.coordinate.coordinate(load_scenario({str(file)!r}), method='city')")
    return 0


def _convert(options: argparse.Namespace) -> int:
    from evlib.inputs.new_case.convert import convert
    from evlib.inputs.scenario import load_scenario

    file, notes = convert(options.file, options.folder)
    load_scenario(file)
    for note in notes:
        print(f"note: {note}")
    print(f"case: {file}\nnext: python -m evlib check {options.folder}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from evlib.inputs.new_case.check_case import case_report
    from evlib.inputs.scenario import load_scenario

    path = Path(options.case)
    print(case_report(load_scenario(path / "case.yaml" if path.is_dir() else options.case)))
    return 0
