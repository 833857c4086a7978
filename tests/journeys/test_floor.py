"""A busy floor: two agents, a supervisor and three customers at once, one of them on a phone. Real house, real browsers."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Frame, Page, Route, expect

from tests.journeys.house import House
from tests.journeys.people import People

GRAVE = ("serious", "critical")


@dataclass
class Floor:
    """Who is at work and who has come; later tests go on where earlier ones stopped."""

    people: People
    desks: dict[str, Page]
    wall: Page
    customers: dict[str, Any] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)  # customer → username of the agent

    def conversation(self, name: str) -> str:
        return str(self.customers[name].conversation["id"])

    def asks(self, name: str) -> None:
        self.customers[name].asks_for_a_person()

    def offered(self, name: str, but_not: str | None = None) -> str:
        """The agent to whom this customer is offered; fails when nobody is."""
        conversation = self.conversation(name)
        first = re.compile(re.escape(conversation))
        either = [desk for who, desk in self.desks.items() if who != but_not]
        for _ in range(60):
            for who, desk in self.desks.items():
                if who != but_not and desk.locator(f"[data-accept='{conversation}']").count():
                    return who
            either[0].wait_for_timeout(500)
        pytest.fail(f"nobody was offered {name} ({first.pattern})")

    def accepts(self, who: str, name: str) -> None:
        self.desks[who].locator(f"[data-accept='{self.conversation(name)}']").click()
        expect(self.desks[who].locator(f"#talk[data-id='{self.conversation(name)}'] #head")).to_contain_text("你在接待")
        self.customers[name].hears("handoff.agent_joined")
        self.holders[name] = who

    def opens(self, who: str, name: str) -> Page:
        desk = self.desks[who]
        conversation = self.conversation(name)
        desk.locator(f"#mine [data-open='{conversation}']").click()
        expect(desk.locator(f"#talk[data-id='{conversation}']")).to_be_visible()
        return desk

    def replies(self, who: str, name: str, words: str) -> None:
        desk = self.opens(who, name)
        desk.locator("#words").fill(words)
        desk.keyboard.press("Enter")


@pytest.fixture(scope="module")
def floor(browser: Browser, house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    people = People(browser, house.base, tmp_path_factory.mktemp("floor"))
    for name in ("linjia", "zhouyang", "hantao"):
        with house.staff(name) as client:
            _leave_nobody_waiting(client)
    desks = {name: people.signed_in(name, "/desk") for name in ("linjia", "zhouyang")}
    for desk in desks.values():
        expect(desk.locator("#sync-text")).to_have_text(re.compile("已连接"))
    found = Floor(people, desks, people.signed_in("hantao", "/desk/wall"))
    yield found
    people.leave()


def _leave_nobody_waiting(client: Any) -> None:
    """Other journeys may have left customers in the queue or in hand: this one begins with an empty floor."""
    token = re.search(r'<meta name="csrf" content="([^"]+)">', client.get("/desk").text)
    assert token, "the desk page carries no form token"
    headers = {"X-CSRF-Token": token[1]}
    before = client.get("/api/desk").json()["me"]["status"]
    client.post("/api/desk/status", json={"status": "online"}, headers=headers)
    for _ in range(30):
        state = client.get("/api/desk").json()
        rows = [*state["mine"], *state["queue"]]
        if not rows:
            break
        for row in rows:
            conversation = row["conversation_id"]
            client.post(f"/api/desk/{conversation}/take", headers=headers)
            client.post(f"/api/desk/{conversation}/wrap-up", json={"outcome": "customer_left"}, headers=headers)
    client.post("/api/desk/status", json={"status": before}, headers=headers)


def test_each_customer_is_offered_to_somebody_who_is_there_and_taken_by_one_key(floor: Floor) -> None:
    floor.customers["陈"] = floor.people.customer()
    floor.customers["李"] = floor.people.customer(phone=True)
    floor.asks("陈")
    first = floor.offered("陈")
    floor.desks[first].locator("#list-scroll").focus()
    floor.desks[first].keyboard.press("a")
    expect(floor.desks[first].locator("#head")).to_contain_text("你在接待，机器人已静音")
    assert "已接入" in floor.customers["陈"].hears("handoff.agent_joined").text
    floor.holders["陈"] = first

    # The next one goes to the colleague with less to do.
    floor.asks("李")
    second = floor.offered("李")
    assert second != first, "the second customer was offered to the busier agent"
    floor.accepts(second, "李")


def test_who_is_not_wanted_by_one_goes_to_the_other(floor: Floor) -> None:
    floor.customers["王"] = floor.people.customer()
    floor.asks("王")
    first = floor.offered("王")
    floor.desks[first].locator(f"[data-decline='{floor.conversation('王')}']").click()
    assert floor.offered("王", but_not=first) != first


def test_an_accepted_customer_does_not_pull_the_agent_away_from_another(floor: Floor) -> None:
    """The answer to 接下 comes when the agent has long turned to somebody else: what is being typed stays where it is."""
    who = floor.offered("王")
    desk = floor.desks[who]
    other = next(name for name, holder in floor.holders.items() if holder == who)
    kept_waiting: list[Route] = []
    desk.route("**/take", lambda route: kept_waiting.append(route))
    desk.locator(f"[data-accept='{floor.conversation('王')}']").click()
    floor.opens(who, other)
    desk.locator("#words").fill("正在写")
    kept_waiting[0].continue_()
    expect(desk.locator("#toasts")).to_contain_text("接下了")
    expect(desk.locator(f"#talk[data-id='{floor.conversation(other)}']")).to_be_visible()
    expect(desk.locator("#words")).to_have_value("正在写")
    desk.locator("#words").fill("")
    desk.unroute("**/take")
    floor.customers["王"].hears("handoff.agent_joined")
    floor.holders["王"] = who


def test_everybody_is_heard_at_once_and_nobody_hears_anothers_words(floor: Floor) -> None:
    said = {name: f"{name}：我的事说到第 {number} 步了" for number, name in enumerate(floor.customers, 1)}
    for name, words in said.items():
        floor.customers[name].says(words)
    for name, words in said.items():
        desk = floor.opens(floor.holders[name], name)
        expect(desk.locator("#flow [data-customer]").last).to_contain_text(words)
    for name in said:
        floor.replies(floor.holders[name], name, f"给{name}的答复，马上办好。")
    for name in said:
        customer = floor.customers[name]
        customer.hears_from_a_person(f"给{name}的答复")
        heard = [one.text for one in customer.messages() if one.sender == "agent"]
        assert all("给" + other + "的" not in text for text in heard for other in said if other != name)
        assert not [one for one in customer.messages() if one.sender == "bot" and one.seq > customer.mark]
    # The customer looks at it, and the agent sees that.
    desk = floor.opens(floor.holders["李"], "李")
    expect(desk.locator("#flow .m.us").last).to_contain_text("已读")


def test_typing_shows_on_both_sides(floor: Floor) -> None:
    customer, who = floor.customers["陈"], floor.holders["陈"]
    desk = floor.opens(who, "陈")
    customer.inside.get_by_role("textbox", name="输入消息").press_sequentially("我想再问", delay=80)
    expect(desk.locator("#m-typing")).to_be_visible()
    customer.inside.get_by_role("textbox", name="输入消息").fill("")
    desk.locator("#words").press_sequentially("您请说", delay=80)
    expect(customer.inside.locator(".zk-typing, [data-typing]").first).to_be_visible()
    desk.locator("#words").fill("")


def test_a_colleague_is_asked_without_the_customer_knowing(floor: Floor) -> None:
    asking = floor.holders["陈"]
    asked = next(who for who in floor.desks if who != asking)
    name = {"linjia": "林佳", "zhouyang": "周杨"}[asked]
    before = floor.customers["陈"].last_seq
    desk = floor.opens(asking, "陈")
    desk.locator("[data-form=consult]").click()
    form = desk.locator("#consult")
    form.locator("[name=asked]").select_option(asked)
    form.locator("[name=question]").fill("这种情况可以换新吗")
    form.get_by_role("button", name="请教", exact=True).click()
    expect(desk.locator("#head")).to_contain_text(f"在请教{name}")
    row = floor.desks[asked].locator("#asked [data-open]").first
    expect(row).to_contain_text("可以换新吗")
    row.click()
    other = floor.desks[asked]
    expect(other.locator("#head")).to_contain_text("请教你")
    other.locator("#tab-note").click()
    other.locator("#words").fill("七天内可以，走换新流程。")
    other.keyboard.press("Enter")
    expect(desk.locator("#flow .note").last).to_contain_text("走换新流程")
    desk.locator("[data-end-consult]").click()
    expect(desk.locator("[data-end-consult]")).to_have_count(0)
    assert [one for one in floor.customers["陈"].messages() if one.seq > before] == []


def test_the_supervisor_watches_whispers_and_takes_over(floor: Floor) -> None:
    wall = floor.wall
    held = wall.locator(".figure", has_text="接待中")
    expect(held.locator(".big")).to_contain_text(str(len(floor.customers)))
    who = floor.holders["王"]
    conversation = floor.conversation("王")
    wall.locator(f"#p-{who} a[href='/desk/{conversation}']").click()
    expect(wall.locator("#head")).to_contain_text("在接待")
    before = floor.customers["王"].last_seq

    wall.locator("#tab-whisper").click()
    wall.locator("#words").fill("先别答应退款，等我看一下。")
    wall.keyboard.press("Enter")
    desk = floor.opens(who, "王")
    expect(desk.locator("#flow .note.whisper").last).to_contain_text("先别答应退款")
    assert floor.customers["王"].last_seq == before, "a whisper reached the customer"

    wall.locator("[data-take-over]").click()
    expect(wall.locator("#head")).to_contain_text("你在接待")
    wall.locator("#tab-reply").click()
    wall.locator("#words").fill("我是韩涛，您的事我来办。")
    wall.keyboard.press("Enter")
    floor.customers["王"].hears_from_a_person("我是韩涛")
    expect(desk.locator("#head")).to_contain_text("韩涛在接待")
    # Whoever was relieved writes notes from now on, not replies.
    expect(desk.locator("#tab-note")).to_have_attribute("aria-selected", "true")
    desk.locator("#words").fill("我这边再说一句")
    desk.keyboard.press("Enter")
    expect(desk.locator("#flow .note").last).to_contain_text("我这边再说一句")
    expect(wall.locator("#flow .note").last).to_contain_text("我这边再说一句")
    assert "我这边再说一句" not in " ".join(one.text for one in floor.customers["王"].messages())


def test_the_queue_lets_the_bot_answer_by_consent_and_a_person_silences_it(floor: Floor) -> None:
    for desk in floor.desks.values():
        desk.locator("#status-button").click()
        desk.locator("[data-status-set=busy]").click()
        expect(desk.locator("#status-button")).to_contain_text("忙碌")
    customer = floor.customers["赵"] = floor.people.customer(phone=True)
    floor.asks("赵")
    customer.hears("handoff.queued", "handoff.next_in_line", "handoff.out_of_hours")
    customer.presses("先问小知")
    customer.hears("handoff.bot_meanwhile")
    customer.says("发票怎么开")
    assert customer.hears("invoice.how_to_issue").sender == "bot"
    ready = floor.desks["linjia"]
    ready.locator("#status-button").click()
    ready.locator("[data-status-set=online]").click()
    assert floor.offered("赵", but_not="zhouyang") == "linjia"
    floor.accepts("linjia", "赵")
    customer.says("发票可以开公司抬头吗")
    expect(floor.opens("linjia", "赵").locator("#flow [data-customer]").last).to_contain_text("公司抬头")
    customer.page.wait_for_timeout(2000)
    assert [one for one in customer.messages() if one.sender == "bot" and one.seq > customer.mark] == []


def _grave(place: Page | Frame, run: Callable[[Any], Any]) -> list[str]:
    found = run(place).response["violations"]
    return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in GRAVE]


def test_no_grave_fault_of_accessibility_on_desk_wall_and_widget(floor: Floor) -> None:
    axe = Axe()
    floor.wall.goto(f"{floor.people.base}/desk/wall")
    expect(floor.wall.locator("h1").first).to_be_visible()
    places: dict[str, Page | Frame] = {"desk": floor.desks["linjia"], "wall": floor.wall,
                                       "widget": floor.customers["陈"].inside, "phone": floor.customers["李"].inside}
    grave = {name: _grave(place, axe.run) for name, place in places.items()}
    assert grave == {name: [] for name in places}, json.dumps(grave, ensure_ascii=False, indent=1)


def test_the_browsers_had_nothing_to_complain_about(floor: Floor) -> None:
    # One refusal was provoked: the reply of somebody who had been relieved.
    assert [one for one in floor.people.complaints if "409" not in one and "403" not in one] == []
