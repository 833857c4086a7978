"""The desk, staff filing, tasks, evidence, plan and report in the pages; and everything a customer can do on a receipt."""

import html
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.complaints import proofs, store
from backend.complaints import service as complaints
from backend.complaints.tables import Complaint
from backend.infra import files
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.settings import settings
from tests.cast import LIN_JIA, NOW
from tests.services.complaint_story import bring_to
from tests.web import complaints_house
from tests.web.complaints_house import NUMBER, House, hidden_csrf, house_on

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64


house = house_on("packed_sqlite")
complaint, link, browser = complaints_house.complaint, complaints_house.link, complaints_house.lin_jia


def kinds(works: Works, complaint: Complaint) -> list[str]:
    with works.read(SYSTEM) as work:
        return [entry.kind for entry in store.entries(work.session, complaint.id)]


def post(client: TestClient, page: str, action: str, data: dict[str, Any] | None = None, **more: Any) -> Any:
    csrf = hidden_csrf(client.get(page).text)
    return client.post(action, data={"csrf": csrf, **(data or {})}, **more)


# --- staff: the desk ---


def test_ticked_cases_are_given_away_together(browser: TestClient, house: House) -> None:
    numbers = [house.filed(idempotency_key=f"k{n}").number for n in range(3)]
    answer = post(browser, "/complaints", "/complaints/owners", {"number": numbers[:2], "staff_id": "zhouyang",
                                                                  "back": "/complaints?owner=nobody"})  # fmt: skip
    assert (answer.status_code, answer.headers["location"]) == (303, "/complaints?owner=nobody")
    left = browser.get("/complaints?owner=nobody").text
    assert numbers[2] in left and numbers[0] not in left
    elsewhere = post(browser, "/complaints", "/complaints/owners", {"number": numbers, "staff_id": "linjia",
                                                                     "back": "https://evil.example"})  # fmt: skip
    assert elsewhere.headers["location"] == "/complaints"
    nothing = post(browser, "/complaints", "/complaints/owners", {"staff_id": "linjia"})
    assert nothing.status_code == 422 and "先勾选要改派的投诉" in nothing.text


def test_a_view_is_saved_under_a_name_and_dropped(browser: TestClient, complaint: Complaint) -> None:
    page = "/complaints?category=logistics&level=high"
    assert (
        post(browser, page, "/complaints/views", {"category": "logistics", "name": "物流要紧的"}).status_code
        == 303
    )
    shown = browser.get("/complaints").text
    assert "物流要紧的" in shown and "/complaints?category=logistics" in html.unescape(shown)
    drop = re.search(r'action="(/complaints/views/[^"]+/drop)"', shown)
    assert drop
    post(browser, "/complaints", drop[1])
    assert "物流要紧的" not in browser.get("/complaints").text
    assert "给这个视图起个名字" in post(browser, page, "/complaints/views", {"name": " "}).text


def test_filters_narrow_the_list_and_an_empty_result_says_how_to_go_on(
    browser: TestClient, complaint: Complaint
) -> None:
    assert NUMBER in browser.get("/complaints?stage=filed").text
    nothing = browser.get("/complaints?level=high").text
    assert NUMBER not in nothing and "这样筛选没有投诉" in nothing and "清掉筛选" in nothing


# --- staff: filing for a customer ---

CALL = {
    "channel": "phone", "customer_name": "王先生", "contact": "139 0000 1111", "order_no": "",
    "description": "台灯修了两次还是不亮", "remedy": "换一只新的", "key": "call-1",
}  # fmt: skip


def test_a_call_is_taken_down_with_its_channel_and_a_double_click_files_once(
    browser: TestClient, house: House
) -> None:
    places = {post(browser, "/complaints/new", "/complaints/new", CALL).headers["location"] for _ in range(2)}
    [place] = places
    page = browser.get(place).text
    assert "台灯修了两次还是不亮" in page and "电话" in page and "王先生" in page and "139****1111" in page


def test_a_form_that_is_wrong_keeps_what_was_written_and_leaves_no_customer_behind(
    browser: TestClient, house: House
) -> None:
    for wrong, words in (
        ({"contact": "139"}, "少了 8 位"),
        ({"channel": "telepathy"}, "请选这件投诉是怎么来的"),
    ):
        page = post(browser, "/complaints/new", "/complaints/new", CALL | wrong)
        assert page.status_code == 422 and words in page.text and "台灯修了两次还是不亮" in page.text
    assert "没有未结的投诉" in browser.get("/complaints").text


def test_what_is_probably_known_is_shown_before_it_is_filed_twice(
    browser: TestClient, complaint: Complaint
) -> None:
    again = CALL | {"contact": "13812346027", "description": "来电说桌板开裂，换货取件两次没来人"}
    page = post(browser, "/complaints/new", "/complaints/new", again)
    assert page.status_code == 409 and "可能已经登记过" in page.text and NUMBER in page.text
    assert post(browser, "/complaints/new", "/complaints/new", again | {"force": "1"}).status_code == 303
    shown = browser.get(f"/complaints/{NUMBER}").text
    assert "可能是同一件事" in shown and "TS20261009-0001" in shown


# --- staff: the case ---


def test_tasks_findings_and_evidence_are_worked_from_the_case_page(
    browser: TestClient, house: House, complaint: Complaint
) -> None:
    page = f"/complaints/{NUMBER}"
    given = {"what": "向快递公司要说明", "assignee_id": "linjia", "due": "2026-10-10T18:00"}
    assert post(browser, page, f"{page}/tasks", given).status_code == 303
    task = re.search(rf'action="({page}/tasks/\w+/done)"', browser.get(page).text)
    assert task and "向快递公司要说明" in browser.get("/complaints").text  # among my tasks on the desk
    assert post(browser, page, task[1], {"result": ""}).status_code == 422
    assert post(browser, page, task[1], {"result": "拿到了"}).status_code == 303
    assert post(browser, page, task[1], {"result": "又拿到"}).status_code == 409
    assert post(browser, page, f"{page}/findings", {"text": "系统合并了派单"}).status_code == 303
    upload = {"file": ("说明.pdf", b"%PDF-1.7 x", "application/pdf")}
    assert post(browser, page, f"{page}/evidence", files=upload).status_code == 303
    lying = post(browser, page, f"{page}/evidence", files={"file": ("照片.png", b"%PDF-1.7 y", "image/png")})
    assert lying.status_code == 422 and "内容却是PDF" in lying.text
    bad_time = post(browser, page, f"{page}/tasks", given | {"due": "soon"})
    assert bad_time.status_code == 422 and "请选完成时间" in bad_time.text
    shown = browser.get(page).text
    for words in ("完成 1 / 1", "拿到了", "系统合并了派单", "说明.pdf"):
        assert words in shown, words
    address = re.search(rf'href="({page}/files/\w+)"', shown)
    assert address
    sent = browser.get(address[1])
    assert sent.content == b"%PDF-1.7 x" and "sandbox" in sent.headers["content-security-policy"]
    assert sent.headers["x-content-type-options"] == "nosniff"
    assert house.client().get(address[1]).status_code == 303  # to the log-in


def test_the_plan_is_declared_updated_ended_and_printed(
    browser: TestClient, house: House, complaint: Complaint
) -> None:
    page = f"/complaints/{NUMBER}"
    assert browser.get(f"{page}/report").status_code == 404
    assert post(browser, page, f"{page}/major", {"text": "市里来函"}).status_code == 303
    assert "重大投诉预案" in browser.get(page).text and "重大" in browser.get("/complaints?filter=major").text
    assert post(browser, page, f"{page}/plan/update", {"text": "已联系客户"}).status_code == 303
    assert (
        post(browser, page, f"{page}/plan/team", {"owner_id": "shenlan", "member": ["linjia"]}).status_code
        == 303
    )
    half = post(browser, page, f"{page}/plan/close", {"happened": "x"})
    assert half.status_code == 422 and "结案报告还差几项" in half.text
    whole = {"happened": "甲", "done": "乙", "cause": "丙", "result": "丁", "prevention": "戊"}
    assert post(browser, page, f"{page}/plan/close", whole).status_code == 303
    report = browser.get(f"{page}/report").text
    for words in ("重大投诉结案报告", "市里来函", "已联系客户", "沈岚", "怎么防止再发生", "戊", "时间线"):
        assert words in report, words
    assert "13812346027" not in report


def test_an_approved_reply_is_chosen_and_a_bracket_left_open_is_refused(
    browser: TestClient, house: House, complaint: Complaint
) -> None:
    bring_to(house.works, complaint, "decide")
    page = f"/complaints/{NUMBER}"
    shown = browser.get(page).text
    assert "data-reply" in shown and "陈雨薇您好，投诉 TS20260924-0001 查清了：【进展】" in shown
    told = {"channel": "phone", "script": "complaint_reply.accepted", "text": "处理办法：【处理办法】"}
    refused = post(browser, page, f"{page}/do/communicate", told)
    assert refused.status_code == 422 and "没填好" in refused.text
    assert post(browser, page, f"{page}/do/communicate", told | {"text": "处理办法：换新"}).status_code == 303
    after = browser.get(page).text
    assert "用 complaint_reply.accepted 第 1 版，改过措辞" in after and "原来批准的文字" in after
    assert "已在会话里告诉客户" not in after  # quiet for two weeks: told when the customer comes back


def test_a_merge_a_referral_and_a_pause_are_done_from_their_sheets(
    browser: TestClient, house: House, complaint: Complaint
) -> None:
    other = house.filed(idempotency_key="k2")
    page = f"/complaints/{NUMBER}"
    assert post(browser, page, f"{page}/do/pause", {"reason": "customer"}).status_code == 303
    assert (
        "等客户补充" in browser.get("/complaints?filter=waiting").text
        or NUMBER in browser.get("/complaints?filter=waiting").text
    )
    assert post(browser, page, f"{page}/do/resume").status_code == 303
    wrong = post(browser, page, f"{page}/do/merge", {"into": NUMBER, "text": "同一件"})
    assert wrong.status_code == 409 and "不能和自己合并" in wrong.text
    assert (
        post(browser, page, f"{page}/do/merge", {"into": other.number, "text": "同一件"}).status_code == 303
    )
    assert f'这件已合并到 <a class="num" href="/complaints/{other.number}"' in browser.get(page).text
    there = f"/complaints/{other.number}"
    assert NUMBER in browser.get(there).text
    assert (
        post(browser, there, f"{there}/do/refer", {"referred_to": "厂家", "text": "保修"}).status_code == 303
    )
    assert "转办给厂家" in browser.get(there).text


# --- the customer ---


def test_the_receipt_is_found_by_number_and_digits_and_guessing_is_limited(
    house: House, complaint: Complaint
) -> None:
    client = house.client()
    assert "查投诉进度" in client.get("/r").text
    good = client.post("/r", data={"number": "ts20260924 0001", "last4": "6027"})
    assert (good.status_code, good.headers["location"]) == (303, proofs.receipt_url(complaint.id))
    codes = [client.post("/r", data={"number": NUMBER, "last4": f"{n:04d}"}).status_code for n in range(6)]
    assert codes == [404] * 5 + [429]
    locked = client.post("/r", data={"number": NUMBER, "last4": "6027"})
    assert locked.status_code == 429 and "6027" not in locked.text


def test_the_customer_sends_evidence_with_words_and_gets_it_back(
    house: House, complaint: Complaint, link: str
) -> None:
    client = house.client()
    sent = post(
        client,
        link,
        f"{link}/supplement",
        {"text": "裂纹在左边"},
        files={"file": ("裂.png", PNG, "image/png")},
    )
    assert sent.status_code == 303
    page = client.get(link).text
    assert "裂纹在左边" in page and "裂.png" in page
    address = re.search(rf'href="({link}/files/\w+)"', page)
    assert address and client.get(address[1]).content == PNG
    assert kinds(house.works, complaint) == ["filed", "supplemented", "evidence"]


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("裂.png", b"%PDF-1.7", 422),
        ("页.html", b"<script>", 422),
        ("大.png", PNG + b"0" * files.MAX_BYTES, 413),
    ],
)
def test_evidence_that_lies_keeps_the_words_too_out_and_says_so(
    house: House, complaint: Complaint, link: str, name: str, content: bytes, status: int
) -> None:
    client = house.client()
    page = post(
        client,
        link,
        f"{link}/supplement",
        {"text": "裂纹在左边"},
        files={"file": (name, content, "image/png")},
    )
    assert page.status_code == status and "裂纹在左边" in page.text  # still in the form
    assert kinds(house.works, complaint) == ["filed"]  # nothing half done


def test_withdrawing_needs_the_confirmation(house: House, complaint: Complaint, link: str) -> None:
    client = house.client()
    unsure = post(client, link, f"{link}/withdraw", {"text": "好了"})
    assert unsure.status_code == 409 and "请再确认一次" in unsure.text
    assert post(client, link, f"{link}/withdraw", {"confirmed": "1"}).status_code == 303
    page = client.get(link).text
    assert "已撤回" in page and "催办</button>" not in page


def test_after_closing_the_customer_rates_once_and_may_ask_again(
    house: House, complaint: Complaint, link: str
) -> None:
    client = house.client()
    assert "您满意吗" not in client.get(link).text
    bring_to(house.works, complaint, "close")
    assert "这件投诉的处理，您满意吗？" in client.get(link).text
    assert post(client, link, f"{link}/rate", {"comment": "没选分"}).status_code == 422
    assert post(client, link, f"{link}/rate", {"score": "2", "reason": ["拖得太久"]}).status_code == 303
    assert '您评了 <b class="num">2 分</b>' in client.get(link).text
    assert post(client, link, f"{link}/rate", {"score": "5"}).status_code == 409
    assert post(client, link, f"{link}/reopen", {"text": "还是裂的"}).status_code == 303
    page = client.get(link).text
    assert "已经重新打开" in client.get(f"{link}?said=reopened").text and "对结果不满意，要求重新处理" in page
    staff = house.client()
    house.sign_in(staff, "linjia")
    assert "2 分" in staff.get(f"/complaints/{NUMBER}").text


# --- programs ---


def test_the_bot_is_told_which_complaint_it_probably_is_and_files_by_force(
    house: House, complaint: Complaint
) -> None:
    client = TestClient(house.app)
    client.headers["x-zhike-secret"] = settings().secrets.bot_secret
    body = {
        "idempotency_key": "b1", "conversation_id": complaint.conversation_id, "remedy": "换货", "order_no": None,
        "description": "桌板开裂了，换货取件两次没来", "contact": "13812346027",
    }  # fmt: skip
    known = client.post("/api/bot/complaints", json=body)
    assert known.status_code == 409 and known.json()["code"] == "complaint_probably_known"
    fields = known.json()["fields"]
    assert (
        fields["number"] == NUMBER
        and int(fields["likeness"]) > 80
        and fields["receipt_url"].startswith("/r/")
    )
    assert client.post("/api/bot/complaints", json=body | {"force": True}).status_code == 201
    here = {"conversation_id": complaint.conversation_id}
    unsure = client.post(f"/api/bot/complaints/{NUMBER}/withdraw", json=here)
    assert (unsure.status_code, unsure.json()["code"]) == (409, "withdraw_not_confirmed")
    done = client.post(f"/api/bot/complaints/{NUMBER}/withdraw", json=here | {"confirmed": True})
    assert done.json()["stage"] == "withdrawn"
    again = client.post(f"/api/bot/complaints/{NUMBER}/reopen", json=here | {"text": "不满意"})
    assert (again.status_code, again.json()["code"]) == (409, "move_not_allowed")


def test_staff_programs_give_tasks_evidence_and_owners(
    house: House, browser: TestClient, complaint: Complaint
) -> None:
    csrf = house.sign_in(browser, "linjia")
    browser.headers.update({"x-csrf-token": csrf, "accept": "application/json"})
    at = f"/api/complaints/{NUMBER}"
    task = {"what": "打电话", "assignee_id": "linjia", "due": "2026-10-10 18:00"}
    made = browser.post(f"{at}/tasks", json=task)
    assert made.status_code == 201 and made.json()["tasks"][0]["who"] == "林佳"
    done = browser.post(f"{at}/tasks/{made.json()['tasks'][0]['id']}/done", json={"result": "打了"})
    assert done.json()["tasks"][0]["done"] is True
    assert browser.post(f"{at}/tasks", json=task | {"due": "never"}).status_code == 422
    assert browser.post(f"{at}/evidence", files={"file": ("a.png", PNG)}).status_code == 201
    assert browser.post(f"{at}/findings", json={"text": "查明了"}).status_code == 201
    assert browser.post(
        "/api/complaints/owners", json={"numbers": [NUMBER], "staff_id": "hantao"}
    ).json() == {"assigned": 1}
    assert browser.post(f"{at}/major", json={"text": "来函"}).json()["plan"]["open"] is True
    assert browser.post(f"{at}/major/updates", json={"text": "进展"}).status_code == 201
    with house.works.begin(LIN_JIA, NOW) as work:
        assert complaints.get(work.session, NUMBER).owner_id == "hantao"
