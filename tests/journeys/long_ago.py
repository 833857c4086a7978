"""``python -m tests.journeys.long_ago DAYS``: file a complaint as the bot did DAYS ago, in the house named by VAR_DIR.

Run as a program of its own, because the house has other secrets than the tests. Prints the complaint's number.
"""

import sys
from datetime import timedelta

from backend.complaints import service as complaints
from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.infra.db import make_engine
from backend.infra.work import Works
from backend.kernel.actors import BOT
from backend.kernel.clock import utc_now
from backend.kernel.ids import new_id
from backend.settings import settings
from backend.wiring import REACTIONS

DESCRIPTION = "台灯用了三天就不亮了，说好派人来看，一直没有来"


def main() -> None:
    works = Works(make_engine(settings().database_url), REACTIONS)
    with works.begin(BOT, utc_now() - timedelta(days=float(sys.argv[1]))) as work:
        customer = customers.recognise(work, "web", new_id())
        conversation, _ = conversations.start(work, "web", customer.id)
        filed = complaints.file(work, idempotency_key=new_id(), customer_id=customer.id, conversation_id=conversation.id,
                                channel="web", description=DESCRIPTION, remedy="换一盏", order_no=None,
                                contact="deng@example.com")
        number = filed.number
    sys.stdout.write(number + "\n")


if __name__ == "__main__":
    main()
