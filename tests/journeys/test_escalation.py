"""A manager watches: a case nears its date, another runs out and changes hands, a third becomes a grave one."""

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.casework import begin, choose, long_ago, send, step_now
from tests.journeys.house import House, wait_for
from tests.journeys.long_ago import DESCRIPTION, NEARING
from tests.journeys.people import PATIENCE, People
from tests.journeys.story import Story

SWEEP = 60.0  # the worker looks every five seconds; the machine may have other work
MANAGERS = {"沈岚": "shenlan", "韩涛": "hantao"}


@dataclass
class Watch(Story):
    manager: Page  # 韩涛, whose windows stay open
    agent: Page  # 林佳, who holds the cases at first
    late: str = ""  # the number of the case that ran out
    grave: str = ""

    def case(self, page: Page, number: str) -> None:
        page.goto(f"{self.house.base}/complaints/{number}")


@pytest.fixture(scope="module")
def watch(house: House, company: People) -> Watch:
    return Watch(house, company, company.signed_in("hantao", "/complaints"), company.signed_in("linjia", "/complaints"))


def rung(page: Page, words: str) -> None:
    """The bell of a page that nobody touches."""
    wait_for(lambda: words in str(page.locator("#alert-list").text_content()), SWEEP, f"the bell never said {words}")


# --- it nears its date --------------------------------------------------------------------------------


def test_before_a_case_runs_out_its_holder_and_the_managers_are_told_without_a_reload(watch: Watch) -> None:
    number = long_ago(watch.house, "last-stretch", "linjia")
    for page in (watch.manager, watch.agent):
        rung(page, f"{number}：对客户的承诺")
        expect(page.locator("#alert-count")).to_be_visible()
        expect(page.locator("#toasts")).to_contain_text(re.compile(f"{number}|新提醒"))
    watch.manager.get_by_role("button", name="提醒").click()
    watch.manager.locator("#alert-list a", has_text=number).first.click()
    expect(watch.manager.locator("h1")).to_contain_text(NEARING[:10])
    thread = watch.manager.locator("#thread")
    expect(thread.locator("li", has_text="对客户的承诺临近")).to_have_count(1)
    told = thread.locator("li", has_text="逐级告知").first
    for name in ("林佳", "沈岚", "韩涛"):
        expect(told).to_contain_text(name)
    expect(watch.manager.locator(".facts")).to_contain_text("负责人 林佳"), "told is not taken"
    watch.picture(watch.manager, "nearing-journey")
    watch.finish("neared")


def test_who_has_looked_is_no_longer_called(watch: Watch) -> None:
    watch.after("neared")
    number = watch.manager.url.rsplit("/", 1)[-1]
    watch.manager.goto(f"{watch.house.base}/complaints")
    assert number not in str(watch.manager.locator("#alert-list").text_content())
    assert number in str(watch.agent.locator("#alert-list").text_content()), "each looks for themselves"


# --- it runs out --------------------------------------------------------------------------------------


def test_when_it_runs_out_a_manager_takes_it_over_and_the_thread_says_by_which_rule(watch: Watch) -> None:
    watch.late = number = long_ago(watch.house, "20", "linjia")
    rung(watch.manager, number)
    watch.case(watch.agent, number)
    thread = watch.agent.locator("#thread")
    expect(thread.locator("li", has_text="内部期限逾期，应在")).to_have_count(1)
    taken = thread.locator("li", has_text="按时限规则由")
    expect(taken).to_have_count(1)
    holder = next(name for name in MANAGERS if name in str(taken.text_content()))
    expect(watch.agent.locator(".facts")).to_contain_text(f"负责人 {holder}")
    expect(thread.locator("li", has_text="对客户的承诺逾期，应在")).to_have_count(1)
    watch.manager.goto(f"{watch.house.base}/complaints?filter=overdue")
    row = watch.manager.locator(f"#row-{number}")
    expect(row).to_contain_text("逾期")
    expect(row).to_contain_text(holder)
    watch.finish("taken over")


def test_the_late_case_is_closed_only_with_its_causes_which_the_form_asks_for(watch: Watch) -> None:
    watch.after("taken over")
    page = watch.manager
    watch.case(page, watch.late)
    sheet = begin(page, "assess")
    for scale, point in (("severity", "2"), ("complexity", "1"), ("impact", "2"), ("urgency", "2")):
        choose(sheet, scale, point)
    sheet.locator("select[name=category]").select_option("quality.damage")
    send(sheet)
    send(begin(page, "investigate"))
    sheet = begin(page, "decide")
    choose(sheet, "outcome", "accepted")
    sheet.locator("[name=text]").fill("换新")
    send(sheet)
    expect(step_now(page)).to_contain_text("告知客户")
    sheet = begin(page, "communicate")
    choose(sheet, "channel", "email")
    sheet.locator("select[name=script]").select_option("complaint_reply.accepted")
    words = sheet.locator("[data-reply-text]")
    words.fill(re.sub("【.*?】", "已经查清", words.input_value()))
    send(sheet)
    expect(step_now(page)).to_contain_text("结案")

    # It asks for why each date was missed, and does not close without.
    sheet = begin(page, "close")
    causes = sheet.locator("select[name^=late_cause_]")
    assert causes.count() >= 2, "the decision and the promise both ran late"
    watch.picture(page, "closing-journey")
    send(sheet)
    expect(sheet).to_be_visible()
    for place in range(causes.count()):
        causes.nth(place).select_option("short_of_staff")
        sheet.locator("input[name^=late_text_]").nth(place).fill("国庆后积压，当班少两人")
    sheet.locator("select[name=cause]").select_option("people.short")
    send(sheet)
    expect(page.locator("#thread li", has_text="逾期原因（对客户的承诺）")).to_have_count(1)
    expect(page.locator("#stages li.done")).to_have_count(7)
    watch.finish("closed")


# --- a grave one --------------------------------------------------------------------------------------


def test_a_manager_declares_a_major_case_and_the_plan_stands_at_once(watch: Watch) -> None:
    watch.grave = number = long_ago(watch.house, "0.02", "linjia")
    watch.case(watch.manager, number)
    assert watch.manager.locator("#plan").count() == 0
    watch.manager.get_by_role("button", name="其他操作").click()
    watch.manager.locator("#more-acts").get_by_role("button", name="按重大投诉办").click()
    sheet = watch.manager.locator("#do-major")
    sheet.locator("[name=text]").fill("客户是记者，同批灯两周内坏了三盏")
    send(sheet)
    plan = watch.manager.locator("#plan")
    for words in ("重大投诉预案", "人工判定", "同批灯两周内坏了三盏", "下次报进展"):
        expect(plan).to_contain_text(words)
    expect(watch.manager.locator("#tasks")).to_contain_text("一小时内联系客户")
    # Whoever may read alerts hears it, on whatever page; the agent's list marks it.
    top = watch.people.signed_in("shenlan", "/scripts")
    rung(top, number)
    watch.agent.goto(f"{watch.house.base}/complaints?filter=major")
    expect(watch.agent.locator(f"#row-{number}")).to_contain_text("重大")
    watch.finish("declared")


def test_the_task_group_reports_by_the_rhythm_and_ends_the_plan_with_its_report(watch: Watch) -> None:
    watch.after("declared")
    page = watch.manager
    watch.case(page, watch.grave)
    plan = page.locator("#plan")
    page.get_by_role("button", name="改专项组").click()
    team = page.locator("#plan-team")
    team.locator("select[name=owner_id]").select_option(label="沈岚")
    team.get_by_role("checkbox", name="林佳").check()
    send(team)
    expect(plan).to_contain_text("沈岚")
    plan.locator("[name=text]").fill("已约客户下午上门取回检测，16:00 再报")
    plan.get_by_role("button", name="报进展").click()
    expect(plan).to_contain_text("下午上门取回检测")
    expect(page.locator("#thread")).to_contain_text("报告进展")

    page.get_by_role("button", name="写结案报告").click()
    report = page.locator("#plan-close")
    for name in ("happened", "done", "cause", "result"):
        report.locator(f"[name={name}]").fill(f"写明了{name}")
    send(report)
    expect(report).to_be_visible(), "one part is still owed"
    report.locator("[name=prevention]").fill("同批全部召回抽检")
    send(report)
    expect(plan).to_contain_text("结束")
    page.goto(f"{watch.house.base}/complaints/{watch.grave}/report")
    for words in ("同批全部召回抽检", "下午上门取回检测", "同批灯两周内坏了三盏"):
        expect(page.locator("body")).to_contain_text(words)
    watch.picture(page, "plan-report-journey")
    page.goto(f"{watch.house.base}/alerts")
    wait_for(lambda: watch.grave not in str(page.locator("main").text_content()), PATIENCE, "the alarm went on")
    watch.finish("reported")


def test_the_late_case_was_the_same_for_everybody(watch: Watch) -> None:
    watch.after("closed")
    watch.case(watch.agent, watch.late)
    expect(watch.agent.locator("h1")).to_contain_text(DESCRIPTION[:10])
    expect(watch.agent.locator("#thread")).to_contain_text("当班少两人")
