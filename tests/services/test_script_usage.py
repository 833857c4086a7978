"""The figures beside each script, counted by hand."""

from backend.conversations import service as conversations
from backend.dashboards import usage
from backend.handoffs import service as handoffs
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM
from backend.scripts import service as scripts
from backend.surveys import service as surveys
from tests import builders
from tests.cast import NOW

KEY = "invoice.how_to_issue"


def test_use_resolution_handoff_and_satisfaction_are_counted_per_script(pack_loaded: Works) -> None:
    ids = []
    for number in range(3):
        with pack_loaded.begin(BOT, NOW) as work:
            conversation = builders.a_conversation(work, builders.a_customer(work, f"visitor-{number}"))
            conversations.receive(work, conversation, client_id="a", text="发票怎么开")
            conversations.receive(work, conversation, client_id="b", text="在吗")
            for _ in range(number + 1):
                conversations.say(work, conversation, scripts.speak(work, KEY))
            ids.append(conversation.id)
    with pack_loaded.begin(SYSTEM, NOW) as work:
        handoffs.request(work, ids[0], "customer_request", {}, "")
    for conversation_id in ids[:2]:  # the third is still open
        with pack_loaded.begin(SYSTEM, NOW) as work:
            conversations.close(work, conversations.get(work.session, conversation_id), "customer")
    with pack_loaded.begin(SYSTEM, NOW) as work:
        card = conversations.thread(work.session, ids[1])[-1].card
        assert card is not None
        surveys.answer(work, surveys.token_of(card["invitation_id"]), 5)
    with pack_loaded.read(SYSTEM, NOW) as work:
        found = usage.of_scripts(work)[KEY]
    assert found.used == 1 + 2 + 3
    assert found.resolved is not None and (found.resolved.k, found.resolved.n) == (1, 2)
    assert found.handed_off is not None and (found.handed_off.k, found.handed_off.n) == (1, 2)
    assert found.satisfied is not None and (found.satisfied.k, found.satisfied.n) == (1, 1)


def test_a_script_nobody_heard_has_no_figures(pack_loaded: Works) -> None:
    with pack_loaded.read(SYSTEM, NOW) as work:
        assert usage.of_scripts(work) == {}
