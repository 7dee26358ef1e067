"""A headless Chromium, driven through its DevTools protocol over a pipe: what a person would do, and all that it complains of.

The protocol: https://chromedevtools.github.io/devtools-protocol/ (JSON messages that end in a zero byte, fd 3 in, fd 4 out).
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
]
KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "Space": (32, " "),
    "Down": (40, ""),
    "End": (35, ""),
}
PATIENCE = 30.0


def program() -> str:
    """Return the browser that is here; there is no skipping: a page that nobody has seen is not tested."""
    found = os.environ.get("SHIP_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "no Chromium is here. hint: make e2e (as root it installs one), or set SHIP_CHROMIUM"
    return found


class Browser:
    """The process and its pipe. Every message that is no answer is an event, and kept."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out = into, out
        self._received = b""
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **params: object) -> dict[str, Any]:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._into, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while self._number not in self._answers:
            assert time.monotonic() < deadline, f"the browser did not answer {method}"
            self._read()
        answer = self._answers.pop(self._number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> None:
        ready, _, _ = select.select([self._out], [], [], 0.2)
        if not ready:
            return
        received = os.read(self._out, 1 << 20)
        assert received, "the browser is gone"
        *whole, self._received = (self._received + received).split(b"\0")
        for text in whole:
            message = json.loads(text)
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self.events.append(message)

    def page(self, *, width: int = 1200, height: int = 900, scheme: str = "light") -> Page:
        """Open a page of its own: nothing is shared with another."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, target)
        for domain in ("Page", "Runtime", "Log", "Audits", "Network"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        page.scheme(scheme)
        return page


class Page:
    """One open page, and what a person does on it."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._target = target
        self.session = session

    def close(self) -> None:
        """Leave it: what it watched is let go."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def call(self, method: str, **params: object) -> dict[str, Any]:
        return self._browser.call(method, self.session, **params)

    def scheme(self, name: str, *, motion: bool = True) -> None:
        features = {"prefers-color-scheme": name, "prefers-reduced-motion": "no-preference" if motion else "reduce"}
        self.call(
            "Emulation.setEmulatedMedia", features=[{"name": key, "value": value} for key, value in features.items()]
        )

    def open(self, url: str) -> None:
        """Go there, and wait until it is read and its script has run."""
        self.call("Page.navigate", url=url)
        self.until(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def ask(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page has
        told = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, expression: str, *, seconds: float = PATIENCE) -> None:
        """Wait until the expression is true; a page that is just being left has no answer yet."""
        deadline = time.monotonic() + seconds
        while True:
            told = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
            if "exceptionDetails" not in told and told["result"].get("value") is True:
                return
            assert time.monotonic() < deadline, f"it did not become true: {expression}\n{self.text()}"
            select.select([], [], [], 0.05)

    def text(self, selector: str = "body") -> str:
        return str(self.ask(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def press(self, key: str, *, shift: bool = False) -> None:
        code, text = KEYS[key]
        name = " " if key == "Space" else {"Down": "ArrowDown"}.get(key, key)
        told = {"key": name, "code": {"Down": "ArrowDown"}.get(key, key), "windowsVirtualKeyCode": code}
        held = {"modifiers": 8} if shift else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **told, **held, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **told, **held)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def tab_to(self, what: Callable[[str], bool], *, most: int = 80) -> str:
        """Press Tab until what has the focus is called so; return its name. Only what can be reached so is found."""
        seen = []
        for _ in range(most):
            self.press("Tab")
            seen.append(self.focused())
            if what(seen[-1]):
                return seen[-1]
        raise AssertionError(f"not reached by Tab: {seen}")

    def focused(self) -> str:
        """Return what has the focus, as it is called."""
        return str(
            self.ask(
                "(e => e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || e.id || e.tagName)"
                "(document.activeElement)"
            )
        ).strip()

    def picture(self, path: Path, *, whole: bool = False) -> None:
        told = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def forgive(self) -> None:
        """Forget what the browser complained of: it was meant to."""
        self._browser.events.clear()

    def complaints(self) -> list[str]:
        """Return what the browser found wrong: errors on its console, exceptions, violations of the policy, failed loads."""
        self.ask("1")
        found = []
        for event in self._browser.events:
            if event.get("sessionId") != self.session:
                continue
            method, told = event["method"], event["params"]
            if method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(f"{told['entry']['source']}: {told['entry']['text']} {told['entry'].get('url', '')}")
            elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                found.append(f"console: {told['args']}")
            elif method == "Runtime.exceptionThrown":
                found.append(f"exception: {told['exceptionDetails']}")
            elif method == "Audits.issueAdded":
                found.append(f"issue: {told['issue']['code']} {json.dumps(told['issue']['details'])}")
        return found


@contextlib.contextmanager
def started(profile: Path) -> Iterator[Browser]:
    """Run a browser until the block ends; its profile is a folder of the test's."""
    # Above 3 and 4, which are the browser's ends of the two pipes.
    theirs, ours, mine, yours = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in _pipes())
    argv = [program(), *FLAGS, f"--user-data-dir={profile}"]
    quiet = os.open(os.devnull, os.O_RDWR)
    actions = [
        (os.POSIX_SPAWN_DUP2, theirs, 3),
        (os.POSIX_SPAWN_DUP2, yours, 4),
        *((os.POSIX_SPAWN_DUP2, quiet, fd) for fd in (0, 1, 2)),
    ]
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setpgroup=0)
    for fd in (theirs, yours, quiet):
        os.close(fd)
    try:
        yield Browser(ours, mine)
    finally:
        for fd in (ours, mine):
            os.close(fd)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _pipes() -> Iterator[int]:
    for _ in range(2):
        for fd in os.pipe():
            yield fd
            os.close(fd)
