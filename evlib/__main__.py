"""Command line: ``python -m evlib solve data/scenarios/nguyen.yaml --strategy shortest_path --out build/run``."""

from __future__ import annotations

import argparse
import logging
import sys

from evlib.case_commands import add_case_commands, name_currency
from evlib.errors import InputError, SolverError, is_interrupt
from evlib.interrupted_start import raise_at_interrupt
from evlib.real_time_command import add_real_time_command


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0 success, 1 solver failure, 2 bad input, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m evlib", description="Solve one case of the study.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("solve", help="solve a scenario and write its tables")
    command.add_argument("scenario", help="a name (nguyen, mini) or the path of a scenario's YAML file")
    command.add_argument("--strategy", default="shortest_path")
    command.add_argument("--charging", default="v2g")
    command.add_argument("--method", default=None)
    command.add_argument("--out", required=True, help="folder for the tables (CSV) and the certificate (JSON)")
    command.add_argument("--no-cache", action="store_true", help="solve even if the case is in build/cache")
    command.add_argument("--save", metavar="FILE", help="keep the state of a coordination here after every iteration")
    command.add_argument("--resume", metavar="FILE", help="go on from a saved state; may be the same file as --save")
    command.set_defaults(run=_solve)
    add_case_commands(commands)
    add_real_time_command(commands)
    options = parser.parse_args(arguments)

    try:
        return options.run(options)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except SolverError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, SystemError) as error:
        if not is_interrupt(error):
            raise
        print(f"interrupted before a result was written to {getattr(options, 'out', options)}", file=sys.stderr)
        return 130


def _solve(options: argparse.Namespace) -> int:
    if sys.stderr.isatty():
        _show_progress()
    logging.getLogger("evlib").info("reading %s", options.scenario)
    # Imported when needed: neither --help nor a mistake in the scenario should wait for the solvers.
    from evlib.inputs.scenario import load_scenario

    scenario = load_scenario(options.scenario)

    from evlib.results.accounts.road_storage import storage_note
    from evlib.results.result import check_folder, write_result
    from evlib.solve_scenario import solve

    raise_at_interrupt()
    check_folder(options.out)
    files = {"cache": not options.no_cache, "save": options.save, "resume": options.resume}
    result = solve(scenario, options.strategy, options.charging, options.method, **files)
    try:
        write_result(result, options.out)
        name_currency(options.out, scenario.currency)
    except OSError as error:
        raise InputError(f"{options.out}: {error.strerror or error}; the tables could not be written") from error
    for measure, unit, value in result.tables["summary"].itertuples(index=False):
        print(f"{measure:42s} {value:12.3f} {unit.replace('CNY', scenario.currency)}")
    if note := storage_note(result.certificate):
        print(f"{note}; queues take no room in this model, so on real roads these numbers would be worse")
    print(f"tables and certificate are in {options.out}")
    if result.certificate.interrupted:
        print(f"interrupted: the best of {result.certificate.iterations} iterations", file=sys.stderr)
        return 130
    return 0


def _show_progress() -> None:
    """Write log messages to the terminal, above the progress bar."""
    from tqdm import tqdm

    class Lines(logging.Handler):
        def emit(self, record):
            tqdm.write(self.format(record), file=sys.stderr)

    logger = logging.getLogger("evlib")
    logger.addHandler(Lines())
    logger.setLevel(logging.INFO)


if __name__ == "__main__":
    raise SystemExit(main())
