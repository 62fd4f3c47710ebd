"""Make .venv from requirements.lock, unless it is that already. Plain Python: nothing else is installed yet."""

import glob
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile

NEEDED = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, ".lock-sha")
NEEDED_GB = 2.5  # the environment has 1.6 GB; an installer unpacks beside it


def main():
    """Bring .venv up to date; the exit code is 0, or 1 after one line that says what to do."""
    try:
        return _bring_up_to_date()
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return _fail(f"{what}. The environment needs a folder that can be written to, with {NEEDED_GB:g} GB free.")


def _bring_up_to_date():
    if sys.version_info < NEEDED:
        version = ".".join(map(str, sys.version_info[:3]))
        return _fail(f"Python 3.11 or later is needed; {sys.executable} is {version}. Try: make PYTHON=python3.12")
    lock = _read(os.path.join(ROOT, "requirements.lock"))
    if lock is None:
        return _fail(f"requirements.lock cannot be read in {ROOT}. Get it back: git checkout requirements.lock")
    # The path belongs to the stamp: scripts in the environment hold it, so a moved project needs a new environment.
    wanted = f"{ROOT}\n{hashlib.sha256(lock.encode()).hexdigest()}\n"
    stamp = _read(STAMP)
    missing = set() if stamp is None else _missing(stamp)
    if stamp is not None and stamp.startswith(wanted) and not missing and os.path.exists(_python()):
        return 0
    if missing and stamp.startswith(wanted):
        print(f"Missing in .venv: {', '.join(sorted(missing)[:3])}{' ...' if len(missing) > 3 else ''}")
    hindrance = _hindrance()
    if hindrance:
        return _fail(hindrance)
    print("Installing the locked packages into .venv (once, a minute or two) ...", flush=True)
    moved = stamp is not None and stamp.splitlines()[:1] != [ROOT]
    if moved or not _works():
        shutil.rmtree(VENV, ignore_errors=True)
        if subprocess.call([sys.executable, "-m", "venv", VENV]):
            return _fail("python3 -m venv failed; see above. On Debian and Ubuntu: apt-get install python3-venv")
    elif stamp is not None:
        os.remove(STAMP)  # written again when the installation has succeeded
        _forget_distributions(missing)
    if not (_install_by_uv(lock) or _install_by_pip()):
        return _fail(
            "The packages of requirements.lock could not be installed; see above. Without a way to pypi.org, name a package "
            "index in PIP_INDEX_URL and UV_DEFAULT_INDEX, or a proxy in HTTPS_PROXY, and run it again."
        )
    _make_importable()
    with open(STAMP + ".tmp", "w", encoding="utf-8") as file:
        file.write(wanted + "".join(name + "\n" for name in _installed()))
    os.replace(STAMP + ".tmp", STAMP)
    return 0


def _hindrance():
    """What stands in the way of an installation, and what to do about it; empty if nothing does."""
    try:
        with tempfile.TemporaryFile(dir=ROOT):
            pass
    except OSError as error:
        return f"{ROOT} cannot be written to ({error.strerror}). Copy the project to a folder of your own and run make there."
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if free_gb < NEEDED_GB:
        return (
            f"{free_gb:.1f} GB are free in {ROOT}; the environment needs {NEEDED_GB:g} GB. Make room and run it again."
        )
    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        return f"{sys.executable} has no module venv. On Debian and Ubuntu: apt-get install python3-venv"
    return ""


def _installed():
    """Names of what stands in site-packages: distributions with their versions (``*.dist-info``), packages, modules."""
    names = [name for folder in _site_packages() for name in os.listdir(folder)]
    return sorted(name for name in names if name != "__pycache__")


def _missing(stamp):
    """Names that the stamp lists, as they were after the installation, and that are no longer there.

    A stamp that lists none is of an earlier version of this file; then it cannot be told, so its list is missing.
    """
    names = stamp.splitlines()[2:]
    return set(names).difference(_installed()) if names else {"list of packages"}


def _forget_distributions(missing):
    """Remove the records of packages of which a part is missing: installers believe the records, not the files."""
    for folder in _site_packages():
        for record in glob.glob(os.path.join(glob.escape(folder), "*.dist-info", "RECORD")):
            files = (_read(record) or "").splitlines()
            if missing.intersection(line.split(",")[0].split("/")[0] for line in files):
                shutil.rmtree(os.path.dirname(record), ignore_errors=True)


def _site_packages():
    return glob.glob(os.path.join(glob.escape(VENV), "lib", "python3*", "site-packages"))


def _install_by_uv(lock):
    """Install with the uv that the lock pins: about ten times as fast as pip."""
    match = re.search(r"^uv==.*?(?=^[A-Za-z0-9]|\Z)", lock, re.MULTILINE | re.DOTALL)
    if match is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        pin = os.path.join(folder, "uv.txt")
        with open(pin, "w", encoding="utf-8") as file:
            file.write(match.group())
        command = [_python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        if subprocess.call([*command, "--require-hashes", "-r", pin], cwd=ROOT):
            print("uv could not be had; using pip.", flush=True)
            return False
    command = [_python(), "-m", "uv", "pip", "sync", "--quiet", "--python", _python(), "--require-hashes"]
    if subprocess.call([*command, "requirements.lock"], cwd=ROOT):
        print("uv could not install the lock; using pip.", flush=True)
        return False
    return True


def _install_by_pip():
    command = [_python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    return not subprocess.call([*command, "--require-hashes", "-r", "requirements.lock"], cwd=ROOT)


def _make_importable():
    """Install evlib in place: one line that adds the project to the path. No build, so nothing to build with."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.check_output([_python(), "-c", code], universal_newlines=True).strip()
    with open(os.path.join(folder, "evlib.pth"), "w", encoding="utf-8") as file:
        file.write(ROOT + "\n")


def _works():
    try:
        return not subprocess.call([_python(), "-m", "pip", "--version"], stdout=subprocess.DEVNULL)
    except OSError:
        return False


def _python():
    return os.path.join(VENV, "bin", "python")


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _fail(message):
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
