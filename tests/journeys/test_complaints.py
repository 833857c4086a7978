"""A complaint in real browsers: filed in the chat, handled to its end, rated, opened again; watched; a grave one."""

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.casework import begin, choose, long_ago, send, step_now
from tests.journeys.house import House, wait_for
from tests.journeys.long_ago import DESCRIPTION as LONG_AGO
from tests.journeys.people import Customer, People
from tests.journeys.story import Story

ORDER, PHONE_NUMBER = "HM260929-1057", "13912345162"
EVERYTHING_AT_ONCE = f"我要投诉，上周送来的台灯灯罩裂了一道口子，订单{ORDER}，想换一盏新的"
FOUND, REMEDY = "出厂检验漏了一道裂纹", "今天换一盏新灯寄出，旧灯不用寄回"


@dataclass
class Filed(Story):
    customer: Customer
    number: str = ""
    receipt: str = ""
    case: Page | None = None

    @property
    def page(self) -> Page:
        assert self.case is not None
        return self.case


@pytest.fixture(scope="module")
def story(house: House, company: People) -> Filed:
    return Filed(house, company, company.customer())


# --- the customer files -----------------------------------------------------------------------------


def test_one_full_sentence_leaves_only_what_is_missing_to_be_asked(story: Filed) -> None:
    customer = story.customer
    customer.says(EVERYTHING_AT_ONCE)
    asked = customer.hears("complaint.ask_contact", "complaint.ask_description", "complaint.ask_remedy",
                           "complaint.ask_order_no")
    assert asked.script == "complaint.ask_contact", "what was said already must not be asked again"
    customer.says(PHONE_NUMBER)
    repeated = customer.hears("complaint.confirm")
    for part in ("灯罩裂了一道口子", "换一盏新的", ORDER, PHONE_NUMBER[-4:]):
        assert part in repeated.text
    assert PHONE_NUMBER not in repeated.text
    customer.presses("确认提交")
    customer.hears("complaint.filed")
    slip = customer.inside.locator(".zk-filed")
    story.number = slip.locator("[data-number]").inner_text()
    story.receipt = str(slip.get_by_role("link", name="查看回执").get_attribute("href"))
    story.finish("filed")


def test_the_receipt_on_a_phone_shows_the_promise_how_it_was_counted_and_what_comes(story: Filed) -> None:
    story.after("filed")
    phone = story.people.window(phone=True)
    phone.goto(story.house.base + story.receipt)
    expect(phone.locator("#number")).to_have_text(story.number)
    expect(phone.locator(".path [aria-current=step]")).to_contain_text("等待专人接手")
    phone.locator("#why summary").click()
    expect(phone.locator("#why .cal")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    phone.get_by_role("button", name="催办").click()
    expect(phone.get_by_role("status")).to_be_visible()
    expect(phone.locator(".history")).to_contain_text("催办，第 1 次")
    story.finish("receipt")


# --- the agent handles ------------------------------------------------------------------------------


def test_an_agent_brings_it_to_its_end_while_the_customer_is_told_in_the_chat(story: Filed) -> None:
    story.after("filed")
    customer = story.customer
    story.case = page = story.people.signed_in("linjia", "/complaints")
    page.locator(f"#row-{story.number} a").first.click()
    expect(page.locator("h1")).to_contain_text("灯罩裂了")
    customer.mark = customer.last_seq

    send(begin(page, "acknowledge"))
    expect(step_now(page)).to_contain_text("评估")
    assert story.number in customer.hears("complaint.stage_acknowledged").text

    sheet = begin(page, "assess")
    for scale, point in (("severity", "2"), ("complexity", "1"), ("impact", "2"), ("urgency", "2")):
        choose(sheet, scale, point)
    expect(sheet.locator("[data-score]")).to_contain_text("8")
    sheet.locator("select[name=category]").select_option("quality.damage")
    sheet.locator("select[name=unit]").select_option("quality")
    send(sheet)
    expect(page.locator(".facts")).to_contain_text("8 分")

    customer.mark = customer.last_seq
    sheet = begin(page, "investigate")
    sheet.locator("[name=public_text]").fill("照片看到了，今天问品质部")
    send(sheet)
    customer.hears("complaint.stage_investigating")
    page.locator("form.add [name=text]").first.fill("同批还有两盏，请品质部一起查")
    page.get_by_role("button", name="添加", exact=True).click()
    expect(page.locator("#thread")).to_contain_text("同批还有两盏")

    sheet = begin(page, "decide")
    choose(sheet, "outcome", "accepted")
    sheet.locator("[name=text]").fill("换新，运费我们出")
    send(sheet)
    expect(step_now(page)).to_contain_text("告知客户")
    assert "complaint.stage_communicated" not in {one.script for one in customer.messages()}

    customer.mark = customer.last_seq
    sheet = begin(page, "communicate")
    choose(sheet, "channel", "chat")
    sheet.locator("select[name=script]").select_option("complaint_reply.accepted")
    words = sheet.locator("[data-reply-text]")
    expect(words).to_have_value(re.compile("【"))
    # A blank that was left open is not told to anybody.
    send(sheet)
    expect(page.get_by_role("alert").first).to_contain_text("【 】")
    story.people.expect_refusal()
    again = page.locator("section.again")
    words = again.locator("[name=text]")
    filled = words.input_value().replace("【进展】", FOUND).replace("【处理办法】", REMEDY)
    words.fill(filled)
    again.locator("button.primary").click()
    told = customer.hears("complaint.stage_communicated")
    assert FOUND in told.text
    assert REMEDY in told.text

    customer.mark = customer.last_seq
    send(begin(page, "close"))
    customer.hears("complaint.stage_closed")
    expect(page.locator("#thread")).to_contain_text("用 complaint_reply.accepted 第 1 版")
    story.finish("closed")


def test_what_is_internal_never_reaches_the_customers_receipt(story: Filed) -> None:
    story.after("closed")
    phone = story.people.window(phone=True)
    phone.goto(story.house.base + story.receipt)
    content = phone.content()
    assert "同批还有两盏" not in content
    assert "换新，运费我们出" not in content, "the reasons of a decision are the house's own"
    assert REMEDY in content
    expect(phone.locator(".path li.done")).to_have_count(7)
    assert PHONE_NUMBER not in content


# --- the customer is asked, and is not content -------------------------------------------------------


def test_the_customer_rates_the_handling_and_opens_it_again(story: Filed) -> None:
    story.after("closed")
    phone = story.people.window(phone=True)
    phone.goto(story.house.base + story.receipt)
    rate = phone.locator("#rate")
    rate.locator("label", has=phone.locator("input[name=score][value='2']")).click()
    rate.locator("label", has_text="拖得太久").click()
    rate.locator("textarea").fill("新灯还没有寄到")
    rate.get_by_role("button", name="提交评价").click()
    expect(phone.locator("#rate")).to_contain_text("您评了 2 分")

    story.customer.mark = story.customer.last_seq
    phone.get_by_role("button", name="对结果不满意").click()
    sheet = phone.locator("#reopen")
    sheet.locator("textarea").fill("说今天寄出，三天了还没有单号")
    sheet.get_by_role("button", name="要求重新处理").click()
    expect(phone.locator(".promise")).to_contain_text("最晚这时告诉您处理结果")
    story.customer.hears("complaint.stage_reopened")

    # The open page of the agent follows by itself; its head on the next look.
    expect(story.page.locator("#thread")).to_contain_text("三天了还没有单号")
    story.page.reload()
    expect(story.page.locator(".facts")).to_contain_text("重新处理")
    expect(story.page.get_by_label("客户的评价")).to_contain_text("2 分")
    expect(story.page.locator(".doing [popovertarget=do-assess]")).to_be_visible()
    story.finish("reopened")


# --- watched ----------------------------------------------------------------------------------------


def test_a_manager_sees_at_once_what_has_run_out_and_why(story: Filed) -> None:
    manager = story.people.signed_in("hantao", "/complaints")
    manager.goto(f"{story.house.base}/complaints?filter=overdue")
    number = long_ago(story.house, "20")

    def listed() -> bool:
        manager.reload()
        return manager.locator(f"#row-{number}").count() > 0

    wait_for(listed, 60, "the worker's sweep never noticed")
    row = manager.locator(f"#row-{number}")
    expect(row).to_contain_text("逾期")
    row.locator("a").first.click()
    expect(manager.locator("h1")).to_contain_text(LONG_AGO[:12])
    thread = manager.locator("#thread")
    # Each promise that ran out stands there once, with the instant at which it did.
    for name in ("专人接手", "内部期限", "对客户的承诺"):
        expect(thread.locator("li", has_text=re.compile(f"{name}逾期，应在"))).to_have_count(1)
    story.finish("watched")


def test_the_page_of_a_late_case_says_how_late_each_promise_is_and_how_its_date_was_counted(story: Filed) -> None:
    story.after("watched")
    manager = story.people.signed_in("hantao", "/complaints")
    manager.goto(f"{story.house.base}/complaints?filter=overdue")
    manager.locator("tr", has_text=LONG_AGO[:12]).locator("a").first.click()
    deadlines = manager.locator("#deadlines")
    for name in ("内部期限", "对客户的承诺"):
        expect(deadlines.locator(".dues > div", has_text=name)).to_contain_text("逾期")
    expect(deadlines.locator(".sum")).to_contain_text("受理当天不计")
    assert story.people.complaints == []


# --- a grave one ------------------------------------------------------------------------------------


def test_an_injury_starts_the_emergency_plan_and_the_top_is_told(story: Filed) -> None:
    manager = story.people.signed_in("shenlan", "/complaints")
    agent = story.people.signed_in("linjia", "/complaints/new")
    agent.locator("label", has=agent.locator("input[name=channel][value=phone]")).click()
    agent.locator("[name=contact]").fill("13912340731")
    agent.locator("[name=order_no]").fill("HM260917-3382")
    agent.locator("[name=description]").fill("升降桌突然自己往下降，把孩子的手夹伤了，在医院急诊")
    agent.locator("[name=remedy]").fill("马上派人来查，承担医疗费")
    agent.get_by_role("button", name="登记", exact=True).click()
    plan = agent.locator("#plan")
    expect(plan).to_contain_text("重大投诉预案")
    expect(plan).to_contain_text("人身伤害")
    expect(plan).to_contain_text("下次报进展")
    expect(agent.locator("#tasks")).to_contain_text("一小时内联系客户")
    number = agent.url.rsplit("/", 1)[-1]

    # The shell's bell, on whatever page.
    def rung() -> bool:
        manager.reload()
        return number in str(manager.locator("#alert-list").text_content())

    wait_for(rung, 30, "the top was not told")
    manager.goto(f"{story.house.base}/alerts")
    expect(manager.locator("table")).to_contain_text("重大投诉")
    expect(manager.locator("table")).to_contain_text(number)
    manager.goto(f"{story.house.base}/complaints/{number}")
    manager.locator("#plan [name=text]").fill("已联系家属，桌子停用，明天上门取回检测")
    manager.get_by_role("button", name="报进展").click()
    expect(manager.locator("#plan")).to_contain_text("明天上门取回检测")
    story.picture(manager, "plan-journey")

    # It cannot be closed behind the plan's back, and a report has all its parts.
    manager.get_by_role("button", name="写结案报告").click()
    report = manager.locator("#plan-close")
    for name, words in (("happened", "控制盒误动作"), ("done", "停用、取回、更换"), ("cause", "防夹检测没有生效"),
                        ("result", "客户接受，医疗费已付"), ("prevention", "同批全部升级固件")):
        report.locator(f"[name={name}]").fill(words)
    report.get_by_role("button", name="结束预案").click()
    expect(manager.locator("#plan")).to_contain_text("结束")
    manager.goto(f"{story.house.base}/complaints/{number}/report")
    expect(manager.locator("body")).to_contain_text("防夹检测没有生效")
    story.finish("plan")
