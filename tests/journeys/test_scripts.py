"""Words on their way, in real browsers: written, tried on real questions, approved, said at once, taken back."""

import re
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.house import House, wait_for
from tests.journeys.line import Line
from tests.journeys.people import Customer, People, Shown
from tests.journeys.story import Story

STORES, FEE = "service.stores", "delivery.fee"
WHERE, COST = "门店在哪里", "运费多少钱"
# From an approval's click to the words on the customer's screen: the bot's own turn and two browsers included.
AT_ONCE = 8
NOBODY_KNOWS = ("升降桌可以租吗", "桌子能短租吗", "桌子租一个月多少钱", "能租一张升降桌用三个月吗")


@dataclass
class Worded(Story):
    customer: Customer
    versions: dict[str, str] = field(default_factory=dict)  # "v2" -> the record's address


@pytest.fixture(scope="module")
def story(house: House, company: People) -> Worded:
    return Worded(house, company, company.customer())


@pytest.fixture(scope="module")
def in_hand(story: Worded) -> Page:
    """A manager's phone."""
    return story.people.signed_in("shenlan", "/scripts", phone=True)


def hear_anew(story: Worded, question: str, key: str) -> Shown:
    story.customer.says(question)
    return story.customer.hears(key, within=AT_ONCE)


def detail(page: Page) -> Locator:
    return page.locator("#detail")


# --- one approval -----------------------------------------------------------------------------------


def test_the_author_is_told_what_is_wrong_and_sees_which_answers_would_change(story: Worded) -> None:
    said = hear_anew(story, WHERE, STORES)
    assert "选城市" in said.text

    owner = story.people.signed_in("sumin", "/scripts")
    owner.goto(f"{story.house.base}/scripts/{STORES}/draft")
    words = owner.locator("textarea[name=text]")
    before = words.input_value()
    words.fill(before.replace("选城市", "选城市，绝对能找到最近的一家"))
    # Checks come while the author writes, and hold the submission back.
    expect(owner.locator("#preview")).to_contain_text("绝对")
    owner.get_by_role("button", name="提交审批").click()
    expect(owner.get_by_role("alert").first).to_contain_text("绝对")
    story.people.expect_refusal()

    words = owner.locator("textarea[name=text]")
    words.fill(before.replace("选城市", "选城市或者按距离排"))
    owner.locator("input[name=note]").fill("页面加了按距离排")
    owner.get_by_role("button", name="存草稿，看回放").click()
    expect(owner.get_by_role("heading", name=re.compile("换成 v2 会怎样"))).to_be_visible()
    row = owner.locator("table.rep tbody tr", has_text=WHERE)
    expect(row).to_contain_text("选城市或者按距离排")
    expect(row).to_contain_text("文字变了")
    story.picture(owner, "replay-journey")

    # A draft is nobody's words.
    assert "按距离排" not in hear_anew(story, WHERE, STORES).text

    owner.get_by_role("link", name="回到审批").click()
    story.versions["v2"] = re.sub(r"[?#].*", "", owner.url)
    detail(owner).get_by_role("button", name="提交审批").click()
    expect(detail(owner)).to_contain_text("提交了，等另一位同事审批")
    expect(detail(owner).get_by_role("button", name=re.compile("批准"))).to_have_count(0)
    story.finish("submitted")


def test_the_author_cannot_approve_it_by_asking_the_server_directly_either(story: Worded) -> None:
    story.after("submitted")
    with story.house.staff("sumin") as author:
        page = author.get(story.versions["v2"])
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert token
        answer = author.post(f"{story.versions['v2']}/approve", data={"csrf": token[1]})
        assert answer.status_code == 403, answer.text[:300]
    assert "按距离排" not in hear_anew(story, WHERE, STORES).text


def test_a_phone_shows_the_list_or_the_one_script_chosen_from_it(story: Worded) -> None:
    story.after("submitted")
    phone = story.people.signed_in("shenlan", "/scripts", phone=True)
    phone.goto(f"{story.house.base}/scripts?need=waiting")
    rows = phone.locator("#list")
    expect(detail(phone)).to_be_hidden()
    rows.get_by_role("link").first.click()
    expect(detail(phone).get_by_role("button", name=re.compile("批准 v2"))).to_be_visible()
    expect(rows).to_be_hidden()
    assert phone.evaluate("document.documentElement.scrollWidth") <= phone.evaluate("innerWidth")
    detail(phone).get_by_role("link", name="等我审批").click()
    expect(rows).to_be_visible()
    expect(detail(phone)).to_be_hidden()


@pytest.mark.parametrize("path", [
    "/scripts", f"/scripts/{STORES}", f"/scripts/{STORES}/history", f"/scripts/{STORES}/draft", "/scripts/new",
    "/scripts/import", "/scripts/questions", "/scripts/proposals", f"/dashboard/rows/scripts/{STORES}", "/desk/corrections",
    "/dashboard", "/dashboard/rows/csat", "/dashboard/rows/on_time", "/dashboard/indicators", "/complaints",
    "/complaints/learning",
])
def test_no_page_is_wider_than_a_phone(in_hand: Page, story: Worded, path: str) -> None:
    answer = in_hand.goto(f"{story.house.base}{path}")
    assert answer is not None and answer.status == 200
    in_hand.wait_for_load_state("networkidle")
    assert in_hand.evaluate("document.documentElement.scrollWidth") <= in_hand.evaluate("innerWidth")


def test_another_person_approves_and_the_customer_hears_it_at_once_without_restart(story: Worded) -> None:
    story.after("submitted")
    pids = story.house.pids()
    approver = story.people.signed_in("shenlan", "/scripts")
    approver.goto(story.versions["v2"])
    # The summary of the replay stands beside the decision.
    expect(approver.locator("#replay")).to_contain_text("句答复会变")
    detail(approver).get_by_role("button", name=re.compile("批准 v2")).click()
    expect(detail(approver)).to_contain_text("批准了")
    answer = hear_anew(story, WHERE, STORES)
    assert answer.version == 2
    assert "选城市或者按距离排" in answer.text
    assert story.house.pids() == pids, "nothing may have been restarted"
    story.finish("approved")


def test_a_bubble_on_the_desk_opens_exactly_the_record_of_the_words_that_were_said(story: Worded) -> None:
    story.after("approved")
    story.customer.asks_for_a_person()
    story.customer.hears("handoff.next_in_line", "handoff.queued", "handoff.out_of_hours")
    desk = story.people.signed_in("linjia", "/desk")
    desk.locator(f"#queue [data-open='{story.customer.conversation['id']}']").click()
    desk.locator("[data-take]").click()
    expect(desk.locator("#head")).to_contain_text("你在接待")
    bubble = desk.locator("#flow .m.us", has_text="选城市或者按距离排").last
    link = bubble.locator("a.src")
    expect(link).to_contain_text("v2")
    assert story.house.base + str(link.get_attribute("href")) == story.versions["v2"]
    link.click()
    record = detail(desk)
    expect(record).to_have_attribute("aria-label", re.compile("v2$"))
    expect(record).to_contain_text("选城市或者按距离排")
    expect(record).to_contain_text("沈岚")
    expect(record.locator("details.log")).to_have_attribute("open", "")
    desk.go_back()
    desk.locator("[data-return]").click()
    story.customer.hears("handoff.return_ask")
    story.customer.presses("好，交给小知")
    story.customer.hears("handoff.back_to_bot")
    story.finish("bubble")


def test_one_action_brings_the_old_words_back(story: Worded) -> None:
    story.after("approved")
    approver = story.people.signed_in("shenlan", "/scripts")
    approver.goto(f"{story.house.base}/scripts/{STORES}")
    approver.get_by_role("button", name="退到 v1").click()
    ask = approver.locator("#ask-rollback")
    ask.locator("[name=reason]").fill("新页面还没上线")
    ask.get_by_role("button", name="马上换回 v1").click()
    expect(detail(approver)).to_contain_text("v3")
    with Line(story.house) as line:
        line.says(WHERE)
        answer = line.hears(STORES)
        assert answer["script"]["version"] == 3
        assert "按距离排" not in answer["text"]
        assert "选城市" in answer["text"]
    story.finish("rolled back")


# --- two approvals ----------------------------------------------------------------------------------


def test_a_promise_about_money_needs_two_people_and_is_not_said_after_the_first(story: Worded) -> None:
    newcomer = story.people.customer()
    newcomer.says(COST)
    old = newcomer.hears(FEE)
    assert "收 8 元" in old.text

    owner = story.people.signed_in("sumin", "/scripts")
    owner.goto(f"{story.house.base}/scripts/{FEE}/draft")
    words = owner.locator("textarea[name=text]")
    words.fill(words.input_value().replace("收 8 元", "收 6 元"))
    owner.get_by_role("button", name="提交审批").click()
    expect(detail(owner)).to_contain_text("要两位不同的同事批准")

    first = story.people.signed_in("shenlan", "/scripts")
    first.goto(f"{story.house.base}/scripts/{FEE}")
    detail(first).get_by_role("button", name=re.compile("批准 v2（第一位）")).click()
    expect(detail(first).get_by_role("button", name=re.compile("批准"))).to_have_count(0)
    newcomer.says(COST)
    assert "收 8 元" in newcomer.hears(FEE).text, "one signature is not enough"

    second = story.people.signed_in("hantao", "/scripts")
    second.goto(f"{story.house.base}/scripts/{FEE}")
    detail(second).get_by_role("button", name=re.compile("批准 v2（第二位）")).click()
    expect(detail(second)).to_contain_text("批准了")
    newcomer.says(COST)
    answer = newcomer.hears(FEE, within=AT_ONCE)
    assert answer.version == 2
    assert "收 6 元" in answer.text
    expect(detail(second).locator(".trail")).to_contain_text("沈岚")
    expect(detail(second).locator(".trail")).to_contain_text("韩涛")
    story.finish("two approvals")


# --- what nobody could answer -----------------------------------------------------------------------


def test_a_question_without_an_answer_reaches_the_script_owner_who_begins_a_draft_from_it(story: Worded) -> None:
    asked = []
    for words in NOBODY_KNOWS:
        with Line(story.house) as line:
            line.says(words)
            if Line.key(line.hears()) in ("system.fallback", "chat.out_of_scope"):
                asked.append(words)
    assert len(asked) >= 2, "the bot claims to know most of these by now: choose other questions"

    owner = story.people.signed_in("sumin", "/scripts")
    owner.goto(f"{story.house.base}/scripts/questions?why=lost")

    def gathered() -> bool:
        owner.reload()
        return owner.locator("ol.asked > li", has_text="租").count() > 0

    # The worker gathers once a minute.
    wait_for(gathered, 150, "the questions never reached the script owner")
    expect(owner.get_by_role("heading", name="客户在问但没有话术", level=1)).to_be_visible()
    card = owner.locator("ol.asked > li", has_text="租").first
    kind = card.get_by_role("heading").inner_text()
    assert any(words in card.inner_text() for words in asked)
    story.picture(owner, "questions-journey")
    card.get_by_role("link", name="写一条话术").click()

    expect(owner.locator("textarea[name=examples]")).to_have_value(re.compile("租"))
    owner.locator("input[name=title]").fill("租升降桌")
    owner.locator("input[name=key]").fill("product.rental")
    owner.locator("select[name=topic]").select_option("ask_product")
    owner.locator("textarea[name=text]").fill("桌子只卖不租。想先试再定，可以到门店坐一坐，地址在页面上方「门店」里。")
    owner.get_by_role("button", name="存草稿", exact=True).click()
    expect(detail(owner)).to_contain_text("租升降桌")
    expect(detail(owner)).to_contain_text("草稿")
    # Begun is not answered: still nothing but the fallback is said.
    with Line(story.house) as line:
        line.says(asked[0])
        assert Line.key(line.hears()) in ("system.fallback", "chat.out_of_scope")
    owner.goto(f"{story.house.base}/scripts/questions?state=linked")
    expect(owner.locator("ol.asked")).to_contain_text(kind)
    expect(owner.locator("ol.asked")).to_contain_text("租升降桌")
    story.finish("questions")
