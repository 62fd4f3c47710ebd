"""The command that runs a day in real time: ``python -m evlib real-time nguyen --day 2020-07-15 --out DIR``."""

from __future__ import annotations

import argparse

__all__ = ["add_real_time_command"]


def add_real_time_command(commands) -> None:
    """Add ``real-time`` to a parser's commands; it sets ``run``, a function of the parsed options.

    Parameters
    ----------
    commands : argparse subparsers
    """
    command = commands.add_parser("real-time", help="run a day step by step, planned anew in every step")
    command.add_argument("scenario", help="a name (nguyen, mini) or the path of a scenario's YAML file")
    command.add_argument(
        "--out", required=True, help="folder of the day: one folder a step; a stopped day goes on there"
    )
    command.add_argument(
        "--signal", default="predicted", help="now, predicted, promised, or a rival: informed, nearest"
    )
    command.add_argument(
        "--day", metavar="YYYY-MM-DD", help="weather of a day; by default the scenario's, without error"
    )
    command.add_argument("--perfect", action="store_true", help="forecast the weather of the day without error")
    command.add_argument("--measured", metavar="FILE", help="five-minute series; by default RTS-GMLC 2020 in data")
    command.add_argument("--day-ahead", metavar="FILE", help="hourly forecasts; by default RTS-GMLC 2020 in data")
    command.add_argument("--seed", type=int, default=0, help="of departures and choices")
    command.add_argument("--mean-demand", action="store_true", help="expected departures instead of whole vehicles")
    command.add_argument("--charging", default="v2g", help="v2g or smart")
    command.add_argument("--objective", help="user or system; by default the scenario's")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    # Imported when needed: neither --help nor a mistake in the scenario should wait for the solvers.
    from evlib.inputs.scenario import load_scenario

    scenario = load_scenario(options.scenario)

    from evlib.coordination.real_time.run import real_time

    result = real_time(
        scenario,
        signal=options.signal,
        day=options.day,
        perfect=options.perfect,
        seed=options.seed,
        whole_vehicles=not options.mean_demand,
        charging=options.charging,
        objective=options.objective,
        measured_file=options.measured,
        day_ahead_file=options.day_ahead,
        out=options.out,
    )
    for name, value in result.accounts.items():
        print(f"{name.replace('_cny', '_' + scenario.currency.lower()):34s} {value:14.3f}")
    print(f"one folder a step, steps.csv and accounts.json are in {options.out}")
    return 0
