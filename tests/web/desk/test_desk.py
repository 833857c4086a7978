"""The agents' desk: what it shows, what programs may do, and a shift at it in a real browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect

from backend.handoffs import service as handoffs
from backend.infra.work import Works
from backend.kernel.actors import Actor
from tests.cast import ADMIN, HAN_TAO, LIN_JIA, SU_MIN, ZHOU_YANG
from tests.web.desk.conftest import INLINE, a_talk, customer_reads, customer_writes, offered

pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence")


# --- pages --------------------------------------------------------------------------------------


def test_the_desk_is_for_agents_only(at_desk: Callable[[Actor], TestClient], app: FastAPI) -> None:
    for stranger in (SU_MIN, ADMIN):
        assert at_desk(stranger).get("/desk").status_code == 403
        assert at_desk(stranger).get("/api/desk").status_code == 403
    unknown = TestClient(app, follow_redirects=False)
    assert unknown.get("/api/desk").status_code == 401
    assert unknown.get("/desk", headers={"Accept": "text/html"}).headers["location"].startswith("/login")


def test_an_empty_desk_says_what_will_happen(at_desk: Callable[[Actor], TestClient]) -> None:
    page = at_desk(LIN_JIA).get("/desk").text
    assert "现在没有人等" in page and "没有人等</h2>" in page


def test_every_part_of_the_desk_keeps_to_the_content_policy(
        works: Works, at_desk: Callable[[Actor], TestClient]) -> None:
    waiting = a_talk(works, "陈雨薇", "等了两周了")
    client = at_desk(LIN_JIA)
    client.post(f"/api/desk/{waiting}/take")
    paths = ["/desk", "/desk/list", f"/desk/{waiting}", *(f"/desk/{waiting}?part={part}" for part in
                                                          ("room", "log", "head", "side"))]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert not INLINE.search(answer.text), path


def test_what_a_customer_typed_is_shown_and_never_run(
        works: Works, at_desk: Callable[[Actor], TestClient]) -> None:
    conversation = a_talk(works, "<b>王</b>", "<script>alert(1)</script>")
    page = at_desk(LIN_JIA).get(f"/desk/{conversation}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "<script>alert" not in page
    assert "<b>王</b>" not in page


def test_a_bot_bubble_opens_to_its_script_version(works: Works, at_desk: Callable[[Actor], TestClient]) -> None:
    conversation = a_talk(works, "陈雨薇", "嗯")
    page = at_desk(LIN_JIA).get(f"/desk/{conversation}?part=log").text
    assert re.search(r'class="src" href="/scripts/versions/[0-9a-f]{32}"', page)


def test_an_unknown_conversation_is_not_found(at_desk: Callable[[Actor], TestClient]) -> None:
    assert at_desk(LIN_JIA).get("/desk/" + "0" * 32).status_code == 404


# --- for programs -------------------------------------------------------------------------------


def test_a_shift_by_api(works: Works, at_desk: Callable[[Actor], TestClient]) -> None:
    first, second = a_talk(works, "刘敏", "还没收到退款"), a_talk(works, "着火了", "冒烟了", "emergency")
    client, other = at_desk(LIN_JIA), at_desk(ZHOU_YANG)
    assert client.post("/api/desk/beat").json()["status"] == "online"
    assert [row["conversation_id"] for row in client.get("/api/desk").json()["queue"]] == [second, first]
    assert client.post("/api/desk/next").json()["conversation_id"] == second
    lost = other.post(f"/api/desk/{second}/take")
    assert (lost.status_code, lost.json()["code"]) == (409, "already_taken")
    sent = [client.post(f"/api/desk/{second}/reply", json={"text": "先断电", "client_id": "d-1"}) for _ in range(2)]
    assert sent[0].status_code == 201 and sent[0].json()["seq"] == sent[1].json()["seq"]
    assert other.post(f"/api/desk/{second}/reply", json={"text": "我来", "client_id": "d-2"}).status_code == 409
    assert other.post(f"/api/desk/{second}/note", json={"text": "已打 119"}).status_code == 201
    assert customer_reads(works, second)[-1] == "先断电"
    thread = client.get(f"/api/desk/{second}/messages").json()
    assert thread["state"] == "agent" and [one["from"] for one in thread["messages"]][-2:] == ["agent", "note"]
    bad = client.post(f"/api/desk/{second}/wrap-up", json={"outcome": "随便"})
    assert (bad.status_code, bad.json()["fields"]) == (422, {"outcome": "请选一个结果"})
    assert client.post(f"/api/desk/{second}/wrap-up", json={"outcome": "solved"}).json()["outcome"] == "solved"
    assert client.get("/api/desk").json()["counts"]["mine"] == 0


def test_writing_by_cookie_needs_the_pages_own_token(works: Works, at_desk: Callable[[Actor], TestClient]) -> None:
    conversation = a_talk(works, "刘敏", "还没收到退款")
    client = at_desk(LIN_JIA)
    del client.headers["X-CSRF-Token"]
    refused = client.post(f"/api/desk/{conversation}/take")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")


def test_approved_answers_are_suggested_and_searched(works: Works, at_desk: Callable[[Actor], TestClient]) -> None:
    conversation = a_talk(works, "刘敏", "发票抬头写错了，还能改吗")
    client = at_desk(LIN_JIA)
    shown = client.get("/api/desk/suggestions", params={"conversation": conversation}).json()
    assert shown["asked"].startswith("发票") and "抬头" in shown["suggestions"][0]["title"]
    assert len(shown["suggestions"]) <= 3
    found = client.get("/api/desk/suggestions", params={"conversation": conversation, "q": "价保"}).json()
    assert found["suggestions"]


# --- a shift in the browser ---------------------------------------------------------------------


def test_a_shift_at_the_desk_with_the_keyboard(desk: Page, works: Works) -> None:
    first = a_talk(works, "陈雨薇", "发票抬头写错了，还能改吗")
    desk.goto("/desk")
    expect(desk).to_have_title(re.compile("排队"))
    desk.keyboard.press("n")
    expect(desk.locator("#head")).to_have_attribute("data-role", "holder")
    expect(desk.locator(".conv[aria-current]")).to_contain_text("陈雨薇")

    # An approved answer by one key; what is changed in it is noticed.
    expect(desk.locator("#sugg-list li").first).to_contain_text("抬头", timeout=15_000)
    desk.keyboard.press("Alt+1")
    expect(desk.locator("#based")).to_contain_text("一致")
    desk.keyboard.press("End")
    desk.keyboard.type("好吗")
    expect(desk.locator("#based")).to_contain_text("多 2 个字")

    # Words that arrive change neither what is being written nor the focus.
    written = desk.locator("#words").input_value()
    customer_writes(works, first, "还在吗")
    expect(desk.locator("#flow")).to_contain_text("还在吗", timeout=3000)
    expect(desk.locator("#words")).to_have_value(written)
    expect(desk.locator("#words")).to_be_focused()

    desk.locator("#words").fill("可以改，我来改")
    desk.keyboard.press("Enter")
    expect(desk.locator(".say.agent").last).to_have_text("可以改，我来改")
    expect(desk.locator("[data-local]")).to_have_count(0)
    assert customer_reads(works, first)[-1] == "可以改，我来改"

    desk.locator("#log").focus()
    desk.keyboard.press("m")
    desk.keyboard.type("改好了要补发电子票")
    desk.keyboard.press("Enter")
    expect(desk.locator(".note")).to_contain_text("客户看不到")
    assert all("补发" not in text for text in customer_reads(works, first))

    desk.locator("#log").focus()
    desk.keyboard.press("e")
    desk.locator("#wrapup button.primary").click()
    expect(desk.locator("#wrapup-error")).to_contain_text("请选这次接待的结果")
    desk.get_by_text("已解决", exact=True).click()
    desk.locator("#wrapup button.primary").click()
    expect(desk.locator("#head")).to_have_attribute("data-role", "closed")
    expect(desk.locator("#shut-bar")).to_be_visible()


def test_a_reply_that_fails_stays_visible_and_is_sent_once_in_the_end(desk: Page, works: Works) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    desk.goto(f"/desk/{conversation}")
    desk.locator("[data-take]").click()
    expect(desk.locator("#words")).to_be_focused()
    desk.route("**/reply", lambda route: route.abort())
    desk.locator("#words").fill("断网时写的")
    desk.keyboard.press("Enter")
    expect(desk.locator(".m.failed")).to_contain_text("没送达", timeout=20_000)
    customer_writes(works, conversation, "我还在")
    expect(desk.locator("#flow")).to_contain_text("我还在")
    expect(desk.locator(".m.failed")).to_have_count(1)
    desk.unroute("**/reply")
    desk.get_by_text("重发").click()
    expect(desk.locator("[data-local]")).to_have_count(0)
    assert customer_reads(works, conversation).count("断网时写的") == 1


def test_somebody_who_reads_back_keeps_their_place(desk: Page, works: Works) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    for index in range(25):
        customer_writes(works, conversation, f"第 {index} 句")
    desk.goto(f"/desk/{conversation}")
    desk.locator("[data-take]").click()
    expect(desk.locator("#words")).to_be_focused()
    desk.evaluate("document.getElementById('log').scrollTop = -400")
    place: Callable[[], Any] = lambda: desk.evaluate(  # noqa: E731
        "[...document.querySelectorAll('.say')].find(one => one.textContent === '第 15 句').getBoundingClientRect().top")
    desk.wait_for_timeout(500)
    before = place()
    customer_writes(works, conversation, "新的一句")
    expect(desk.locator("#newer")).to_be_visible()
    assert abs(place() - before) < 4
    desk.locator("#newer").click()
    expect(desk.get_by_text("新的一句").last).to_be_in_viewport()


def test_a_colleague_who_was_faster_is_named(desk: Page, works: Works) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    desk.goto(f"/desk/{conversation}")
    expect(desk.locator("[data-take]")).to_be_visible()
    desk.route("**/desk/**part=head**", lambda route: route.abort())  # the hint comes too late
    with works.begin(ZHOU_YANG) as work:
        handoffs.take(work, conversation)
    desk.locator("[data-take]").click()
    expect(desk.locator("#toasts")).to_contain_text("周杨已经接了这位客户")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (390, 844)])
def test_the_desk_fits_smaller_screens_and_nothing_lies_outside(
        desk: Page, works: Works, width: int, height: int) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    desk.set_viewport_size({"width": width, "height": height})
    desk.goto(f"/desk/{conversation}")
    desk.locator("[data-take]").click()
    expect(desk.locator("#words")).to_be_focused()
    assert desk.evaluate("document.documentElement.scrollWidth") <= width
    expect(desk.locator("#send")).to_be_in_viewport()
    if width <= 1180:
        expect(desk.locator("#side")).to_be_hidden()
        desk.locator("[data-toggle-side]").click()
        expect(desk.locator("#side")).to_contain_text("客户备注")


def test_on_a_phone_an_offer_is_said_where_it_is_seen(desk: Page, works: Works) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    desk.set_viewport_size({"width": 390, "height": 844})
    desk.goto(f"/desk/{conversation}")
    desk.locator("[data-take]").click()
    expect(desk.locator("#words")).to_be_focused()
    offered(works, a_talk(works, "刘敏", "在吗"), "linjia")
    notice = desk.locator("#toasts .toast", has_text="分配给你：刘敏")
    expect(notice).to_be_visible(timeout=5000)
    expect(desk.locator("#words")).to_be_focused()
    notice.get_by_role("button", name="接").click()
    expect(desk.locator("#head h1")).to_contain_text("刘敏")


def test_a_supervisor_may_step_in_while_the_bot_answers(works: Works, at_desk: Callable[[Actor], TestClient]) -> None:
    conversation = a_talk(works, "何伟", "在吗", reason=None)
    assert "data-take-over" not in at_desk(LIN_JIA).get(f"/desk/{conversation}?part=head").text
    assert "data-take-over" in at_desk(HAN_TAO).get(f"/desk/{conversation}?part=head").text
    assert at_desk(HAN_TAO).post(f"/api/desk/{conversation}/take-over").json()["taken_by"] == "hantao"
