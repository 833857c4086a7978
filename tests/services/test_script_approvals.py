"""Words that promise money need two people, neither of them the author; files and details go through the same gate."""

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Conflict
from backend.scripts import attachments, drafting, record, rules, service, store
from backend.scripts.tables import Script, ScriptVersion
from tests.cast import LIN_JIA, NOW, SHEN_LAN, SU_MIN
from tests.services.script_house import KEY, MONEY, QIAN_YU, approved, published, refused, staffed, submitted, words

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


def version(works: Works, version_id: str) -> ScriptVersion:
    with works.read(SYSTEM, NOW) as work:
        return service.get(work.session, version_id)


def test_the_first_approval_is_noted_and_the_words_stay_unsaid_until_a_second_person_approves(works: Works) -> None:
    version_id = submitted(works)
    assert version(works, version_id).approvals_needed == 2
    assert approved(works, version_id) == "in_review"
    with works.read(SYSTEM, NOW) as work:
        assert service.effective(work.session, KEY, now=NOW) is None
    assert approved(works, version_id, QIAN_YU) == "effective"
    done = version(works, version_id)
    assert (done.first_approver_id, done.approver_id) == ("shenlan", "qianyu")
    with works.read(SYSTEM, NOW) as work:
        assert service.effective(work.session, KEY, now=NOW) is not None
        acts = [act.action for act in store.acts(work.session, [version_id])]
    assert acts.count("script_approved_first") == 1 and acts.count("script_approved") == 1


def test_nobody_approves_twice_and_the_author_not_at_all(works: Works) -> None:
    version_id = submitted(works)
    approved(works, version_id)
    assert "另一位" in refused("approved_already", lambda: approved(works, version_id)).message
    own = submitted(works, by=SHEN_LAN, key="delivery.other")
    refused("same_person", lambda: approved(works, own))
    approved(works, own, QIAN_YU)
    refused("same_person", lambda: approved(works, own))


def test_words_without_a_promise_need_one(works: Works) -> None:
    assert approved(works, submitted(works, "请在「我的订单」里改地址。")) == "effective"


@pytest.mark.parametrize("move", ["recall", "send_back"])
def test_words_that_went_back_to_their_author_are_signed_anew(works: Works, move: str) -> None:
    version_id = submitted(works)
    approved(works, version_id)
    if move == "recall":
        with works.begin(SU_MIN, NOW) as work:
            service.recall(work, version_id)
    else:
        with works.begin(QIAN_YU, NOW) as work:
            service.send_back(work, version_id, "写明从哪天起")
    assert version(works, version_id).first_approver_id is None
    with works.begin(SU_MIN, NOW) as work:
        service.edit_draft(work, version_id, words("晚到一天补偿您 30 元。"))
        service.submit(work, version_id)
    assert approved(works, version_id, QIAN_YU) == "in_review"
    assert approved(works, version_id) == "effective"


def test_the_second_may_still_refuse(works: Works) -> None:
    version_id = submitted(works)
    approved(works, version_id)
    with works.begin(QIAN_YU, NOW) as work:
        assert service.refuse(work, version_id, "没有依据").state == "refused"


def test_a_promise_found_after_the_submission_still_asks_for_a_second(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    version_id = submitted(works, "可以以旧换大新。")
    assert version(works, version_id).approvals_needed == 1
    monkeypatch.setattr("backend.scripts.checking.organisation", lambda: {"two_approvals": ["以旧换大新"]})
    assert approved(works, version_id) == "in_review"
    assert version(works, version_id).approvals_needed == 2


@pytest.mark.parametrize(("first", "rule"), [
    (None, "two_approvers_where_marked"), ("qianyu", "two_approvers_where_marked"), ("sumin", "author_is_not_first_approver"),
])
def test_the_database_itself_refuses_marked_words_without_two_people(works: Works, first: str | None, rule: str) -> None:
    published(works)
    with pytest.raises(IntegrityError, match=rule), works.begin(SYSTEM, NOW) as work:
        work.session.add(ScriptVersion(
            id="0" * 32, key=KEY, version=9, state="approved", text=MONEY, author_id="sumin", drafted_at=NOW,
            approvals_needed=2, first_approver_id=first, first_approved_at=NOW, approver_id="qianyu", approved_at=NOW,
            digest="0" * 64))
        work.flush()


def test_a_rollback_comes_back_under_both_first_approvals(works: Works) -> None:
    version_id = submitted(works)
    approved(works, version_id)
    approved(works, version_id, QIAN_YU)
    published(works, "请转人工登记。")
    with works.begin(SHEN_LAN, NOW) as work:
        back = service.rollback(work, KEY, 1)
    assert (back.text, back.first_approver_id, back.approver_id, back.approvals_needed) == (MONEY, "shenlan", "qianyu", 2)


def test_the_page_says_who_has_approved_and_who_is_missing(works: Works) -> None:
    staffed(works)
    version_id = submitted(works)
    with works.read(SHEN_LAN, NOW) as work:
        shown = record.open_script(work, KEY)
    assert shown.missing == "还差 2 位，可以由钱雨、沈岚批准"
    approved(works, version_id)
    with works.read(QIAN_YU, NOW) as work:
        shown = record.open_script(work, KEY)
    assert shown.missing == "还差 1 位，可以由钱雨批准" and "approve" in shown.may
    assert [step.title for step in shown.trail] == ["起草", "提交", "第一位审批", "第二位审批", "生效"]
    with works.read(SHEN_LAN, NOW) as work:
        shown = record.open_script(work, KEY)
        assert service.waiting_for(work.session, SHEN_LAN) == 0 and service.waiting_for(work.session, QIAN_YU) == 1
    assert "approve" not in shown.may and {"send_back", "refuse"} <= shown.may


def test_too_few_approvers_is_said_before_anybody_waits(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        from tests.cast import hire
        hire(work)
    submitted(works)
    with works.read(SHEN_LAN, NOW) as work:
        assert record.open_script(work, KEY).missing.startswith("审批人不够")


def test_the_same_question_in_two_scripts_is_refused_and_a_similar_one_only_pointed_out(works: Works) -> None:
    published(works, "请在「我的订单」里改地址。", key="address.change", examples=["怎么改收货地址"])
    refusal = refused("script_not_ready", lambda: submitted(works, "请转人工。", examples=["怎么改 收货地址？"]))
    assert "「送晚了怎么办」已有同样的示例问法" in refusal.message and "examples" in refusal.fields
    submitted(works, "请转人工。", key="delivery.two", examples=["怎么改下收货地址"])


# --- files --------------------------------------------------------------------------------------


def test_a_file_is_part_of_what_was_approved(works: Works) -> None:
    with works.begin(SU_MIN, NOW) as work:
        file_id = attachments.add(work, "安装说明.png", PNG).id
        assert attachments.add(work, "另一个名字.png", PNG).id == file_id
    version_id = submitted(works, "照图安装就行。", attachments=[file_id])
    approved(works, version_id)
    with works.begin(SYSTEM, NOW) as work:
        spoken = service.speak(work, KEY)
        assert [(one["name"], one["kind"]) for one in spoken.attachments] == [("安装说明.png", "image/png")]
        assert attachments.content(work.session, file_id) == ("image/png", PNG)
        assert service.files_of(work.session, version_id)[0]["id"] == file_id
    with pytest.raises(Conflict), works.begin(SYSTEM, NOW) as work:
        changed = work.session.get_one(ScriptVersion, version_id)
        changed.attachments = []
        work.flush()


def test_the_proof_covers_the_files_and_words_without_files_keep_the_proof_that_they_have() -> None:
    plain: dict[str, Any] = {"key": KEY, "version": 1, "channel": "any", "text": "看图。", "buttons": [], "examples": [],
                             "effective_from": None, "effective_to": None}
    one, other = ([{"id": "x", "name": "图.png", "sha256": proof * 64}] for proof in "01")
    assert len({rules.digest(**plain), rules.digest(**plain, attachments=one), rules.digest(**plain, attachments=other)}) == 3
    assert rules.digest(**plain, attachments=[]) == rules.digest(**plain)


@pytest.mark.parametrize(("content", "code"), [(b"", "file_empty"), (b"<svg>", "file_type"), (b"ID3mp3", "file_type")])
def test_only_pictures_and_pdf_go_out_with_words(works: Works, content: bytes, code: str) -> None:
    def add() -> None:
        with works.begin(SU_MIN, NOW) as work:
            attachments.add(work, "x", content)

    refused(code, add)


def test_a_file_that_is_not_there_or_one_too_many_is_refused(works: Works) -> None:
    refused("no_such_file", lambda: submitted(works, "看图。", attachments=["0" * 32]))
    refused("too_many_files", lambda: submitted(works, "看图。", attachments=["a", "b", "c", "d"]))


# --- details ------------------------------------------------------------------------------------


def test_owner_tags_and_review_date_hold_at_once_and_are_written_down(works: Works) -> None:
    staffed(works)
    published(works)
    day = NOW.date().replace(month=12, day=1)
    with works.begin(SU_MIN, NOW) as work:
        service.draft(work, KEY, words(owner="shenlan", tags=[" 双十一", "大件", "大件"], review_on=day, review_given=True,
                                       source="配送规定 2026"))
        script = work.session.get_one(Script, KEY)
        assert (script.owner, script.tags, script.review_on, script.source) == (
            "shenlan", ["双十一", "大件"], day, "配送规定 2026")
    with works.begin(SU_MIN, NOW) as work:
        service.draft(work, KEY, words())  # says nothing of them: they stay
        assert work.session.get_one(Script, KEY).review_on == day
        entry = work.session.exec(select(JournalEntry).where(JournalEntry.action == "script_details_changed")).one()
        assert entry.detail["review_on"] == "2026-12-01" and entry.detail["owner"] == "shenlan"
    refused("no_such_owner", lambda: submitted(works, owner="nobody"))


def test_a_review_is_recorded_and_moves_the_next_date(works: Works) -> None:
    published(works)
    later = NOW.date().replace(year=2027)
    with works.begin(SU_MIN, NOW) as work:
        assert drafting.reviewed(work, KEY, later, "还是对的").review_on == later

    def too_early() -> None:
        with works.begin(SU_MIN, NOW) as work:
            drafting.reviewed(work, KEY, NOW.date())

    def not_allowed() -> None:
        with works.begin(LIN_JIA, NOW) as work:
            drafting.reviewed(work, KEY, later)

    refused("review_in_past", too_early)
    refused("not_permitted", not_allowed)
