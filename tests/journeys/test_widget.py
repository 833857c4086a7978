"""The widget as a product: on a website of somebody else's, in a real browser, with a bot that does as told."""

import time
from typing import Any

from playwright.sync_api import expect

from backend.conversations import marks
from backend.conversations import service as conversations
from backend.customers import identity
from backend.kernel.actors import SYSTEM
from tests.cast import LIN_JIA
from tests.journeys.house import wait_for
from tests.journeys.quick import QuickHouse, website
from tests.journeys.visitors import lin_jia_says, lin_jia_takes, snippet, stored

# --- on somebody else's page -----------------------------------------------------------------------------------


def test_on_an_allowed_website_the_widget_works_and_leaves_the_page_as_it_was(quick: QuickHouse, partner: str, arrive: Any) -> None:
    with website("") as bare:
        plain = arrive(bare).page
        look = """() => ({ own: getComputedStyle(document.querySelector('#own')).width, letter: getComputedStyle(document.querySelector('#mine')).letterSpacing,
            height: document.documentElement.scrollHeight, sheets: document.styleSheets.length, heads: document.head.children.length,
            names: Object.getOwnPropertyNames(window).filter((name) => name !== 'zhike').sort().join() })"""
        before = plain.evaluate(look)
    visitor = arrive(partner).opens()
    assert visitor.page.evaluate(look) == before
    assert visitor.page.evaluate("Object.keys(window.zhike).sort()") == ["close", "identify", "open"]
    visitor.says("发票怎么开")
    expect(visitor.inside.locator("[data-script='invoice.how_to_issue']")).to_be_visible()
    # The page's own rules (button { background: red !important; width: 11px }) reach nothing of ours.
    box = visitor.page.locator("iframe[src*='/widget/frame']").bounding_box()
    assert box is not None and box["width"] > 390 and box["height"] > 700
    assert visitor.asked == {partner, quick.base}, "nobody else may be asked for anything"
    assert [line for line in visitor.console if "favicon" not in line and "404" not in line] == []


def test_a_website_that_is_not_on_the_list_gets_no_button_and_is_told_why(quick: QuickHouse, partner: str, arrive: Any) -> None:
    with website(snippet(quick)) as stranger:
        visitor = arrive(stranger)
        wait_for(lambda: visitor.page.wait_for_timeout(50) or any("origin_not_allowed" in line for line in visitor.console), 30,
                 "the console does not say why there is no button")
        assert visitor.page.locator(".zk-launcher").count() == 0


def test_the_browser_itself_refuses_the_frame_to_a_page_that_lies_about_its_origin(quick: QuickHouse, partner: str, arrive: Any) -> None:
    liar = f'<div id="f"><object data="{quick.base}/widget/frame?site=partner&parent={partner}"></object></div>'
    with website(liar) as stranger:
        visitor = arrive(stranger)
        wait_for(lambda: visitor.page.wait_for_timeout(50) or any("frame-ancestors" in line for line in visitor.console), 30,
                 "the browser did not refuse")
        assert all("/api/chat" not in one for one in visitor.asked)


def test_a_page_of_another_origin_cannot_talk_to_the_frame(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner).opens()
    frame = visitor.inside
    frame.evaluate("window.postMessage({ zk: 'hello', kept: { conversation: { id: 'x', token: 'y' } } }, '*')")
    visitor.page.evaluate("window.postMessage({ zk: 'keep', name: 'visitor', value: 'forged' }, '*')")
    visitor.page.wait_for_timeout(200)
    assert visitor.kept("visitor") != "forged"
    visitor.says("还在")
    wait_for(lambda: visitor.page.wait_for_timeout(50) or stored(quick, visitor.conversation) == ["还在"], 30, "lost")


# --- keyboard, names, unread -----------------------------------------------------------------------------------


def test_it_can_be_used_by_keyboard_alone_and_focus_never_moves_by_itself(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner)
    visitor.page.locator(".zk-launcher").focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.field).to_be_focused()
    expect(visitor.inside.locator("[role=log] .zk-msg").first).to_be_visible()
    lin_jia_takes(quick, visitor.conversation)
    visitor.inside.locator(".zk-log").focus()
    lin_jia_says(quick, visitor.conversation, "您好，我是林佳")
    expect(visitor.inside.get_by_text("您好，我是林佳")).to_be_visible()
    expect(visitor.inside.locator(".zk-log")).to_be_focused()
    nameless = visitor.inside.evaluate("""() => [...document.querySelectorAll('button, textarea, input:not([type=file]), a[href]')]
        .filter((one) => !(one.innerText.trim() || one.getAttribute('aria-label'))).map((one) => one.outerHTML)""")
    assert nameless == []
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.locator("iframe[src*='/widget/frame']")).to_be_hidden()
    expect(visitor.page.locator(".zk-launcher")).to_be_focused()


def test_what_comes_while_it_is_folded_is_counted_and_read_once_opened(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner).opens()
    lin_jia_takes(quick, visitor.conversation)
    expect(visitor.inside.get_by_text("林佳已接入")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    launcher = visitor.page.locator(".zk-launcher")
    expect(launcher).to_be_visible()
    for number in range(2):
        last = lin_jia_says(quick, visitor.conversation, f"第{number}句")
    expect(launcher.locator(".badge")).to_have_text("2")
    expect(launcher).to_have_accessible_name("在线客服，2 条新消息")
    conversation_id = visitor.conversation
    wait_for(lambda: _mark(quick, conversation_id)[0] == last, 30, "delivery was not confirmed while folded")
    assert _mark(quick, conversation_id)[1] < last, "nobody has read it yet"
    visitor.page.reload()
    expect(launcher.locator(".badge")).to_have_text("2")
    launcher.click()
    wait_for(lambda: visitor.page.wait_for_timeout(50) or _mark(quick, conversation_id)[1] == last, 30, "reading was not confirmed")
    visitor.page.keyboard.press("Escape")
    expect(launcher.locator(".badge")).to_be_hidden()


def _mark(house: QuickHouse, conversation_id: str) -> tuple[int, int]:
    with house.works.read(SYSTEM) as work:
        found = conversations.get(work.session, conversation_id)
        return found.delivered_seq, found.customer_read_seq


def test_the_customer_sees_read_under_their_words_once_the_agent_has_read_them(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner).opens()
    lin_jia_takes(quick, visitor.conversation)
    visitor.says("新桌板什么时候到")
    got = visitor.inside.locator(".zk-from-customer .zk-got").last
    expect(got).to_have_text("已送达")
    with quick.works.begin(LIN_JIA) as work:
        marks.read_by_agent(work, visitor.conversation, 99)
    expect(got).to_have_text("已读")


# --- who it is -------------------------------------------------------------------------------------------------


def _signed(house: QuickHouse, ref: str) -> dict[str, Any]:
    expires = int(time.time()) + 3600
    return {"ref": ref, "name": "王女士", "expires": expires,
            "signature": identity.sign(house.app.state.sites.get("partner").secret(), ref, expires)}


def test_a_signed_customer_finds_earlier_words_on_another_device_and_the_next_person_does_not(quick: QuickHouse, arrive: Any) -> None:
    quick.admit("https://x.example")
    with website(snippet(quick, **_signed(quick, "u-77"))) as origin:
        quick.admit(origin)
        first = arrive(origin).opens()
        first.says("第一次来问发票")
        expect(first.inside.locator("[data-script='invoice.how_to_issue']")).to_be_visible()

        elsewhere = arrive(origin).opens()
        elsewhere.inside.get_by_role("button", name="查看更早的对话").click()
        expect(elsewhere.inside.locator(".zk-past").get_by_text("第一次来问发票")).to_be_visible()
        expect(elsewhere.inside.locator(".zk-past")).to_contain_text("没有更早的对话了")
        assert elsewhere.inside.locator(".zk-past .zk-quick").count() == 0

        # Signed out at the same browser: nothing of the one before is left.
        elsewhere.says("我的秘密")
        elsewhere.page.evaluate("window.zhike.identify(null)")
        expect(elsewhere.inside.locator("[data-script='system.welcome']")).to_be_visible()
        expect(elsewhere.inside.get_by_role("button", name="查看更早的对话")).to_have_count(0)
        assert elsewhere.own_words() == []


def test_signing_in_while_talking_goes_on_with_the_same_conversation(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner).opens()
    visitor.says("还没登录时说的")
    expect(visitor.inside.locator("[data-script='invoice.how_to_issue']")).to_be_visible()
    before = visitor.kept("conversation")
    visitor.page.evaluate("(given) => window.zhike.identify(given)", _signed(quick, "u-88"))
    expect(visitor.inside.get_by_role("button", name="查看更早的对话")).to_be_visible()
    wait_for(lambda: visitor.page.wait_for_timeout(50) or visitor.own_words() == ["还没登录时说的"], 30, "the words are gone")
    after = visitor.kept("conversation")
    assert after["id"] == before["id"]
    assert after["token"] != before["token"]


# --- on a phone, in English ------------------------------------------------------------------------------------


def test_on_a_phone_it_fills_the_screen_and_nothing_zooms_or_scrolls_sideways(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).opens()

    def fills() -> bool:  # once it has risen
        visitor.page.wait_for_timeout(50)
        box = visitor.page.locator("iframe[src*='/widget/frame']").bounding_box()
        return box is not None and [round(box[side]) for side in ("x", "y", "width", "height")] == [0, 0, 390, 844]
    wait_for(fills, 30, "it does not fill the screen")
    assert visitor.field.evaluate("(field) => parseFloat(getComputedStyle(field).fontSize)") >= 16
    assert visitor.inside.evaluate("document.documentElement.scrollWidth <= 390")
    small = visitor.inside.evaluate("""() => [...document.querySelectorAll('button')].filter((one) => one.offsetParent && one.offsetHeight < 36)
        .map((one) => one.outerHTML)""")
    assert small == []
    visitor.inside.get_by_role("button", name="收起对话").click()
    expect(visitor.page.locator(".zk-launcher")).to_be_visible()


def test_it_speaks_english_where_the_page_does(quick: QuickHouse, arrive: Any) -> None:
    with website(snippet(quick), lang="en") as origin:
        quick.admit(origin, launcher={"en": "Help"})
        visitor = arrive(origin)
        expect(visitor.page.locator(".zk-launcher")).to_have_text("Help")
        visitor.opens()
        expect(visitor.inside.get_by_role("textbox", name="Message")).to_be_visible()
        expect(visitor.inside.get_by_role("button", name="Ask a person")).to_be_visible()


def test_a_greeting_is_approved_words_and_goes_away_for_good(quick: QuickHouse, partner: str, arrive: Any) -> None:
    quick.admit(partner, greeting=True, position="left")
    visitor = arrive(partner)
    greeting = visitor.page.locator(".greeting")
    expect(greeting).to_contain_text("登记投诉", timeout=30_000)
    visitor.page.get_by_role("button", name="关闭招呼").click()
    expect(greeting).to_have_count(0)
    visitor.page.reload()
    visitor.page.locator(".zk-launcher").wait_for()
    assert visitor.page.evaluate("sessionStorage.getItem('zk:partner:greeted')") == "true"
