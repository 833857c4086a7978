"""The real house for journeys: ``make up``'s own supervisor, three programs, a browser. Nothing is faked."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "corridor-lantern-42"
START_SECONDS = 240

# Background networking off: the browser must not call anybody but us.
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class House:
    """A running 知客: its address, and the means to hurt it."""

    base: str
    var: Path
    process: subprocess.Popen[str]
    ports: dict[str, int]
    lines: list[str] = field(default_factory=list)

    def pid_of(self, module: str) -> int:
        """The process that runs ``module`` for this house."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", module], capture_output=True, text=True,
                               check=True).stdout.split()
        return int(found[0])

    def kill(self, module: str) -> int:
        pid = self.pid_of(module)
        os.kill(pid, signal.SIGKILL)
        return pid

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.base}/readyz", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self, seconds: float = 90) -> None:
        wait_for(self.ready, seconds, "the house is not ready again")


def wait_for(true: Callable[[], Any], seconds: float, otherwise: str) -> Any:
    """Poll until ``true()`` is truthy; fails the test with ``otherwise`` after ``seconds``."""
    until = time.monotonic() + seconds
    while True:
        if found := true():
            return found
        if time.monotonic() > until:
            pytest.fail(otherwise)
        time.sleep(0.1)


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """Everything started by the command that a newcomer types."""
    var = Path(tempfile.mkdtemp(prefix="zhike-journey-"))
    ports = {name: free_port() for name in ("PORT", "BOT_PORT", "ACTIONS_PORT")}
    env = {**os.environ, **{name: str(port) for name, port in ports.items()}, "VAR_DIR": str(var),
           "ZHIKE_DEMO_PASSWORD": PASSWORD, "ZHIKE_CHATS_PER_HOUR": "10000", "ZHIKE_CHAT_PER_MINUTE": "1000"}
    env.pop("DATABASE_URL", None)
    process = subprocess.Popen([sys.executable, str(ROOT / "tools" / "up.py")], cwd=ROOT, env=env, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told: queue.Queue[str] = queue.Queue()
    found = House(f"http://127.0.0.1:{ports['PORT']}", var, process, ports)

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            found.lines.append(line)
            told.put(line)

    threading.Thread(target=listen, daemon=True).start()
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            if "已就绪" in told.get(timeout=1):
                break
        except queue.Empty:
            if process.poll() is not None or time.monotonic() > until:
                process.terminate()
                pytest.fail("the house did not start:\n" + "".join(found.lines[-60:]))
    yield found
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    finally:
        process.kill()
        shutil.rmtree(var, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. A module at a time: the driver's event loop must not outlive it into other tests."""
    executable = shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@dataclass
class People:
    """Opens windows for people and notes whatever their consoles complain about."""

    browser: Browser
    base: str
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def window(self, *, phone: bool = False, dark: bool = False) -> Page:
        context = self.browser.new_context(
            viewport={"width": 390, "height": 844} if phone else {"width": 1440, "height": 900},
            locale="zh-CN", timezone_id="Asia/Shanghai", has_touch=phone, color_scheme="dark" if dark else "light")
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "favicon" not in message.text:
            self.complaints.append(message.text)

    def signed_in(self, username: str, path: str, *, dark: bool = False) -> Page:
        page = self.window(dark=dark)
        page.goto(f"{self.base}/login?next={path}")
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", PASSWORD)
        page.get_by_role("button", name="登录", exact=True).click()
        page.wait_for_url(f"**{path}**")
        return page


@pytest.fixture
def people(browser: Browser, house: House) -> Iterator[People]:
    found = People(browser, house.base)
    yield found
    for context in found.contexts:
        context.close()
