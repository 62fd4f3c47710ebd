"""Where compiled functions are kept: beside the sources, else in the user's cache folder, else in a temporary folder.

Numba tries the first two by itself, and raises where it can write to neither: in a read-only checkout without a writable
home. So compiled functions take ``njit`` from this module, which asks before any of them is defined.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from pathlib import Path

import numba
from numba import njit

__all__ = ["njit", "use_writable_cache"]

log = logging.getLogger(__name__)


def use_writable_cache() -> None:
    """Ask numba to keep a function; where it cannot, name a temporary folder, also for processes started by this one."""
    try:
        njit(cache=True)(_nothing)
    except RuntimeError:  # cannot cache function: no locator available
        folder = str(_temporary_cache())
        numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"] = folder
        log.warning("compiled functions are kept in %s: neither evlib nor the user's cache can be written to", folder)


def _nothing() -> None:
    """A function to ask about."""


def _temporary_cache() -> Path:
    """A folder that stays for the next run, unless somebody else could have put files into it."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"evlib-numba-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    private = stat.S_ISDIR(status.st_mode) and (os.name != "posix" or stat.S_IMODE(status.st_mode) == 0o700)
    return folder if private and status.st_uid == user else Path(tempfile.mkdtemp(prefix="evlib-numba-"))


use_writable_cache()
