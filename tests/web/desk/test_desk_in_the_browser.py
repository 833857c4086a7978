"""The desk in a real browser: what calls, what is sent, what comes back by itself; and by keyboard alone."""

import base64
import re
import struct
import zlib
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from backend.conversations import marks
from backend.conversations import service as conversations
from backend.handoffs import service as handoffs
from backend.handoffs.routing_tables import Callback
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.ids import new_id
from tests.cast import HAN_TAO, LIN_JIA, ZHOU_YANG
from tests.web.desk.conftest import a_talk, customer_reads, customer_writes, offered

SOON = 5000  # far below the 15 s net of the page: what appears within this came by itself


def picture(width: int = 40, height: int = 30) -> bytes:
    """A real picture, so that the browser can show it."""
    rows = b"".join(b"\0" + bytes((176, 132, 92)) * width for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def held(desk: Page, works: Works, name: str = "何伟", text: str = "在吗") -> str:
    conversation = a_talk(works, name, text)
    desk.goto(f"/desk/{conversation}")
    desk.locator("[data-take]").click()
    expect(desk.locator("#words")).to_be_focused()
    return conversation


def listen_for_tones(desk: Page) -> Callable[[], list[str]]:
    desk.evaluate("window.tones = []; document.body.addEventListener('desk:tone', (event) => window.tones.push(event.detail.kind))")
    return lambda: desk.evaluate("window.tones")  # type: ignore[no-any-return]


# --- what calls -----------------------------------------------------------------------------------


def test_an_offer_calls_once_by_title_icon_and_tone_and_is_taken_by_one_key(desk: Page, works: Works) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    desk.goto("/desk")
    expect(desk.locator("#sync-text")).to_contain_text("已连接")
    desk.locator("body").click()
    tones = listen_for_tones(desk)
    offered(works, conversation, "linjia")
    expect(desk.locator(".offer")).to_contain_text("何伟", timeout=SOON)
    expect(desk.locator(".offer .ring b")).to_have_text(re.compile(r"^\d\d$"))
    expect(desk).to_have_title("【1】位等你接 · 知客")
    expect(desk.locator("link[rel=icon]")).to_have_attribute("href", "/static/icon-alert.svg")
    assert tones() == ["offer"]
    desk.keyboard.press("a")
    expect(desk.locator("#head")).to_have_attribute("data-role", "holder")
    expect(desk.locator(".offer")).to_have_count(0)
    expect(desk.locator("#words")).to_be_focused()


def test_an_offer_takes_nothing_from_somebody_who_writes_and_alt_a_answers_it(desk: Page, works: Works) -> None:
    held(desk, works, "陈雨薇")
    desk.keyboard.type("正在查a")
    second = a_talk(works, "何伟", "在吗")
    offered(works, second, "linjia")
    expect(desk.locator(".offer")).to_be_visible(timeout=SOON)
    expect(desk.locator("#words")).to_be_focused()
    expect(desk.locator("#words")).to_have_value("正在查a")
    desk.keyboard.press("Alt+a")
    expect(desk.locator("#head h1")).to_contain_text("何伟")
    desk.locator(".conv", has_text="陈雨薇").click()
    expect(desk.locator("#words")).to_have_value("正在查a")


def test_a_word_elsewhere_sounds_one_before_the_eyes_does_not_and_the_switch_is_remembered(
        desk: Page, works: Works) -> None:
    other = held(desk, works, "刘敏")
    here = held(desk, works, "陈雨薇")
    tones = listen_for_tones(desk)
    customer_writes(works, here, "第一句")
    expect(desk.locator("#flow")).to_contain_text("第一句", timeout=SOON)
    assert tones() == []
    customer_writes(works, other, "第二句")
    expect(desk.locator(".conv.fresh", has_text="刘敏")).to_contain_text("第二句", timeout=SOON)
    assert tones() == ["word"]
    desk.locator("#sound").click()
    expect(desk.locator("#sound")).to_have_attribute("aria-pressed", "false")
    customer_writes(works, other, "第三句")
    expect(desk.locator(".conv", has_text="刘敏")).to_contain_text("第三句", timeout=SOON)
    assert tones() == ["word"]
    desk.reload()
    expect(desk.locator("#sound-text")).to_have_text("提示音关")


# --- what is sent ---------------------------------------------------------------------------------


def test_files_are_looked_at_before_they_go_by_button_paste_and_drop(desk: Page, works: Works) -> None:
    conversation = held(desk, works)
    desk.locator("#file").set_input_files({"name": "桌板.png", "mimeType": "image/png", "buffer": picture()})
    expect(desk.locator("#tray li")).to_have_count(1)
    expect(desk.locator("#tray img")).to_be_visible()
    give = """([kind, data]) => {
      const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
      const carried = new DataTransfer();
      carried.items.add(new File([bytes], `${kind}.png`, { type: "image/png" }));
      const at = document.getElementById(kind === "drop" ? "log" : "words");
      at.dispatchEvent(kind === "drop" ? new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: carried, bubbles: true, cancelable: true }));
    }"""
    for kind in ("paste", "drop"):
        desk.evaluate(give, [kind, base64.b64encode(picture()).decode()])
    expect(desk.locator("#tray li")).to_have_count(3)
    desk.get_by_role("button", name="不发drop.png").click()
    expect(desk.locator("#tray li")).to_have_count(2)
    desk.locator("#file").set_input_files({"name": "a.exe", "mimeType": "application/octet-stream", "buffer": b"MZ"})
    expect(desk.locator("#comp-help")).to_contain_text("发不了")
    assert customer_reads(works, conversation)[-1] != "[图片] 桌板.png", "nothing goes before it is sent"
    desk.locator("#words").fill("请看图")
    desk.keyboard.press("Enter")
    expect(desk.locator("#tray")).to_be_hidden()
    expect(desk.locator("[data-local]")).to_have_count(0)
    expect(desk.locator(".say.agent.file img")).to_have_count(2)
    assert customer_reads(works, conversation)[-3:] == ["[图片] 桌板.png", "[图片] paste.png", "请看图"]
    for image in desk.locator(".say.file img").all():
        expect(image).not_to_have_js_property("naturalWidth", 0)


def test_a_file_that_failed_says_so_and_is_sent_once_in_the_end(desk: Page, works: Works) -> None:
    conversation = held(desk, works)
    desk.route("**/attachments", lambda route: route.abort())
    desk.locator("#file").set_input_files({"name": "桌板.png", "mimeType": "image/png", "buffer": picture()})
    desk.locator("#words").press("Enter")
    expect(desk.locator(".m.failed")).to_contain_text("没送达", timeout=20_000)
    desk.unroute("**/attachments")
    desk.get_by_text("重发").click()
    expect(desk.locator("[data-local]")).to_have_count(0)
    assert customer_reads(works, conversation).count("[图片] 桌板.png") == 1


def test_emoji_and_fields_are_put_in_at_the_caret_by_keyboard(desk: Page, works: Works) -> None:
    held(desk, works, "陈雨薇", "订单 HM260917-3382 到哪了")
    words = desk.locator("#words")
    desk.keyboard.type("您好")
    desk.keyboard.press("Alt+j")
    expect(desk.locator("#emoji button").first).to_be_focused()
    desk.keyboard.press("ArrowRight")
    desk.keyboard.press("Enter")
    expect(words).to_have_value("您好😊")
    expect(words).to_be_focused()
    desk.keyboard.press("Home")
    desk.keyboard.press("{")
    expect(desk.locator("#fields")).to_be_visible()
    desk.keyboard.press("1")
    expect(words).to_have_value("陈雨薇您好😊")
    desk.keyboard.press("{")
    desk.keyboard.press("Escape")
    expect(desk.locator("#fields")).to_be_hidden()
    expect(words).to_be_focused()
    desk.keyboard.press("End")
    desk.keyboard.press("{")
    desk.keyboard.press("2")
    expect(words).to_have_value("陈雨薇您好😊HM260917-3382")
    # A field without a value must be filled before anything is sent.
    desk.keyboard.press("{")
    desk.locator("#fields [data-field=complaint_no]").click()
    desk.keyboard.press("Enter")
    expect(desk.locator("#comp-help")).to_contain_text("「投诉编号」还没有填")


def test_what_was_said_second_never_arrives_first(desk: Page, works: Works) -> None:
    conversation = held(desk, works)
    slow = iter([True])

    def hold(route: Route) -> None:
        if next(slow, False):
            desk.wait_for_timeout(700)
        route.continue_()

    desk.route("**/reply", hold)
    for words in ("第一", "第二", "第三"):
        desk.locator("#words").fill(words)
        desk.keyboard.press("Enter")
    expect(desk.locator("[data-local]")).to_have_count(0)
    assert customer_reads(works, conversation)[-3:] == ["第一", "第二", "第三"]


# --- what comes back ------------------------------------------------------------------------------


def test_typing_and_reading_show_by_themselves_both_ways(desk: Page, works: Works) -> None:
    conversation = held(desk, works)
    works.publish([f"typing-customer:{conversation}"])
    expect(desk.locator("#m-typing")).to_be_visible(timeout=SOON)
    expect(desk.locator("#m-typing")).to_be_hidden(timeout=SOON + 4000)
    desk.locator("#words").fill("您好")
    desk.keyboard.press("Enter")
    mark = desk.locator(".m.us .sent").last
    expect(mark).to_have_text("客户不在线，回来就能看到")
    with works.begin(SYSTEM) as work:
        marks.customer_seen(work, conversation)
    expect(mark).to_have_text("已发出", timeout=SOON)
    with works.begin(SYSTEM) as work:
        marks.read_by_customer(work, conversation, conversations.get(work.session, conversation).last_seq)
    expect(mark).to_have_text("已读", timeout=SOON)
    customer_writes(works, conversation, "好的")
    expect(desk.locator("#flow")).to_contain_text("好的", timeout=SOON)

    def read() -> bool:
        with works.read(SYSTEM) as work:
            found = conversations.get(work.session, conversation)
            return found.agent_read_seq == found.last_seq

    for _ in range(50):
        if read():
            break
        desk.wait_for_timeout(100)
    assert read(), "what is before the agent's eyes is marked as read"


def test_after_a_lost_network_everything_is_there_at_once_without_a_reload(desk: Page, works: Works) -> None:
    conversation = held(desk, works)
    desk.evaluate("window.same = true")
    desk.context.set_offline(True)
    customer_writes(works, conversation, "断网时写的")
    waiting = a_talk(works, "刘敏", "在吗")
    desk.wait_for_timeout(500)
    assert "断网时写的" not in desk.locator("#flow").inner_text()
    desk.context.set_offline(False)
    expect(desk.locator("#flow")).to_contain_text("断网时写的", timeout=SOON)
    expect(desk.locator(f"#q-{waiting}")).to_be_visible(timeout=SOON)
    # The stream lives again too, not only the one look.
    customer_writes(works, conversation, "又写了")
    expect(desk.locator("#flow")).to_contain_text("又写了", timeout=SOON)
    assert desk.evaluate("window.same") is True


def test_a_stream_that_died_without_a_word_is_noticed_on_waking(desk: Page, works: Works) -> None:
    """As after sleep: the line looks open, nothing comes, the clock has jumped."""
    desk.clock.install()
    conversation = held(desk, works)
    desk.route("**/api/events**", lambda route: route.abort())
    desk.evaluate("""() => { const Real = EventSource; window.opened = 0;
      window.EventSource = class extends Real { constructor(...all) { super(...all); window.opened += 1; } }; }""")
    desk.unroute("**/api/events**")
    desk.clock.fast_forward(120_000)
    customer_writes(works, conversation, "醒了吗")
    desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(desk.locator("#flow")).to_contain_text("醒了吗", timeout=SOON)
    assert desk.evaluate("window.opened") >= 1, "a line that was silent for two minutes is not trusted"


# --- together -------------------------------------------------------------------------------------


def test_a_supervisor_goes_from_the_wall_into_a_talk_whispers_and_takes_over(
        desk: Page, works: Works, window: Callable[..., Page]) -> None:
    conversation = held(desk, works, "陈雨薇")
    wall = window(HAN_TAO, "/desk/wall", width=1920, height=1080)
    expect(wall.locator("#p-linjia")).to_contain_text("陈雨薇")
    a_talk(works, "刘敏", "在吗")
    expect(wall.locator("#g-aftersale .drill")).to_have_text("1", timeout=SOON)
    wall.locator("#p-linjia").get_by_role("link", name="陈雨薇").click()
    expect(wall.locator("#head")).to_contain_text("林佳在接待")
    expect(wall.locator("#tab-whisper")).to_be_visible()  # the page's own script has come
    wall.locator("#log").focus()
    wall.keyboard.press("w")
    wall.keyboard.type("直接换新")
    wall.keyboard.press("Enter")
    expect(desk.locator(".note.whisper")).to_contain_text("韩涛对你", timeout=SOON)
    assert "直接换新" not in " ".join(customer_reads(works, conversation))
    wall.locator("#log").focus()
    wall.keyboard.press("o")
    expect(wall.locator("#head")).to_have_attribute("data-role", "holder")
    expect(desk.locator("#head")).to_have_attribute("data-role", "colleague", timeout=SOON)
    expect(desk.locator("#tab-reply")).to_be_disabled()


def test_asking_a_colleague_and_ending_with_tags_and_a_task_by_keyboard(
        desk: Page, works: Works, window: Callable[..., Page]) -> None:
    with works.begin(ZHOU_YANG) as work:
        handoffs.beat(work)
    colleague = window(ZHOU_YANG, "/desk")
    conversation = held(desk, works, "陈雨薇")
    desk.locator("#log").focus()
    desk.keyboard.press("c")
    form = desk.locator("#consult")
    form.locator("[name=question]").fill("能改抬头吗")
    desk.keyboard.press("Enter")
    expect(desk.locator(".consulting")).to_contain_text("在请教周杨")
    colleague.locator("#asked a").click(timeout=SOON)
    expect(colleague.locator(".consulting")).to_contain_text("林佳请教你")
    expect(colleague.locator("#tab-reply")).to_be_disabled()
    colleague.locator("#words").fill("能改")
    colleague.keyboard.press("Enter")
    expect(desk.locator("#flow")).to_contain_text("能改", timeout=SOON)
    colleague.get_by_role("button", name="答完了").click()
    expect(desk.locator(".consulting")).to_have_count(0, timeout=SOON)

    desk.locator("#log").focus()
    desk.keyboard.press("e")
    end = desk.locator("#wrapup")
    end.get_by_text("已解决", exact=True).click()
    end.get_by_text("发票", exact=True).last.click()
    end.locator("summary").click()
    end.locator("[name=follow_up_text]").fill("补发电子票")
    end.get_by_role("button", name="结束会话").click()
    expect(desk.locator("#head")).to_contain_text("已结束：已解决")
    expect(desk.locator("#to-do")).to_contain_text("补发电子票")
    desk.get_by_role("button", name="做完了：补发电子票").click()
    expect(desk.locator("#to-do")).to_have_count(0)
    assert "能改" not in " ".join(customer_reads(works, conversation))


# --- for everybody --------------------------------------------------------------------------------

CHECK = """() => {
  const seen = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest("[hidden], [inert]");
  const named = (one) => (one.getAttribute("aria-label") || one.labels?.[0]?.textContent || one.textContent
    || one.title || document.getElementById(one.getAttribute("aria-labelledby"))?.textContent || "").trim();
  const wrong = [];
  for (const one of document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea"))
    if (seen(one) && !named(one)) wrong.push(`no name: ${one.outerHTML.slice(0, 90)}`);
  for (const one of document.querySelectorAll("img")) if (!one.hasAttribute("alt")) wrong.push(`no alt: ${one.src}`);
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  wrong.push(...ids.filter((one, index) => ids.indexOf(one) !== index).map((one) => `twice: ${one}`));
  for (const one of document.querySelectorAll("[aria-controls]"))
    if (!document.getElementById(one.getAttribute("aria-controls"))) wrong.push(`controls nothing: ${one.id}`);
  if (document.querySelectorAll("main h1").length !== 1) wrong.push("not one h1");
  for (const one of document.querySelectorAll("ul > :not(li, script), ol > :not(li)")) wrong.push(`in a list: ${one.outerHTML.slice(0, 60)}`);
  return wrong;
}"""


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 800), (820, 1180)])
def test_everything_has_a_name_and_nothing_lies_outside(
        works: Works, window: Callable[..., Page], width: int, height: int) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    page = window(LIN_JIA, f"/desk/{conversation}", width, height, touch=width < 1000)
    page.locator("[data-take]").click()
    expect(page.locator("#words")).to_be_focused()
    second = a_talk(works, "刘敏", "在吗")
    offered(works, second, "linjia")
    expect(page.locator(".offer")).to_be_visible(timeout=SOON)
    page.locator("[data-form=wrapup]").click()
    assert page.evaluate(CHECK) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    head = page.evaluate("""() => { const at = (one) => one.getBoundingClientRect();
      const [words, act] = [at(document.querySelector('#head h1')), at(document.querySelector('#head [data-form]'))];
      return words.right > act.left && words.bottom > act.top && words.top < act.bottom; }""")
    assert head is False, "the name must not lie under the buttons"
    wall = window(HAN_TAO, "/desk/wall", width, height)
    assert wall.evaluate(CHECK) == []
    assert wall.evaluate("document.documentElement.scrollWidth") <= width


def test_a_call_is_taken_and_its_outcome_noted_on_the_desk(desk: Page, works: Works) -> None:
    conversation = a_talk(works, "何伟", "在吗", reason=None)
    with works.begin(SYSTEM) as work:
        talk = conversations.get(work.session, conversation)
        work.session.add(Callback(
            id=new_id(), number="LY20261009-0001", kind="callback", state="open", conversation_id=conversation,
            customer_id=talk.customer_id, skill_group="aftersale", text="退款没到", contact="13812345678",
            contact_kind="phone", asked_at=work.now, filed_at=work.now, due_at=work.now))
    desk.goto("/desk")
    calls = desk.locator("#callbacks")
    expect(calls).not_to_contain_text("13812345678")
    calls.get_by_role("button", name="我来办").click()
    expect(calls).to_contain_text("13812345678")
    calls.get_by_label("联系的结果").select_option("not_needed")
    calls.get_by_role("button", name="记下").click()
    expect(desk.locator("#callbacks")).to_have_count(0)
