"""``python -m tests.journeys.long_ago DAYS|last-stretch [HOLDER]``: file a complaint as the bot did some time ago.

In the house named by VAR_DIR, as a program of its own, because the house has other secrets than the tests.
With a HOLDER (a member of staff) that person took it in hand within the hour. ``last-stretch`` finds a time at which
a case, begun then, is now past four fifths of the promise and not beyond it; the HOLDER has decided it within the
hour and not told the customer yet. Prints the number.
"""

import sys
from datetime import datetime, timedelta
from typing import Any

from backend.complaints import service as complaints
from backend.complaints.tables import Complaint
from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.deadlines import service as deadlines
from backend.infra.db import make_engine
from backend.infra.work import Work, Works
from backend.kernel.actors import BOT, Role, staff_actor
from backend.kernel.clock import utc_now
from backend.kernel.ids import new_id
from backend.people import service as people
from backend.settings import settings
from backend.wiring import REACTIONS

DESCRIPTION = "台灯用了三天就不亮了，说好派人来看，一直没有来"
SCORES = {"severity": 2, "complexity": 1, "impact": 2, "urgency": 2}
NEARING = "沙发坐垫塌了一角，催了两次没有人回电话"


def file(work: Work, description: str) -> Complaint:
    customer = customers.recognise(work, "web", new_id())
    conversation, _ = conversations.start(work, "web", customer.id)
    return complaints.file(work, idempotency_key=new_id(), customer_id=customer.id, conversation_id=conversation.id,
                           channel="web", description=description, remedy="换一盏", order_no=None,
                           contact="deng@example.com")


def on_its_last_stretch(works: Works, now: datetime) -> tuple[str, datetime]:
    """Begun so long ago that its promise runs out next of all, with some minutes left to look at it.

    That is the end of this working day or of the next one, so that four fifths of the seven are always past.
    """
    def due(begun: datetime) -> datetime:
        told = deadlines.compute(work.session, begun, deadlines.DEFAULT_REGIME)["deadlines"]
        return next(datetime.fromisoformat(one["due_at"]) for one in told if one["stage"] == "promise")

    with works.read(BOT, now) as work:
        beginnings = [now - timedelta(hours=hours) for hours in range(5 * 24, 25 * 24, 8)]
        begun = min((one for one in beginnings if due(one) > now + timedelta(minutes=20)), key=due)
    with works.begin(BOT, begun) as work:
        filed = file(work, NEARING)
        number = filed.number
        row = deadlines.promise_of(work.session, "complaint", filed.id)
        assert row is not None and row.near_at <= now < row.due_at, f"{begun} does not bring it to its last stretch"
    return number, begun


def take_in_hand(works: Works, number: str, holder: str, at: datetime, *, decided: bool) -> None:
    with works.read(BOT, at) as work:
        person = next(one for one, _ in people.everybody(work.session) if one.username == holder)
    actor = staff_actor(person.id, person.display_name, [Role.AGENT])
    steps: list[tuple[str, dict[str, Any]]] = [("acknowledge", {})]
    if decided:
        steps += [("assess", {**SCORES, "category": "quality.damage"}), ("investigate", {}),
                  ("decide", {"outcome": "accepted", "text": "换新"})]
    for action, detail in steps:
        with works.begin(actor, at) as work:
            complaints.move(work, number, action, **detail)


def main() -> None:
    works, now = Works(make_engine(settings().database_url), REACTIONS), utc_now()
    if sys.argv[1] == "last-stretch":
        number, begun = on_its_last_stretch(works, now)
    else:
        begun = now - timedelta(days=float(sys.argv[1]))
        with works.begin(BOT, begun) as work:
            number = file(work, DESCRIPTION).number
    if len(sys.argv) > 2:
        take_in_hand(works, number, sys.argv[2], begun + timedelta(minutes=40), decided=sys.argv[1] == "last-stretch")
    sys.stdout.write(number + "\n")


if __name__ == "__main__":
    main()
