"""The library in a browser's eyes: what is shown, what is kept after a mistake, what a change reaches."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from html import unescape
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Actor
from backend.kernel.clock import utc_now
from backend.people.tables import SignIn
from backend.scripts import service, store
from backend.scripts.service import Content
from backend.settings import settings
from backend.web.deps import SESSION_COOKIE
from tests.cast import HE_CHUAN, LIN_JIA, SHEN_LAN, SU_MIN

KEY = "invoice.how_to_issue"
FORM = {"title": "重约取件", "key": "pickup.again", "topic": "ask_return_exchange", "channel": "any",
        "text": "在「我的订单」里改约取件，取件员来之前半小时会打电话。", "examples": "改约取件\n换个时间取件", "note": "新写"}

type SignedIn = Callable[[Actor], TestClient]


@pytest.fixture
def app_client(packed_sqlite: Path, tmp_path: Path) -> Iterator[TestClient]:
    from backend.main import create_app

    path = tmp_path / "zhike.db"
    shutil.copy(packed_sqlite, path)
    app = create_app(replace(settings(), database_url=f"sqlite:///{path}", run_worker=False))
    with TestClient(app, base_url="http://testserver") as client:
        yield client


@pytest.fixture
def works(app_client: TestClient) -> Works:
    found: Works = app_client.app.state.works  # type: ignore[attr-defined]
    return found


@pytest.fixture
def as_(app_client: TestClient, works: Works) -> SignedIn:
    """A browser of its own for each person; its CSRF token goes along by header."""

    def signed_in(person: Actor) -> TestClient:
        now = utc_now()
        for kind in ("page", "api"):
            with works.begin(SYSTEM, now) as work:
                work.session.merge(SignIn(token_hash=sha256(f"{kind}-{person.id}".encode()).hexdigest(), kind=kind,
                                          staff_id=person.id, csrf=f"csrf-{person.id}", created_at=now,
                                          expires_at=now + timedelta(hours=1)))
        return TestClient(app_client.app, cookies={SESSION_COOKIE: f"page-{person.id}"}, headers={
            "X-CSRF-Token": f"csrf-{person.id}", "Accept": "text/html"})

    return signed_in


def text_of(answer: httpx.Response) -> str:
    """What stands on the page, without its markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def in_review(works: Works, text: str = "签收后 48 小时内开好电子发票。", key: str = KEY) -> str:
    with works.begin(SU_MIN) as work:
        version = service.draft(work, key, Content(text=text, note="改时间", examples=["发票怎么开"]))
        return service.submit(work, version.id).id


def text_in_force(works: Works, key: str = KEY) -> str:
    with works.read(SYSTEM) as work:
        return store.effective(work.session, key, ("any",))[0].text


# --- reading ------------------------------------------------------------------------------------


def test_the_library_shows_shelves_with_counts_rows_and_one_script(as_: SignedIn) -> None:
    answer = as_(SU_MIN).get("/scripts?topic=ask_invoice")
    assert answer.status_code == 200
    shown = text_of(answer)
    assert "发票怎么开" in shown and "审批轨迹" in shown and "起草话术" in shown
    assert 'aria-current="true">发票<span class="n">' in answer.text


def test_every_script_and_its_history_opens(as_: SignedIn, works: Works) -> None:
    browser = as_(SHEN_LAN)
    with works.read(SYSTEM) as work:
        keys = sorted(store.keys(work.session))
    for key in keys[::12]:
        assert browser.get(f"/scripts/{key}").status_code == 200, key
        assert browser.get(f"/scripts/{key}/history").status_code == 200, key
        assert browser.get(f"/scripts/{key}/draft").status_code == 200, key


def test_a_search_looks_into_titles_texts_and_questions(as_: SignedIn) -> None:
    browser = as_(SU_MIN)
    assert "发票怎么开" in text_of(browser.get("/scripts", params={"q": "忘了要发票"}))
    assert "没有找到" in text_of(browser.get("/scripts", params={"q": "量子纠缠"}))
    hostile = browser.get("/scripts", params={"q": "<script>alert(1)</script>"})
    assert hostile.status_code == 200 and "<script>alert(1)" not in hostile.text


def test_a_script_that_is_not_there_says_so(as_: SignedIn) -> None:
    for path in ("/scripts/no.such", "/scripts/versions/0000", "/scripts/no.such/history", "/scripts/export/exe",
                 f"/scripts/{KEY}/history?before=99"):
        answer = as_(SU_MIN).get(path)
        assert answer.status_code == 404, path
        assert "没有" in text_of(answer) or "只有" in text_of(answer)


def test_a_bots_bubble_opens_exactly_its_record_even_when_it_is_history(as_: SignedIn, works: Works) -> None:
    with works.read(SYSTEM) as work:
        old = store.effective(work.session, KEY, ("any",))[0].id
    version_id = in_review(works)
    as_(SHEN_LAN).post(f"/scripts/versions/{version_id}/approve")
    shown = text_of(as_(LIN_JIA).get(f"/scripts/versions/{old}"))
    assert "v1，已被替换" in shown and "与现在的内容一致" in shown


def test_those_who_may_only_read_get_no_buttons(as_: SignedIn, works: Works) -> None:
    version_id = in_review(works)
    shown = as_(HE_CHUAN).get(f"/scripts/versions/{version_id}").text
    for word in ("批准 v", "退回修改", "起草新版本", "起草话术"):
        assert word not in shown
    assert as_(HE_CHUAN).post(f"/scripts/versions/{version_id}/approve").status_code == 403
    assert as_(HE_CHUAN).get("/scripts/new").status_code == 403


def test_a_visitor_without_a_sign_in_is_sent_to_the_door(app_client: TestClient) -> None:
    answer = app_client.get("/scripts", headers={"Accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"].startswith("/login")


# --- approving ----------------------------------------------------------------------------------


def test_an_approval_on_the_page_changes_what_is_said(as_: SignedIn, works: Works) -> None:
    version_id = in_review(works)
    browser = as_(SHEN_LAN)
    waiting = browser.get("/scripts?need=waiting")
    assert "等我审批 1" in text_of(waiting) and "<del>" in waiting.text and "<ins>" in waiting.text
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', waiting.text)
    assert seen
    answer = browser.post(f"/scripts/versions/{version_id}/approve", data={"seen": seen[1], "need": "waiting"})
    assert answer.status_code == 200 and "批准了，机器人 1 秒内就用这一版" in text_of(answer)
    assert text_in_force(works) == "签收后 48 小时内开好电子发票。"


def test_the_author_sees_no_approve_button_and_cannot_post_one(as_: SignedIn, works: Works) -> None:
    with works.begin(SHEN_LAN) as work:
        version_id = service.draft(work, KEY, Content(text="签收后 36 小时内开好。")).id
        service.submit(work, version_id)
    browser = as_(SHEN_LAN)
    assert "批准 v" not in browser.get(f"/scripts/versions/{version_id}").text
    answer = browser.post(f"/scripts/versions/{version_id}/approve")
    assert answer.status_code == 403 and "不能审批自己" in text_of(answer)


def test_sending_back_without_a_reason_keeps_the_page_and_says_what_to_do(as_: SignedIn, works: Works) -> None:
    version_id = in_review(works)
    answer = as_(SHEN_LAN).post(f"/scripts/versions/{version_id}/send-back", data={"reason": " "})
    assert answer.status_code == 422 and "请写明要改什么" in text_of(answer)
    answer = as_(SHEN_LAN).post(f"/scripts/versions/{version_id}/send-back", data={"reason": "写清楚从哪天起"})
    assert answer.status_code == 200
    assert "写清楚从哪天起" in text_of(as_(SU_MIN).get(f"/scripts/versions/{version_id}"))


def test_two_approvers_at_once_the_second_is_told_and_their_words_are_kept(as_: SignedIn, works: Works) -> None:
    version_id = in_review(works)
    as_(SHEN_LAN).post(f"/scripts/versions/{version_id}/approve")
    answer = as_(SHEN_LAN).post(f"/scripts/versions/{version_id}/refuse", data={"reason": "我不同意这句"})
    assert answer.status_code == 409 and "我不同意这句" in text_of(answer)


def test_a_rollback_brings_the_earlier_words_back(as_: SignedIn, works: Works) -> None:
    before = text_in_force(works)
    version_id = in_review(works)
    browser = as_(SHEN_LAN)
    browser.post(f"/scripts/versions/{version_id}/approve")
    assert "退到 v1" in text_of(browser.get(f"/scripts/{KEY}"))
    answer = browser.post(f"/scripts/{KEY}/rollback", data={"version": "1", "reason": "时间写错了"})
    assert answer.status_code == 200 and "恢复自 v1" in text_of(answer)
    assert text_in_force(works) == before


def test_a_form_without_its_token_does_nothing(as_: SignedIn, works: Works) -> None:
    version_id = in_review(works)
    browser = as_(SHEN_LAN)
    browser.headers.pop("X-CSRF-Token")
    answer = browser.post(f"/scripts/versions/{version_id}/approve", data={"csrf": "wrong"})
    assert answer.status_code == 403
    with works.read(SYSTEM) as work:
        assert service.get(work.session, version_id).state == "in_review"


# --- writing ------------------------------------------------------------------------------------


def test_a_new_script_is_drafted_submitted_and_waits(as_: SignedIn, works: Works) -> None:
    answer = as_(SU_MIN).post("/scripts/new", data={
        **FORM, "then": "submit", "b0_title": "转人工", "b0_does": "request_human", "b1_title": "登记投诉",
        "b1_does": "say", "b1_say": "我要投诉", "effective_to": "2030-01-01T18:00"})
    assert answer.status_code == 200 and "提交了，等另一位同事审批" in text_of(answer)
    with works.read(SYSTEM) as work:
        (version,) = store.versions(work.session, "pickup.again")
    assert version.state == "in_review"
    assert version.buttons == [{"title": "转人工", "action": "request_human"}, {"title": "登记投诉", "say": "我要投诉"}]
    assert '<span class="tag">转人工</span>' in answer.text, "what it is called and does alike is said once"
    assert version.examples == ["改约取件", "换个时间取件"]
    assert version.effective_to and version.effective_to.isoformat() == "2030-01-01T10:00:00+00:00"


@pytest.mark.parametrize(("change", "sentence"), [
    ({"key": KEY}, "已经有话术了"), ({"key": "坏 编号"}, "小写英文"), ({"title": ""}, "标题"), ({"text": " "}, "请写内容"),
    ({"effective_to": "昨天"}, "时间没写对"), ({"channel": "fax"}, "没有这个渠道"),
])
def test_after_a_mistake_everything_typed_is_still_there(as_: SignedIn, change: dict[str, str], sentence: str) -> None:
    typed = {**FORM, **change, "b0_title": "好的呀", "then": "save"}
    answer = as_(SU_MIN).post("/scripts/new", data=typed)
    assert answer.status_code == 422
    shown = unescape(answer.text)
    assert "没有保存，内容还在" in shown and sentence in shown
    for kept in ("改约取件\n换个时间取件", "好的呀", "新写", typed["key"]):
        assert kept in shown, kept


def test_a_draft_that_fails_the_checks_is_saved_and_says_why_it_was_not_submitted(as_: SignedIn, works: Works) -> None:
    answer = as_(SU_MIN).post("/scripts/new", data={**FORM, "text": "保证明天上门。", "then": "submit"})
    assert answer.status_code == 422
    assert "草稿存好了" in text_of(answer) and "「保证」" in text_of(answer)
    with works.read(SYSTEM) as work:
        (version,) = store.versions(work.session, "pickup.again")
    assert version.state == "draft"
    # The page goes on as the draft's own editor.
    answer = as_(SU_MIN).post(f"/scripts/versions/{version.id}/edit", data={**FORM, "then": "submit"})
    assert answer.status_code == 200 and "提交了" in text_of(answer)


def test_two_windows_on_one_draft_the_older_one_is_told_and_keeps_its_words(as_: SignedIn, works: Works) -> None:
    browser = as_(SU_MIN)
    browser.post("/scripts/new", data={**FORM, "then": "save"})
    with works.read(SYSTEM) as work:
        version_id = store.versions(work.session, "pickup.again")[0].id
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', browser.get(f"/scripts/versions/{version_id}/edit").text)
    assert seen
    first = browser.post(f"/scripts/versions/{version_id}/edit", data={**FORM, "text": "第一扇窗。", "seen": seen[1]})
    assert first.status_code == 200
    second = browser.post(f"/scripts/versions/{version_id}/edit", data={**FORM, "text": "第二扇窗。", "seen": seen[1]})
    assert second.status_code == 409
    assert "第二扇窗。" in second.text and "内容又改过了" in text_of(second)


def test_the_preview_shows_sample_values_and_the_checks(as_: SignedIn) -> None:
    answer = as_(SU_MIN).post("/scripts/preview", data={**FORM, "text": "订单 {order_no} 绝对没问题 {nonsense} <b>"})
    shown = text_of(answer)
    assert answer.status_code == 200 and "HM260917-3382" in shown
    assert "绝对化用语" in shown and "没有这个变量：nonsense" in shown and "&lt;b&gt;" in answer.text
    assert "<html" not in answer.text


def test_an_export_can_be_imported_and_a_broken_file_is_refused(as_: SignedIn) -> None:
    browser = as_(SU_MIN)
    for kind in ("xlsx", "json"):
        export = browser.get(f"/scripts/export/{kind}")
        assert export.status_code == 200
        answer = browser.post("/scripts/import", files={"file": (f"library.{kind}", export.content)})
        assert answer.status_code == 200 and "起草了 0 条" in text_of(answer)
    answer = browser.post("/scripts/import", files={"file": ("x.xlsx", b"no workbook")})
    assert answer.status_code == 422 and "文件读不出来" in text_of(answer)


# --- for programs -------------------------------------------------------------------------------


def test_the_staff_api_goes_the_same_way(app_client: TestClient, as_: SignedIn, works: Works) -> None:
    as_(SU_MIN)
    as_(SHEN_LAN)
    author = {"Authorization": "Bearer api-sumin"}
    approver = {"Authorization": "Bearer api-shenlan"}
    made = app_client.post(f"/api/scripts/{KEY}/versions", headers=author, json={"text": "签收后 30 小时内开好。"})
    assert made.status_code == 201 and made.json()["state"] == "draft"
    assert app_client.post(f"/api/scripts/{KEY}/submit", headers=author, json={}).json()["state"] == "in_review"
    own = app_client.post(f"/api/scripts/{KEY}/approve", headers=author, json={})
    assert (own.status_code, own.json()["code"]) == (403, "not_permitted")
    stale = app_client.post(f"/api/scripts/{KEY}/approve", headers=approver, json={"seen": "0" * 64})
    assert (stale.status_code, stale.json()["code"]) == (409, "text_changed")
    done = app_client.post(f"/api/scripts/{KEY}/approve", headers=approver, json={"seen": made.json()["hash"]})
    assert done.json()["state"] == "effective"
    back = app_client.post(f"/api/scripts/{KEY}/rollback", headers=approver, json={"version": 1})
    assert back.json()["restores"] == 1
    gone = app_client.post(f"/api/scripts/{KEY}/withdraw", headers=author, json={"reason": "停用"})
    assert gone.json()["state"] == "withdrawn"
    again = app_client.post(f"/api/scripts/{KEY}/withdraw", headers=author, json={"reason": "停用"})
    assert (again.status_code, again.json()["code"]) == (409, "move_not_allowed")
    listed = app_client.get("/api/scripts?topic=ask_invoice", headers=author).json()
    assert all(script["topic"] == "ask_invoice" for script in listed["scripts"])


# --- for the bot --------------------------------------------------------------------------------


def bot() -> dict[str, str]:
    return {"X-Zhike-Secret": settings().secrets.bot_secret}


def test_only_the_bot_gets_the_feed(app_client: TestClient) -> None:
    assert app_client.get("/api/bot/scripts").status_code == 401
    assert app_client.get("/api/bot/scripts", headers={"X-Zhike-Secret": "guess"}).status_code == 401
    feed = app_client.get("/api/bot/scripts", headers=bot()).json()
    assert feed["revision"] >= 60 and len(feed["scripts"]) >= 60
    assert set(feed["settings"]) >= {"service_hours", "hotline", "shop_name"}
    same = app_client.get(f"/api/bot/scripts?revision={feed['revision']}", headers=bot()).json()
    assert same == {"revision": feed["revision"], "unchanged": True}


def test_a_waiting_bot_hears_of_a_change_within_a_moment(app_client: TestClient, works: Works) -> None:
    version_id = in_review(works)
    revision = app_client.get("/api/bot/scripts", headers=bot()).json()["revision"]
    approved_at: list[float] = []

    def approve() -> None:
        time.sleep(0.4)
        with works.begin(SHEN_LAN) as work:
            service.approve(work, version_id)
        approved_at.append(time.monotonic())

    approver = threading.Thread(target=approve)
    approver.start()
    feed = app_client.get(f"/api/bot/scripts?revision={revision}&wait=10", headers=bot()).json()
    heard_at = time.monotonic()
    approver.join()
    assert feed["revision"] == revision + 1
    assert heard_at - approved_at[0] < 1.0
    assert next(s["text"] for s in feed["scripts"] if s["key"] == KEY) == "签收后 48 小时内开好电子发票。"


def test_a_wait_without_a_change_ends_by_itself(app_client: TestClient) -> None:
    revision = app_client.get("/api/bot/scripts", headers=bot()).json()["revision"]
    began = time.monotonic()
    answer = app_client.get(f"/api/bot/scripts?revision={revision}&wait=0.6", headers=bot())
    assert answer.json()["unchanged"] is True
    assert 0.5 <= time.monotonic() - began < 3
    assert app_client.get("/api/bot/scripts?revision=1&wait=9999", headers=bot()).status_code == 422
