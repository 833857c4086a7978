"""Somebody at a browser on a page with the widget, and the agent at the other end."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from backend.conversations import service as conversations
from backend.handoffs import service as handoffs
from backend.kernel.actors import SYSTEM
from tests.cast import LIN_JIA
from tests.journeys.people import widget_frame
from tests.journeys.quick import QuickHouse


def snippet(house: QuickHouse, site: str = "partner", **data: Any) -> str:
    more = "".join(f' data-{name}="{value}"' for name, value in data.items())
    return f'<script async src="{house.base}/widget.js" data-site="{site}"{more}></script>'


class Visitor:
    """Somebody at a browser, on a page with the widget."""

    def __init__(self, browser: Browser, address: str, **more: Any) -> None:
        self.context: BrowserContext = browser.new_context(
            viewport=more.pop("viewport", {"width": 1280, "height": 860}), locale="zh-CN", timezone_id="Asia/Shanghai", **more)
        self.asked: set[str] = set()
        self.console: list[str] = []
        self.context.on("request", lambda request: self.asked.add("/".join(request.url.split("/")[:3])))
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("console", lambda message: self.console.append(message.text) if message.type == "error" else None)
        self.page.goto(address)

    def opens(self) -> "Visitor":
        self.page.locator(".zk-launcher").click()
        expect(self.inside.locator("[data-script='system.welcome']")).to_be_visible()
        return self

    @property
    def inside(self) -> Frame:
        return widget_frame(self.page)

    @property
    def field(self) -> Any:
        return self.inside.get_by_role("textbox", name="输入消息")

    def says(self, text: str) -> None:
        self.field.fill(text)
        self.field.press("Enter")

    def own_words(self) -> list[str]:
        return self.inside.locator(".zk-list > .zk-from-customer .zk-say").all_inner_texts()

    def kept(self, name: str, site: str = "partner") -> Any:
        return self.page.evaluate("(place) => JSON.parse(localStorage.getItem(place))", f"zk:{site}:{name}")

    @property
    def conversation(self) -> str:
        return str(self.kept("conversation")["id"])


def lin_jia_takes(house: QuickHouse, conversation_id: str) -> None:
    with house.works.begin(SYSTEM) as work:
        handoffs.request(work, conversation_id, "customer_request", {}, "")
    with house.works.begin(LIN_JIA) as work:
        handoffs.set_status(work, "online")
        handoffs.take(work, conversation_id)


def lin_jia_says(house: QuickHouse, conversation_id: str, text: str, **more: Any) -> int:
    with house.works.begin(LIN_JIA) as work:
        conversation = conversations.get(work.session, conversation_id)
        return conversations.say_as_agent(work, conversation, text, f"a-{text}", **more).seq


def stored(house: QuickHouse, conversation_id: str) -> list[str]:
    with house.works.read(SYSTEM) as work:
        return [one.text for one in conversations.thread(work.session, conversation_id) if one.sender == "customer"]
