"""People at their browsers: customers at the shop's widget, colleagues behind the log-in."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Frame, Page, expect

from tests.journeys.house import PASSWORD, wait_for

PATIENCE = 30  # seconds; two cores may have other work to do
DESKTOP, PHONE = (1440, 900), (390, 844)


@dataclass
class People:
    """Opens windows for people and notes whatever their consoles complain about."""

    browser: Browser
    base: str
    album: Path  # where pictures of a failure go
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def window(self, *, phone: bool = False, dark: bool = False) -> Page:
        width, height = PHONE if phone else DESKTOP
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai", has_touch=phone,
            color_scheme="dark" if dark else "light")
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "favicon" not in message.text:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def expect_refusal(self) -> None:
        """A form was refused on purpose: the browser notes the status, which is no complaint."""
        self.complaints[:] = [one for one in self.complaints if "422" not in one]

    def signed_in(self, username: str, path: str, *, phone: bool = False, dark: bool = False) -> Page:
        page = self.window(phone=phone, dark=dark)
        page.goto(f"{self.base}/login?next={path}")
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", PASSWORD)
        page.get_by_role("button", name="登录", exact=True).click()
        page.wait_for_url(f"**{path}**")
        return page

    def customer(self, *, phone: bool = False) -> "Customer":
        """Somebody new at the shop, with the widget open."""
        customer = Customer(self.window(phone=phone), self.base)
        customer.comes()
        customer.opens_the_widget()
        return customer

    def photograph(self, name: str) -> list[Path]:
        """Every open window, for whoever has to find out why a journey failed."""
        pages = [page for context in self.contexts for page in context.pages if not page.is_closed()]
        taken = []
        for number, page in enumerate(pages, 1):
            path = self.album / f"{name}-{number}.png"
            page.screenshot(path=path, timeout=10_000)
            taken.append(path)
        return taken

    def leave(self) -> None:
        for context in self.contexts:
            context.close()


@dataclass(frozen=True)
class Shown:
    """One message as the widget shows it."""

    seq: int
    sender: str
    script: str
    version: int
    text: str


_MESSAGES = """() => [...document.querySelectorAll('.zk-list > .zk-msg[data-seq]')].map((box) => ({
    seq: Number(box.dataset.seq), sender: box.dataset.from, script: box.dataset.script ?? '',
    version: Number(box.dataset.version ?? 0),
    text: (box.querySelector('.zk-say, .zk-at:not(time)') ?? box).innerText.trim() }))"""


def widget_frame(page: Page) -> Frame:
    """The widget's own frame, as it stands now: a reload brings a new one."""
    frame = page.locator("iframe[src*='/widget/frame']").element_handle().content_frame()
    assert frame is not None
    frame.wait_for_url("**/widget/frame?*")
    return frame


class Customer:
    """A customer in front of the widget: says, presses, hears."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.mark = 0  # the last number seen before the customer's latest act

    def comes(self) -> None:
        self.page.goto(self.base)
        expect(self.launcher).to_be_visible()

    @property
    def launcher(self) -> Any:
        return self.page.locator(".zk-launcher")

    @property
    def inside(self) -> Frame:
        return widget_frame(self.page)

    @property
    def widget(self) -> Any:
        return self.inside.get_by_role("dialog", name="在线客服")

    def opens_the_widget(self) -> None:
        self.launcher.click()
        self.hears("system.welcome")

    # --- what is on the screen ------------------------------------------------------------------

    def messages(self) -> list[Shown]:
        return [Shown(**one) for one in self.inside.evaluate(_MESSAGES)]

    @property
    def last_seq(self) -> int:
        return max((one.seq for one in self.messages()), default=0)

    @property
    def conversation(self) -> dict[str, str]:
        """``id`` and ``token`` as the browser keeps them."""
        kept: dict[str, str] = self.page.evaluate(
            "() => JSON.parse(localStorage.getItem('zk:shop:conversation'))")
        return kept

    def choice(self, title: str) -> Any:
        """A quick choice under the newest words, or in the queue's card."""
        places = self.inside.locator(".zk-quick:not([hidden]), .zk-alt")
        return places.get_by_role("button", name=title, exact=True).last

    # --- what the customer does -----------------------------------------------------------------

    def says(self, text: str) -> None:
        self.mark = self.last_seq
        self.inside.get_by_role("textbox", name="输入消息").fill(text)
        self.page.keyboard.press("Enter")

    def presses(self, title: str) -> None:
        self.mark = self.last_seq
        self.choice(title).click()

    def asks_for_a_person(self) -> None:
        self.mark = self.last_seq
        self.inside.locator(".zk-human").click()

    # --- what the customer hears ----------------------------------------------------------------

    def hears(self, *scripts: str, within: float = PATIENCE) -> Shown:
        """The first answer by one of these scripts since the customer's latest act."""
        started = time.monotonic()
        while True:
            since = [one for one in self.messages() if one.seq > self.mark]
            found = next((one for one in since if one.script in scripts), None)
            if found:
                return found
            assert time.monotonic() - started < within, f"waited for {scripts}, heard {since}"
            time.sleep(0.05)

    def hears_from_a_person(self, text: str, within: float = PATIENCE) -> Shown:
        def found() -> Shown | None:
            return next((one for one in self.messages() if one.sender == "agent" and text in one.text), None)
        said = wait_for(found, within, f"the agent's words never came: {text}")
        assert said is not None
        return said
