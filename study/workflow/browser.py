"""A headless Chromium, driven through a pipe: what a page logs, asks for and looks like. Needs no package."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evlib.errors import StudyError

__all__ = ["Browser", "Visit", "find_browser"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Without these a browser asks its maker for updates and translations, which would count as requests of a page.
_QUIET = (
    "--headless=new",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def find_browser() -> str | None:
    """Path of a Chromium or Chrome: ``EVLIB_BROWSER``, or one of the usual names on the path; None if there is none."""
    wanted = os.environ.get("EVLIB_BROWSER")
    return shutil.which(wanted) if wanted else next(filter(None, map(shutil.which, _NAMES)), None)


@dataclass
class Visit:
    """What happened while a page was open.

    Attributes
    ----------
    errors : list of str
        Errors on the console, and exceptions that nobody caught.
    requests : list of str
        Addresses that the page asked for, itself included.
    """

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def left(self) -> list[str]:
        """Requests that would leave the machine."""
        return [address for address in self.requests if not address.startswith(("file:", "data:", "blob:", "about:"))]


class Browser:
    """A browser with one page, as a context.

    Parameters
    ----------
    executable : str
        As `find_browser` returns it.
    limit_s : float
        Longest time to wait for an answer [s].

    Raises
    ------
    StudyError
        It does not answer in time, or a script on the page fails.
    """

    def __init__(self, executable: str, *, limit_s: float = 300.0):
        self._executable, self._limit_s = executable, limit_s
        self._number, self._buffer, self._visit = 0, b"", Visit()
        self._session: str | None = None
        self._loaded = False

    def __enter__(self) -> Browser:
        self._profile = tempfile.mkdtemp(prefix="browser-")
        (to_read, self._write), (self._read, to_write) = os.pipe(), os.pipe()
        # The browser expects its pipes at 3 and 4, so nothing of ours may stand there when it starts.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, to_write)]

        def place_pipes() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [self._executable, *_QUIET, *sandbox, f"--user-data-dir={self._profile}", "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            [*command, "about:blank"],
            preexec_fn=place_pipes,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for end in (to_read, to_write, *ends):
            os.close(end)
        try:
            target = self._ask("Target.createTarget", {"url": "about:blank"}, page=False)["targetId"]
            answer = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True}, page=False)
            self._session = answer["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self._ask(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, page: Path, *, width: int = 1280, height: int = 900, query: str = "") -> Visit:
        """Open a file in a window of a width and height [px], and wait until it is loaded and drawn.

        Returns
        -------
        Visit
            Goes on recording until the next page is opened.
        """
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", size)
        self._visit, self._loaded = Visit(), False
        self._ask("Page.navigate", {"url": page.resolve().as_uri() + query})
        end = time.monotonic() + self._limit_s
        while not self._loaded:
            self._receive(end)
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
        return self._visit

    def run(self, script: str) -> Any:
        """Value of a script's last expression, or of the promise that it is.

        Raises
        ------
        StudyError
            The script throws.
        """
        answer = self._ask("Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True})
        if "exceptionDetails" in answer:
            raise StudyError(f"browser: {_told(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def picture(self, file: Path, *, height: int | None = None) -> None:
        """Write what the window shows as PNG; with a height [px], the page from its top down to there."""
        options: dict[str, Any] = {"format": "png"}
        if height is not None:
            width = self.run("window.innerWidth")
            whole = self.run("document.documentElement.scrollHeight")
            clip = {"x": 0, "y": 0, "width": width, "height": min(height, whole), "scale": 1}
            options |= {"clip": clip, "captureBeyondViewport": True}
        file.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot", options)["data"]))

    def _ask(self, method: str, options: dict | None = None, *, page: bool = True) -> dict:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": options or {}}
        if page:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + self._limit_s
        while True:
            answer = self._receive(end)
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise StudyError(f"browser: {method}: {answer['error']['message']}")
                return answer["result"]

    def _receive(self, end: float) -> dict:
        """The next message; events are noted on the way."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            received = os.read(self._read, 1 << 20) if ready else b""
            if not received:
                raise StudyError(f"{self._executable}: {'ended' if ready else 'no answer in time'}")
            self._buffer += received
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event: str | None, about: dict) -> None:
        if event == "Page.loadEventFired":
            self._loaded = True
        elif event == "Network.requestWillBeSent":
            self._visit.requests.append(about["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self._visit.errors.append(_told(about["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            words = [str(value.get("value", value.get("description", ""))) for value in about["args"]]
            self._visit.errors.append(" ".join(words))
        elif event == "Log.entryAdded" and about["entry"]["level"] == "error":
            self._visit.errors.append(f"{about['entry']['text']} {about['entry'].get('url', '')}".strip())


def _told(details: dict) -> str:
    return details.get("exception", {}).get("description") or details.get("text", "")
