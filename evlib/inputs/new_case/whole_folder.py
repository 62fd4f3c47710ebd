"""A case's folder that appears whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evlib.errors import InputError
from evlib.files import replacing_files, replacing_folder

__all__ = ["in_words_of_sources", "refuse_existing", "whole_folder"]


def refuse_existing(folder: str | Path) -> None:
    """Refuse a folder that holds a case already, and a file of that name."""
    file = Path(folder) / "case.yaml"
    if file.exists():
        raise InputError(f"{file}: there is a case already; choose another folder, or remove it")
    if Path(folder).exists() and not Path(folder).is_dir():
        raise InputError(f"{folder}: this is a file; must be the name of a folder to make")


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """Give a temporary folder, and let the case's folder appear once the block has ended well.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist; it may not hold a case already, nor other files of the names that are written. Other
        files in it stay.

    Yields
    ------
    Path
        Where to write. If the block raises, nothing of it is left, and the folder is as it was before.

    Raises
    ------
    InputError
        The folder holds a case, or a file that would be replaced.
    """
    folder = Path(folder)
    refuse_existing(folder)
    if folder.is_dir():
        with replacing_files(folder, last="case.yaml") as place:
            yield place
            taken = sorted(path.name for path in place.iterdir() if (folder / path.name).exists())
            if taken:
                raise InputError(
                    f"{folder / taken[0]}: there is such a file already, which the new case would replace; choose another "
                    f"folder, or remove it ({len(taken)} such: {', '.join(taken)})"
                )
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder, keep=_refuse_meanwhile) as place:
        place.mkdir()
        yield place


def _refuse_meanwhile(folder: Path) -> bool:
    raise InputError(f"{folder}: another process made this folder meanwhile; choose another one")


@contextmanager
def in_words_of_sources(place: Path, folder: str | Path, sources: dict[str, str]) -> Iterator[None]:
    """Let a refusal of the tables that were written name the files that they were made of.

    Parameters
    ----------
    place : Path
        Where the tables were written.
    folder : str or Path
        The case's folder, which does not appear.
    sources : dict of str -> str
        Name of a table -> the user's own file that it was made of.

    Raises
    ------
    InputError
        In place of the one that the block raises.
    """
    try:
        yield
    except InputError as error:
        text = str(error)
        for name, source in sources.items():
            text = text.replace(str(place / name), f"{source} (as {name} of the new case)")
        text = text.replace(str(place), str(folder))
        raise InputError(f"{text}; nothing was written to {folder}") from None
