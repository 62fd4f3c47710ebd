"""Command line of the chain, ``python -m study COMMAND``: most of its commands have a name in the Makefile."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from pathlib import Path

from tqdm.contrib.logging import logging_redirect_tqdm

from evlib.errors import InputError, StudyError, is_interrupt
from evlib.folders import FIGURES, NOTEBOOKS, ROOT, build_dir

log = logging.getLogger("study")  # when run as a command, this module is called __main__


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is 0 when it ended well, 1 after a message, 130 when it was stopped."""
    parser = argparse.ArgumentParser(prog="python -m study", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    reproduce = commands.add_parser("reproduce", help="execute what changed in the notebooks and export the figures")
    refresh = commands.add_parser("refresh", help="the same, then write outputs and pictures into the notebooks")
    for command in (reproduce, refresh):
        command.add_argument("--notebooks", type=Path, default=NOTEBOOKS, help="folder of notebooks")
        command.add_argument("--figures", type=Path, default=FIGURES, help="folder of committed figures")
        command.add_argument("--cell-timeout-s", type=int, default=600, help="time limit of a cell [s]")
    commands.add_parser("site", help="render what is committed into build/site, to be read offline")
    commands.add_parser("quote", help="write the numbers that prose quotes from data/results anew")
    commands.add_parser("paper", help="the same in paper/paper.md, and count its words")
    lock = commands.add_parser("lock", help="write requirements.lock and environment.yml from pyproject.toml")
    lock.add_argument("--upgrade", action="store_true", help="take newer versions where pyproject.toml allows them")
    commands.add_parser("kernels", help="compile kernels once, for all processes that follow")
    bench = commands.add_parser("bench", help="measure, and write build/benchmarks.json")
    bench.add_argument("names", nargs="*", help="measure only these")
    results = commands.add_parser("results", help="compute data/results anew: full-size comparisons, minutes long each")
    results.add_argument("names", nargs="*", help="write only these files")
    ensemble = commands.add_parser("ensemble", help="solve draws over all that is not known, on any number of machines")
    ensemble.add_argument("--draws", type=int, default=256, help="number of draws beside the base case")
    ensemble.add_argument("--design", default="nguyen", help="what is varied: a file, or its name in data/ensembles")
    ensemble.add_argument("--scheduler", help="address of a dask scheduler; by default this machine alone")
    ensemble.add_argument("--workers", type=int, help="processes on this machine; by default one a core")
    ensemble.add_argument("--so-far", action="store_true", help="compute nothing: the table of what is there")
    ensemble.add_argument(
        "--adopt", type=Path, help="a table by earlier code: its draws count if three come out the same"
    )
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(line_buffering=True)  # a line is seen when it is written, also through a pipe
    signal.signal(signal.SIGTERM, _interrupt)  # so that a polite kill cleans up like Ctrl-C
    try:
        with logging_redirect_tqdm(_log_to_stdout()):  # lines go above the progress bars
            return _run(options)
    except (StudyError, InputError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, SystemError) as error:
        if not is_interrupt(error):
            raise
        print("\nStopped. Nothing is half-written; run it again to go on from here.", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    # Imported on demand: a run that finds nothing to do should not load more than it needs.
    if options.command == "lock":
        from study.workflow.lock import write_lock

        write_lock(upgrade=options.upgrade)
        return 0
    if options.command == "kernels":
        from study.workflow.kernels import compile_kernels

        compile_kernels()
        return 0
    if options.command == "site":
        from study.workflow.site.build import build_site
        from study.workflow.site.sources import Sources

        build_site(Sources(ROOT), build_dir() / "site")
        return 0
    if options.command in ("quote", "paper"):
        from study.workflow.quotes import PAPER, words_of, write_quotes

        changed = write_quotes([PAPER] if options.command == "paper" else None)
        log.info("%d documents changed", len(changed))
        if options.command == "paper":
            log.info("%s: %d words", PAPER.name, words_of(PAPER.read_text(encoding="utf-8")))
        return 0
    if options.command == "bench":
        from study.benchmarks.run import run_benchmarks

        run_benchmarks(options.names)
        return 0
    if options.command == "results":
        from study.experiments.provenance import write_results

        write_results(options.names)
        return 0
    if options.command == "ensemble":
        from study.experiments.ensemble.table import ensemble

        how = {
            "scheduler": options.scheduler,
            "workers": options.workers,
            "so_far": options.so_far,
            "adopted": options.adopt,
        }
        ensemble(options.draws, options.design, **how)
        return 0
    from study.workflow.export import export_figures
    from study.workflow.notebooks import exclusive, run_notebooks

    start_s = time.monotonic()
    build = build_dir()
    with exclusive(build):
        runs = run_notebooks(options.notebooks, build, cell_timeout_s=options.cell_timeout_s)
        if options.command == "refresh":
            from study.workflow.refresh import refresh_notebooks

            refresh_notebooks(runs, build)
        export_figures(runs, build, options.figures)
    from study.experiments.provenance import stale_files

    if stale := stale_files():
        names = ", ".join(stale)
        log.warning("data/results: made by an earlier state of the code: %s; make verify checks and renews.", names)
    log.info("Done in %.1f s.", time.monotonic() - start_s)
    return 0


def _log_to_stdout() -> list[logging.Logger]:
    """Show the chain's progress, and the model's warnings, as plain lines on stdout.

    Returns
    -------
    list of Logger
        Those that now write to stdout.
    """
    loggers = [log, logging.getLogger("evlib")]
    for logger in loggers:
        logger.handlers = [logging.StreamHandler(sys.stdout)]
    log.setLevel(logging.INFO)
    return loggers


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
