"""The smallest things that a test may need, each made the way the house makes it."""

from backend.conversations import service as conversations
from backend.conversations.tables import Conversation
from backend.customers import service as customers
from backend.customers.tables import Customer
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM
from backend.scripts import service as scripts
from backend.scripts.service import Content
from backend.scripts.tables import ScriptVersion
from backend.settings import settings
from tests.cast import NOW, SHEN_LAN, SU_MIN


def a_customer(work: Work, ref: str = "visitor-1", name: str | None = None) -> Customer:
    return customers.recognise(work, "web", ref, name)


def a_conversation(work: Work, customer: Customer | None = None) -> Conversation:
    customer = customer or a_customer(work)
    conversation, _ = conversations.start(work, "web", customer.id)
    return conversation


def an_effective_script(works: Works, key: str = "invoice.how_to_issue", text: str = "在「我的订单」里点「开发票」。",
                        topic: str = "ask_invoice", examples: list[str] | None = None) -> ScriptVersion:
    """Drafted by one person, approved by another, effective at once."""
    with works.begin(SU_MIN, NOW) as work:
        version = scripts.draft(work, key, Content(topic=topic, title="发票怎么开", text=text,
                                                   examples=examples or ["发票怎么开"]))
        scripts.submit(work, version.id)
    with works.begin(SHEN_LAN, NOW) as work:
        return scripts.approve(work, version.id)


def the_pack(works: Works) -> None:
    """Scripts, regimes, survey and staff of the default pack."""
    from backend.deadlines import service as deadlines
    from backend.surveys import service as surveys
    from tests.cast import hire

    with works.begin(SYSTEM, NOW) as work:
        hire(work)
        scripts.seed(work, settings().pack_dir)
        deadlines.seed(work, settings().pack_dir)
        surveys.seed(work, settings().pack_dir)
