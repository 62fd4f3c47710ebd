"""Ctrl-C while ``python -m evlib`` still loads its packages: one line, not a traceback from wherever it struck."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["end_at_interrupt", "raise_at_interrupt"]


def end_at_interrupt() -> None:
    """Until `raise_at_interrupt`, Ctrl-C ends the process with code 130; only where evlib is the command that runs."""
    is_command = sys.argv[:1] == ["-m"] and not {"evlib", "-mevlib"}.isdisjoint(sys.orig_argv)
    if is_command and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_at_interrupt() -> None:
    """From here on Ctrl-C is a KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(*_: object) -> None:
    os.write(sys.__stderr__.fileno(), b"interrupted while evlib was loading; nothing is written\n")
    os._exit(130)


end_at_interrupt()
