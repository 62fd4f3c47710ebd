"""Files that are either complete or absent: every writer uses a temporary name first and then renames."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from evlib.leftovers import remove, temporary_path

__all__ = [
    "json_text",
    "replacing",
    "replacing_files",
    "replacing_folder",
    "sha256_file",
    "why_unwritable",
    "write_bytes",
    "write_csv",
    "write_json",
    "write_npz",
    "write_text",
]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Provide a temporary path in the folder of ``path``, and rename it to ``path`` if the block ends without error.

    Parameters
    ----------
    path : path-like
        The file to write; its folder is created if missing.

    Yields
    ------
    Path
        Where to write. If the block raises, even KeyboardInterrupt, this file is removed and the old one stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_folder(folder: str | os.PathLike[str], *, keep: Callable[[Path], bool]) -> Iterator[Path]:
    """Give a temporary folder beside ``folder``, and rename it once the block has ended well.

    Parameters
    ----------
    folder : path-like
        The folder to make.
    keep : callable
        Is told ``folder`` where there is one by then, and says whether that stays: another process may have made it
        meanwhile. Otherwise it is replaced.

    Yields
    ------
    Path
        Where to write; removed if the block raises.
    """
    folder = Path(folder)
    temporary = temporary_path(folder)
    try:
        yield temporary
        try:
            os.rename(temporary, folder)
        except OSError:
            if not keep(folder):
                _exchange(temporary, folder)
    finally:
        remove(temporary)


def _exchange(temporary: Path, folder: Path) -> None:
    """Put a folder in the place of another, or of a file; no system renames over a folder that holds something."""
    aside = temporary_path(folder)
    with suppress(FileNotFoundError):
        os.rename(folder, aside)
    try:
        os.rename(temporary, folder)
    finally:
        remove(aside)


@contextmanager
def replacing_files(folder: str | os.PathLike[str], *, last: str) -> Iterator[Path]:
    """Give a temporary folder within ``folder``, and move its files up once the block has ended well.

    Parameters
    ----------
    folder : path-like
        Must be there; other files in it stay.
    last : str
        Name of the file that is moved last.

    Yields
    ------
    Path
        Where to write; removed when the block raises.
    """
    folder = Path(folder)
    temporary = temporary_path(folder / "files")
    try:
        temporary.mkdir()
        yield temporary
        for path in sorted(temporary.iterdir(), key=lambda path: path.name == last):
            os.replace(path, folder / path.name)
    finally:
        remove(temporary)


def why_unwritable(path: str | os.PathLike[str]) -> str:
    """Why a file cannot be written at a place, found out by writing a small one beside it; empty if it can."""
    probe = None
    try:
        probe = temporary_path(Path(path))
        probe.write_bytes(b"?")
        return ""
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    finally:
        with suppress(OSError, ValueError, AttributeError):
            probe.unlink()


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write bytes completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text with Unix line ends, completely or not at all."""
    write_bytes(path, text.encode())


def json_text(value: Any) -> str:
    """JSON text with sorted keys: equal values give equal text.

    Parameters
    ----------
    value : object
        Dicts, lists, strings, numbers (NumPy scalars too) and None.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a number is nan or infinite, which JSON cannot represent.
    TypeError
        If the value contains anything else.
    """
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    raise TypeError(f"{value!r} is of type {type(value).__name__}; JSON takes dict, list, str, number, bool and None")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write JSON as in `json_text`, completely or not at all."""
    write_text(path, json_text(value))


def write_csv(path: str | os.PathLike[str], table: Any) -> None:
    """Write a DataFrame as CSV without its index, completely or not at all."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_npz(path: str | os.PathLike[str], **arrays: Any) -> None:
    """Write named arrays as compressed NPZ, completely or not at all; object arrays are refused.

    Raises
    ------
    ValueError
        If an array holds Python objects, which NPZ would pickle.
    """
    import numpy as np  # imported here, so that a run that changes nothing need not load NumPy

    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise ValueError(f"{path}: array {name!r} holds Python objects; convert it to numbers or fixed-width text")
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def sha256_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
