"""What is missing, on pages: two approvers, unanswered questions, agents' edits, replay, files, reviews."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import utc_now
from backend.people.tables import Staff, StaffRole
from backend.scripts import proposals, questions, service, store
from backend.scripts.questions import Question
from backend.scripts.service import Content
from tests.cast import HE_CHUAN, LIN_JIA, SHEN_LAN, SU_MIN
from tests.services.script_house import MONEY, QIAN_YU, PlainStudy
from tests.services.test_script_replay import Asked
from tests.web import test_scripts_pages as house
from tests.web.test_scripts_pages import FORM, KEY, SignedIn, in_review, text_of

app_client, works, as_ = house.app_client, house.works, house.as_
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
def second(works: Works) -> None:
    """Another approver on the payroll."""
    with works.begin(SYSTEM) as work:
        work.session.add(Staff(id="qianyu", username="qianyu", display_name="钱雨", password_hash="!", skill_groups="",
                               created_at=utc_now()))
        work.flush()
        work.session.add(StaffRole(staff_id="qianyu", role="script_approver"))


def unanswered(works: Works, texts: Sequence[str], default_key: str | None = None) -> None:
    now = utc_now()
    rows = [Question(f"q{n}{default_key or ''}", f"c{n}", f"k{n}", text, now - timedelta(hours=len(texts) - n), default_key)
            for n, text in enumerate(texts)]
    questions.gather(works, PlainStudy(), lambda session, since: rows, now)


def the_kind(works: Works) -> str:
    with works.read(SYSTEM) as work:
        return store.clusters(work.session, "open")[0].id


def proposed(works: Works, text: str) -> str:
    with works.begin(LIN_JIA) as work:
        version = store.effective(work.session, KEY, ("any",))[0]
        found = proposals.note(work, version.id, version.text + text, "m1", "c1")
        assert found is not None
        return found.id


# --- two approvers ------------------------------------------------------------------------------


def test_a_promise_of_money_waits_for_two_and_the_page_says_for_whom(as_: SignedIn, works: Works, second: None) -> None:
    version_id = in_review(works, MONEY)
    first, other = as_(SHEN_LAN), as_(QIAN_YU)
    shown = text_of(first.get(f"/scripts/versions/{version_id}"))
    assert "还差 2 位，可以由钱雨、沈岚批准" in shown and "第一位审批" in shown and "赔付和补偿是合同责任" in shown
    answer = first.post(f"/scripts/versions/{version_id}/approve")
    assert answer.status_code == 200 and "还要另一位同事批准才生效" in text_of(answer)
    assert "可以由钱雨批准" in text_of(answer) and "批准 v2" not in answer.text
    again = first.post(f"/scripts/versions/{version_id}/approve")
    assert again.status_code == 403 and "另一位同事批准" in text_of(again)
    done = other.post(f"/scripts/versions/{version_id}/approve")
    assert done.status_code == 200 and "机器人 1 秒内就用这一版" in text_of(done)
    assert house.text_in_force(works) == MONEY


def test_the_staff_api_tells_how_many_signatures_are_missing(app_client: TestClient, as_: SignedIn, works: Works, second: None) -> None:
    for person in (SU_MIN, SHEN_LAN, QIAN_YU):
        as_(person)
    head = {name: {"Authorization": f"Bearer api-{name}"} for name in ("sumin", "shenlan", "qianyu")}
    in_review(works, MONEY)
    once = app_client.post(f"/api/scripts/{KEY}/approve", headers=head["shenlan"], json={})
    assert (once.json()["state"], once.json()["first_approver_id"], once.json()["approvals_needed"]) == ("in_review", "shenlan", 2)
    checks = app_client.get(f"/api/scripts/{KEY}/versions/2/checks", headers=head["sumin"]).json()
    assert checks["approvals"] == {"needed": 2, "by": ["shenlan"], "missing": 1}
    money = next(one for one in checks["findings"] if one["code"] == "money_promise")
    assert money["reason"] and money["mend"]
    twice = app_client.post(f"/api/scripts/{KEY}/approve", headers=head["shenlan"], json={})
    assert (twice.status_code, twice.json()["code"]) == (403, "approved_already")
    assert app_client.post(f"/api/scripts/{KEY}/approve", headers=head["qianyu"], json={}).json()["state"] == "effective"


# --- unanswered questions -----------------------------------------------------------------------


def test_unanswered_questions_are_listed_masked_with_their_counts(as_: SignedIn, works: Works) -> None:
    unanswered(works, ["桌面可以刻字吗", "桌面能刻字吗 13812345678", "桌面可以刻字么"])
    assert "没答上的问题 1 类" in text_of(as_(SU_MIN).get("/scripts"))
    page = as_(SU_MIN).get("/scripts/questions")
    shown = text_of(page)
    assert "3 位客户问过 3 次" in shown and "写一条话术" in shown and "13812345678" not in page.text
    assert "写一条话术" not in as_(HE_CHUAN).get("/scripts/questions").text


def test_what_got_only_default_words_stands_beside_what_was_not_understood(as_: SignedIn, works: Works) -> None:
    unanswered(works, ["桌面可以刻字吗", "线下门店在哪里"])
    unanswered(works, ["一单能拆几张发票", "一单能拆几张发票呢"], KEY)
    library = as_(SU_MIN).get("/scripts")
    assert "没答上的问题 2 类" in text_of(library) and "只答了默认话术 1 类" in text_of(library)
    every = text_of(as_(SU_MIN).get("/scripts/questions"))
    assert "等处理 3" in every and "全部 3" in every and "没听懂 2" in every and "只答了主题默认话术 1" in every
    only = as_(SU_MIN).get("/scripts/questions?why=default")
    shown = text_of(only)
    assert "2 位客户问过 2 次" in shown and "桌面可以刻字吗" not in shown and "发票 2 次" in shown
    assert f'href="/scripts/{KEY}"' in only.text and "现在答的，够用就归到这条" in only.text
    assert "一单能拆" not in text_of(as_(SU_MIN).get("/scripts/questions?why=lost"))
    assert "一单能拆" not in text_of(as_(SU_MIN).get("/scripts/questions?why=default&topic=ask_refund"))


def test_a_script_for_what_got_only_default_words_begins_in_its_topic(as_: SignedIn, works: Works) -> None:
    unanswered(works, ["一单能拆几张发票"], KEY)
    with works.read(SYSTEM) as work:
        title, topic = store.script(work.session, KEY).title, store.script(work.session, KEY).topic  # type: ignore[union-attr]
    form = as_(SU_MIN).get(f"/scripts/new?question={the_kind(works)}")
    assert f"只答了主题默认话术「{title}」" in form.text and f'<option value="{topic}" selected>' in form.text
    ignored = as_(SU_MIN).post(f"/scripts/questions/{the_kind(works)}/ignore",
                               data={"reason": "默认话术够用", "why": "default", "topic": topic})
    assert str(ignored.url).endswith(f"/scripts/questions?why=default&topic={topic}&done=ignored")
    assert "没有等处理的问题" in text_of(ignored)


def test_with_nothing_missing_the_page_says_so(as_: SignedIn) -> None:
    assert "没有等处理的问题" in text_of(as_(SU_MIN).get("/scripts/questions"))
    assert "没有等处理的改动" in text_of(as_(SU_MIN).get("/scripts/proposals"))
    assert "还没有改过答复" in text_of(as_(LIN_JIA).get("/scripts/proposals"))


def test_a_script_begun_for_a_question_carries_the_customers_words(as_: SignedIn, works: Works) -> None:
    unanswered(works, ["桌面可以刻字吗", "桌面能刻字吗"])
    kind = the_kind(works)
    form = as_(SU_MIN).get(f"/scripts/new?question={kind}")
    assert form.status_code == 200 and "桌面能刻字吗" in form.text and f'value="{kind}"' in form.text
    answer = as_(SU_MIN).post("/scripts/new", data={**FORM, "question": kind, "then": "save"})
    assert answer.status_code == 200
    with works.read(SYSTEM) as work:
        linked = store.cluster(work.session, kind)
        assert linked is not None and (linked.state, linked.script_key) == ("linked", "pickup.again")
    assert "归到" in text_of(as_(SU_MIN).get("/scripts/questions?state=linked"))


def test_questions_are_given_to_a_script_or_ignored(as_: SignedIn, works: Works) -> None:
    unanswered(works, ["桌面可以刻字吗", "线下门店在哪里"])
    first = the_kind(works)
    answer = as_(SU_MIN).post(f"/scripts/questions/{first}/link", data={"key": KEY})
    assert answer.status_code == 200 and "修改草稿" in text_of(answer)
    missing = as_(SU_MIN).post(f"/scripts/questions/{the_kind(works)}/ignore", data={"reason": ""})
    assert missing.status_code == 422 and "请写明为什么不用管" in text_of(missing)
    ignored = as_(SU_MIN).post(f"/scripts/questions/{the_kind(works)}/ignore", data={"reason": "不卖这个"})
    assert "以后不再提醒" in text_of(ignored)
    assert as_(LIN_JIA).post(f"/scripts/questions/{first}/reopen").status_code == 403


# --- agents' edits ------------------------------------------------------------------------------


def test_an_edit_is_seen_on_the_scripts_page_declined_with_a_reason_and_read_by_the_agent(as_: SignedIn, works: Works) -> None:
    proposal = proposed(works, "\n抬头写公司全称，王女士 13812345678。")
    page = as_(SU_MIN).get(f"/scripts/{KEY}")
    assert "客服的改动" in text_of(page) and "林佳，1 次" in text_of(page) and "13812345678" not in page.text
    answer = as_(SU_MIN).post(f"/scripts/proposals/{proposal}/decline", data={"reason": "已经写在发票页", "from": "script"})
    assert answer.status_code == 200 and "客服会看到原因" in text_of(answer)
    assert "我改过的答复 1" in text_of(as_(LIN_JIA).get("/scripts"))
    assert "苏敏没有采用：已经写在发票页" in text_of(as_(LIN_JIA).get("/scripts/proposals?whose=mine"))


def test_an_accepted_edit_opens_as_a_draft(as_: SignedIn, works: Works) -> None:
    proposal = proposed(works, "\n抬头写公司全称。")
    answer = as_(SU_MIN).post(f"/scripts/proposals/{proposal}/accept")
    assert answer.status_code == 200 and "修改草稿 v2" in text_of(answer) and "抬头写公司全称" in answer.text
    assert as_(LIN_JIA).post(f"/scripts/proposals/{proposal}/accept").status_code == 403
    assert as_(SU_MIN).post(f"/scripts/proposals/{proposal}/accept").status_code == 409


# --- replay -------------------------------------------------------------------------------------


def connect(client: TestClient, works: Works, turns: list[Any], study: PlainStudy | None = None) -> PlainStudy:
    state = client.app.state  # type: ignore[attr-defined]
    with works.read(SYSTEM) as work:
        live = {one.key: one.examples for one, _ in store.effective_set(work.session) if one.examples}
    state.study = study or PlainStudy(live)
    state.script_turns = lambda session, until, limit: turns[:limit]
    found: PlainStudy = state.study
    return found


def test_the_replay_shows_masked_questions_and_both_answers(app_client: TestClient, as_: SignedIn, works: Works) -> None:
    connect(app_client, works, [Asked("m1", "c1", "发票怎么开 13812345678", "ask_invoice", 0.9, KEY)])
    version_id = in_review(works)
    page = as_(SHEN_LAN).get(f"/scripts/{KEY}/replay")
    shown = text_of(page)
    assert page.url.path == f"/scripts/versions/{version_id}/replay"
    assert "最近 1 句真实提问" in shown and "138****5678" in shown and "13812345678" not in page.text
    assert "签收后 48 小时内开好电子发票" in shown and "文字变了 1 句" in shown
    part = as_(SHEN_LAN).get(f"/scripts/versions/{version_id}/replay?part=summary")
    assert "<html" not in part.text and "1 句答复会变" in text_of(part)
    detail = as_(SHEN_LAN).get(f"/scripts/versions/{version_id}")
    assert f'hx-get="/scripts/versions/{version_id}/replay?part=summary"' in detail.text


def test_while_the_bot_is_down_the_replay_says_what_to_do(app_client: TestClient, as_: SignedIn, works: Works) -> None:
    study = connect(app_client, works, [Asked("m1", "c1", "发票怎么开", "ask_invoice", 0.9, KEY)])
    study.down = True
    version_id = in_review(works)
    answer = as_(SU_MIN).get(f"/scripts/versions/{version_id}/replay")
    assert answer.status_code == 200
    assert "机器人现在没有应答" in text_of(answer) and "刷新" in text_of(answer) and "文字变了 1 句" in text_of(answer)


def test_the_replay_for_programs_gives_counts_and_changes(app_client: TestClient, as_: SignedIn, works: Works) -> None:
    connect(app_client, works, [Asked("m1", "c1", "发票怎么开", "ask_invoice", 0.9, KEY)])
    as_(SU_MIN)
    in_review(works)
    found = app_client.get(f"/api/scripts/{KEY}/versions/2/replay", headers={"Authorization": "Bearer api-sumin"}).json()
    assert (found["turns"], found["changed"], found["matched"]) == (1, 1, True)
    assert found["changes"][0]["kind"] == "text" and found["changes"][0]["questions"] == ["发票怎么开"]


def test_questions_that_another_script_answers_are_named_while_writing(app_client: TestClient, as_: SignedIn, works: Works) -> None:
    study = connect(app_client, works, [])
    answer = as_(SU_MIN).post("/scripts/preview/near", data={**FORM, "examples": "发票怎么开呀"})
    assert "「发票怎么开呀」现在由" in text_of(answer).replace(" ", "") and "怎么改" in text_of(answer)
    study.down = True
    assert "机器人没有应答" in text_of(as_(SU_MIN).post("/scripts/preview/near", data=FORM))


# --- files, details, reviews --------------------------------------------------------------------


def test_a_file_is_added_to_a_draft_kept_through_mistakes_and_taken_off(as_: SignedIn, works: Works) -> None:
    browser = as_(SU_MIN)
    upload = {"upload": ("安装图.png", PNG, "image/png")}
    answer = browser.post("/scripts/new", data={**FORM, "title": "", "then": "save"}, files=upload)
    assert answer.status_code == 422 and "安装图.png" in answer.text, "what was uploaded survives another field's mistake"
    with works.read(SYSTEM) as work:
        (row,) = store.files_named(work.session, "安装图.png")
    saved = browser.post("/scripts/new", data={**FORM, "then": "save", "file": row.id})
    assert saved.status_code == 200 and "安装图.png" in saved.text
    picture = browser.get(f"/scripts/files/{row.id}")
    assert (picture.headers["content-type"], picture.content) == ("image/png", PNG)
    with works.read(SYSTEM) as work:
        (version,) = store.versions(work.session, "pickup.again")
        assert version.attachments[0]["id"] == row.id
    browser.post(f"/scripts/versions/{version.id}/edit", data={**FORM, "then": "save"})
    with works.read(SYSTEM) as work:
        assert service.get(work.session, version.id).attachments == []
    wrong = browser.post("/scripts/new", data={**FORM, "key": "pickup.more"}, files={"upload": ("x.svg", b"<svg/>", "image/svg+xml")})
    assert wrong.status_code == 422 and "只能发图片、PDF" in text_of(wrong)


def test_the_customer_fetches_the_file_by_a_signed_address(app_client: TestClient, as_: SignedIn, works: Works) -> None:
    from backend.conversations import service as conversations
    from backend.gateway import present
    from tests import builders

    as_(SU_MIN).post("/scripts/new", data={**FORM, "then": "submit"}, files={"upload": ("安装图.png", PNG, "image/png")})
    with works.read(SYSTEM) as work:
        version_id = store.versions(work.session, "pickup.again")[0].id
    as_(SHEN_LAN).post(f"/scripts/versions/{version_id}/approve")
    with works.begin(SYSTEM) as work:
        conversation = builders.a_conversation(work)
        conversations.say(work, conversation, service.speak(work, "pickup.again"))
    with works.read(SYSTEM) as work:
        shown = present.since(work.session, conversation.id, 0, utc_now()).messages
    (file,) = shown[0]["files"]
    assert (file["name"], file["kind"], file["size"]) == ("安装图.png", "image/png", len(PNG))
    assert app_client.get(file["url"]).content == PNG
    assert app_client.get(file["url"].replace("sig=", "sig=0")).status_code == 404


def test_owner_tags_and_review_date_are_set_shown_found_and_reviewed(as_: SignedIn, works: Works) -> None:
    browser = as_(SU_MIN)
    answer = browser.post("/scripts/new", data={**FORM, "owner": "shenlan", "tags": "大件、安装 双十一", "review_on": "2020-01-01",
                                                "then": "save"})
    shown = text_of(answer)
    assert "负责人 沈岚" in shown and "该复审了" in shown and "双十一" in shown and "到期待复审 1" in shown
    assert "改约取件" in text_of(browser.get("/scripts?need=review"))
    assert "重约取件" in text_of(browser.get("/scripts", params={"q": "双十一"}))
    early = browser.post("/scripts/pickup.again/reviewed", data={"review_on": "2020-02-01"})
    assert early.status_code == 422 and "要在今天以后" in text_of(early)
    done = browser.post("/scripts/pickup.again/reviewed", data={"review_on": "2099-01-01"})
    assert "复审记下了" in text_of(done) and "到期待复审" not in text_of(done)
    wrong = browser.post("/scripts/new", data={**FORM, "key": "a.b", "review_on": "明天"})
    assert wrong.status_code == 422 and "日期没写对" in text_of(wrong) and 'value="明天"' in wrong.text


def test_a_channels_own_wording_begins_with_the_common_words_and_no_questions(as_: SignedIn) -> None:
    form = as_(SU_MIN).get(f"/scripts/{KEY}/draft?channel=wechat").text
    assert '<option value="wechat" selected>' in form and "微信专用" in form


def test_the_history_shows_how_each_version_did(app_client: TestClient, as_: SignedIn, works: Works) -> None:
    from backend.kernel.statistics import Rate
    from backend.scripts.library import Usage

    with works.read(SYSTEM) as work:
        version_id = store.effective(work.session, KEY, ("any",))[0].id
    app_client.app.state.script_version_usage = lambda work, key: {  # type: ignore[attr-defined]
        version_id: Usage(used=1284, resolved=Rate(787, 1284), handed_off=Rate(309, 1284), satisfied=Rate(20, 26))}
    shown = text_of(as_(SU_MIN).get(f"/scripts/{KEY}/history"))
    assert "1,284 次" in shown and "61.3% 59–64，n 1,284" in shown and "样本不足 n 26" in shown


def test_a_draft_can_be_saved_on_the_way_to_its_replay(app_client: TestClient, as_: SignedIn, works: Works) -> None:
    connect(app_client, works, [])
    answer = as_(SU_MIN).post("/scripts/new", data={**FORM, "then": "replay"})
    assert answer.status_code == 200 and answer.url.path.endswith("/replay")
    assert "还没有可以重放的真实提问" in text_of(answer)
    with works.begin(SU_MIN) as work:
        assert service.draft(work, "pickup.again", Content(text="x")).version == 2
