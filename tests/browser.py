"""A real browser for tests of pages: headless Chromium without a network, driven over a pipe."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.patience import WAIT_S

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no name leads anywhere
    "--remote-debugging-pipe",
)


class NoBrowser(Exception):
    """Why no browser can be started here."""


class Browser:
    """One page of Chromium. requests: every URL that it asked for since `open`."""

    def __init__(self, to: IO[bytes], answers: IO[bytes]) -> None:
        self._to, self._answers = to, answers
        self._n_sent = 0
        self._session: str | None = None
        self._unread: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def open(self, path: Path, *, width: int = 1280, scheme: str = "light") -> None:
        """Load a file at a width in CSS pixels, in the colour scheme `light` or `dark`."""
        self._unread.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=features)
        self.send("Page.navigate", url=path.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self._unread):
            self._read()

    def evaluate(self, expression: str) -> Any:
        """A JavaScript expression's value. DevTools may run what the page's own policy forbids."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path: Path, *, whole: bool = False) -> Path:
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def pdf(self) -> bytes:
        """The page as it would be printed."""
        return base64.b64decode(self.send("Page.printToPDF")["data"])

    @property
    def requests(self) -> list[str]:
        return [
            event["params"]["request"]["url"]
            for event in self._unread
            if event["method"] == "Network.requestWillBeSent"
        ]

    @property
    def complaints(self) -> list[str]:
        """What the console would show: errors, and what the page's policy refused."""
        return [
            json.dumps(event["params"])
            for event in self._unread
            if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        ]

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        self._n_sent += 1
        message = {"id": self._n_sent, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while (answer := self._read()).get("id") != self._n_sent:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has gone"
            text += byte
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self._unread.append(message)
        return message


@contextmanager
def chromium() -> Iterator[Browser]:
    """Raises: NoBrowser."""
    binary = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if binary is None:
        raise NoBrowser("no Chromium is installed here (Debian: apt-get install chromium)")
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    home = tempfile.mkdtemp(prefix="chromium-")
    # It reads commands from descriptor 3 and answers on 4.
    command = f'exec "$@" 3<&{to_read} 4>&{from_write}'
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # root has none
    process = subprocess.Popen(
        ["bash", "-c", command, "bash", binary, *_OPTIONS, *sandbox, f"--user-data-dir={home}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(to_read, from_write),
        env={**os.environ, "HOME": home},
    )
    os.close(to_read)
    os.close(from_write)
    try:
        with open(to_write, "wb") as to, open(from_read, "rb") as answers:
            browser = Browser(to, answers)
            yield browser
            with contextlib.suppress(OSError, AssertionError):
                browser.send("Browser.close")
    finally:
        process.terminate()
        process.wait(WAIT_S)
        shutil.rmtree(home, ignore_errors=True)
