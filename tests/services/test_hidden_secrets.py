"""A card number posted in a chat: stored as it was written, covered for everybody who reads the thread."""

from backend.conversations import glance
from backend.conversations import service as conversations
from backend.conversations.tables import Message
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from tests.builders import a_conversation
from tests.cast import LIN_JIA, NOW, hire

SAID = "卡号 6222021234567894，密码是abc123"
SHOWN = "卡号 ************7894，密码是******"


def test_the_thread_shows_no_secret_to_anybody_and_the_original_is_kept(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        talk = a_conversation(work)
        kept = conversations.receive(work, talk, client_id="1", text=SAID)
        again = conversations.receive(work, talk, client_id="1", text=SAID)
        assert again.id == kept.id, "the customer's second try still finds what was stored"
    with works.read(SYSTEM) as work:
        for notes in (False, True):
            assert [one.text for one in conversations.thread(work.session, talk.id, notes=notes)] == [SHOWN]
        assert glance.glances(work.session, [talk.id])[talk.id].text == SHOWN
        stored = work.session.get(Message, kept.id)
        assert stored is not None and stored.text == SAID


def test_a_note_that_quotes_it_is_covered_too(works: Works) -> None:
    with works.begin(LIN_JIA, NOW) as work:
        hire(work)
        talk = a_conversation(work)
        conversations.add_note(work, talk, f"客户发了 {SAID}")
    with works.read(SYSTEM) as work:
        assert conversations.thread(work.session, talk.id, notes=True)[0].text == f"客户发了 {SHOWN}"
