"""What agents change in an approved answer reaches the script's owner, and the answer reaches the agent."""

from datetime import timedelta

from backend.conversations import service as conversations
from backend.handoffs import service as handoffs
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM
from backend.scripts import proposals, service, store
from backend.scripts.tables import ScriptProposal
from tests import builders
from tests.cast import LIN_JIA, NOW, SHEN_LAN, SU_MIN, ZHOU_YANG
from tests.services.script_house import KEY, published, refused, staffed

TEXT = "订单 {order_no} 预计 {eta} 送到。"
SAID = "王女士，订单 HM260917-3382 预计 10月12日 送到，师傅会先打电话 13812345678。"


def said(works: Works, version_id: str, text: str = SAID, by: object = LIN_JIA, message: str = "m1") -> ScriptProposal | None:
    with works.begin(by, NOW) as work:  # type: ignore[arg-type]
        return proposals.note(work, version_id, text, message, "c1")


def test_a_changed_answer_becomes_a_proposal_without_anything_personal(works: Works) -> None:
    version_id = published(works, TEXT)
    found = said(works, version_id)
    assert found is not None
    assert found.text == "〔称呼〕，订单 {order_no} 预计 {eta} 送到，师傅会先打电话 〔号码〕。"
    assert (found.staff_id, found.state) == ("linjia", "open") and 0 < found.kept < 1
    assert said(works, version_id) is None, "one message, one proposal"


def test_the_approved_words_and_words_of_ones_own_are_no_proposals(works: Works) -> None:
    version_id = published(works, TEXT)
    assert said(works, version_id, "订单 HM260917-3382 预计 10月12日 送到。") is None
    assert said(works, version_id, "好的，我问一下仓库再告诉您", message="m2") is None
    assert said(works, "0" * 32, message="m3") is None


def test_an_accepted_edit_is_a_draft_like_any_other_and_the_agent_reads_what_became_of_it(works: Works) -> None:
    staffed(works)
    version_id = published(works, "签收后可以退。", buttons=[{"title": "转人工", "action": "request_human"}], examples=["能退吗"])
    for number, agent in enumerate((LIN_JIA, ZHOU_YANG)):
        said(works, version_id, "签收后 7 天内可以退。", agent, f"m{number}")
    with works.read(SU_MIN, NOW) as work:
        (shown,) = proposals.open_views(work.session, NOW, KEY)
        assert (shown.count, sorted(shown.who)) == (2, ["周杨", "林佳"])
    with works.begin(SU_MIN, NOW) as work:
        draft = proposals.accept(work, shown.id)
        assert (draft.state, draft.author_id, draft.text) == ("draft", "sumin", "签收后 7 天内可以退。")
        assert draft.buttons and draft.examples == ["能退吗"]
        assert draft.note.startswith("来自客服") and {"林佳", "周杨"} <= set(draft.note[4:9].split("、")) and "2 次" in draft.note
        service.submit(work, draft.id)
    with works.read(LIN_JIA, NOW) as work:
        assert [one.outcome for one in proposals.views_of(work.session, "linjia", NOW)] == ["苏敏采用了，v2 待审"]
    with works.begin(SHEN_LAN, NOW) as work:
        service.approve(work, draft.id)
    with works.read(LIN_JIA, NOW) as work:
        (mine,) = proposals.views_of(work.session, "linjia", NOW)
        assert mine.outcome == "苏敏采用了，v2 今天 14:36生效" and mine.href == f"/scripts/versions/{draft.id}"
        assert store.count_proposals(work.session, state="open") == 0


def test_a_declined_edit_says_why(works: Works) -> None:
    staffed(works)
    found = said(works, published(works, TEXT))
    assert found is not None

    def decline(reason: str) -> None:
        with works.begin(SU_MIN, NOW) as work:
            proposals.decline(work, found.id, reason)

    refused("reason_missing", lambda: decline(""))
    decline("师傅不一定打电话")
    refused("proposal_decided", lambda: decline("再来一次"))
    with works.read(LIN_JIA, NOW) as work:
        assert proposals.views_of(work.session, "linjia", NOW)[0].outcome == "苏敏没有采用：师傅不一定打电话"

    def by_an_agent() -> None:
        with works.begin(ZHOU_YANG, NOW) as work:
            proposals.accept(work, found.id)

    refused("not_permitted", by_an_agent)


def test_every_step_of_a_proposal_stands_in_the_journal(works: Works) -> None:
    from backend.infra.journal import latest

    version_id = published(works, TEXT)
    found = said(works, version_id)
    assert found is not None
    with works.begin(SU_MIN, NOW + timedelta(minutes=1)) as work:
        proposals.accept(work, found.id)
    with works.read(SYSTEM, NOW) as work:
        deeds = [entry.action for entry in latest(work.session, "script_version", version_id, 20)]
    assert deeds[0] == "script_proposal_accepted" and "script_proposed" in deeds


def test_what_the_desk_sends_is_compared_with_what_was_inserted(pack_loaded: Works) -> None:
    with pack_loaded.begin(BOT, NOW) as work:
        conversation = builders.a_conversation(work)
        conversations.receive(work, conversation, client_id="a", text="发票怎么开")
        version = store.effective(work.session, "invoice.how_to_issue", ("any",))[0]
    with pack_loaded.begin(SYSTEM, NOW) as work:
        handoffs.request(work, conversation.id, "customer_request", {}, "")
    with pack_loaded.begin(LIN_JIA, NOW) as work:
        handoffs.set_status(work, "online")
        handoffs.take(work, conversation.id)
        handoffs.reply(work, conversation.id, version.text + "\n抬头要写公司全称。", "k1", version.id, 0.9)
        handoffs.reply(work, conversation.id, version.text, "k2", version.id, 1.0)
        handoffs.reply(work, conversation.id, "不用话术，自己写的", "k3")
    with pack_loaded.read(SYSTEM, NOW) as work:
        (found,) = store.proposals(work.session)
    assert found.text.endswith("抬头要写公司全称。") and found.staff_id == "linjia"
