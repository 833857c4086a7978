"""A house whose complaints are written down one by one, so that every figure can be counted by hand."""

from datetime import datetime, timedelta
from typing import Any

from backend.complaints.learning import service
from backend.complaints.tables import Complaint
from backend.conversations.tables import Conversation, Message
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Role, staff_actor
from backend.kernel.ids import new_id
from tests.builders import a_customer
from tests.cast import HAN_TAO, NOW, hire

AUDITOR = staff_actor("neishen", "内审", [Role.AUDITOR])


class Book:
    """A house whose complaints are written down one by one, so that every figure can be counted by hand."""

    def __init__(self, works: Works) -> None:
        self.works = works
        self.count = 0
        with works.begin(SYSTEM, NOW) as work:
            hire(work)
            self.customer = a_customer(work).id

    def talk(self, at: datetime, times: int = 1, channel: str = "web") -> list[str]:
        rows = [Conversation(id=new_id(), channel=channel, customer_id=self.customer, token_hash="x", state="closed",
                             opened_at=at, last_message_at=at, last_seq=1) for _ in range(times)]
        with self.works.begin(SYSTEM, NOW) as work:
            work.session.add_all(rows)
            work.flush()
            work.session.add_all(
                Message(id=new_id(), conversation_id=row.id, seq=1, sender="customer", text="你好", at=at) for row in rows)
        return [row.id for row in rows]

    def complain(self, at: datetime, **given: Any) -> Complaint:
        self.count += 1
        fields: dict[str, Any] = {
            "id": new_id(), "number": f"TS20260101-{self.count:04d}", "idempotency_key": new_id(),
            "receipt_token_hash": new_id(), "customer_id": self.customer, "channel": "web",
            "description": "桌板开裂，打 13812346027 没人接", "remedy": "换货", "contact": "13812346027",
            "contact_kind": "phone", "last4_index": "x", "stage": "filed", "topic": "quality.damage", "filed_at": at,
        }
        row = Complaint(**(fields | given))
        with self.works.begin(SYSTEM, NOW) as work:
            work.session.add(row)
        return row

    def overview(self, by: str = "category", **asked: str) -> dict[str, Any]:
        with self.works.read(HAN_TAO, NOW) as work:
            return service.overview(work.session, service.ask(work.session, asked, NOW), by, NOW)

    def rows(self, **asked: str) -> dict[str, Any]:
        with self.works.read(HAN_TAO, NOW) as work:
            return service.rows(work.session, service.ask(work.session, asked, NOW), NOW, 1)


def weeks_ago(weeks: float) -> datetime:
    return NOW - timedelta(weeks=weeks)
