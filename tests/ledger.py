"""Rows as the rooms leave them behind, written straight into the tables: for tests that count."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlmodel import Session, select

from backend.complaints.tables import Complaint
from backend.conversations.tables import Conversation, Message
from backend.customers.tables import Customer
from backend.deadlines.tables import Deadline, RegimeVersion
from backend.handoffs.tables import Handoff
from backend.kernel.clock import shanghai_instant
from backend.kernel.ids import new_id
from backend.scripts.tables import Script, ScriptVersion
from backend.surveys.tables import Invitation, SatisfactionFact, SurveyVersion
from tests.cast import HAN_TAO, LIN_JIA, NOW, hire

EARLY = shanghai_instant(2026, 10, 9, 9)


class Ledger:
    """Writes rows; a second book on the same database goes on where the first stopped."""

    def __init__(self, session: Session) -> None:
        self.session = session
        known = session.exec(select(Customer)).first()
        self.customer = known.id if known else new_id()
        if known is None:
            self._open()

    def _open(self) -> None:
        """What the rows of the book refer to."""
        session = self.session
        hire(session)
        for key in ("invoice.how_to_issue", "system.welcome", "system.fallback", "order.ask_number", "handoff.queued"):
            session.add(Script(key=key, topic="t", title=key, owner="sumin", created_at=NOW))
            session.flush()
            session.add(ScriptVersion(id=key, key=key, version=1, state="effective", text="好", author_id="sumin",
                                      approver_id="shenlan", digest="d", drafted_at=NOW))
        session.add(Customer(id=self.customer, channel="web", ref_index="r", name="陈雨薇", created_at=NOW,
                             last_seen_at=NOW))
        session.add(SurveyVersion(id="s1", key="after_chat", version=1, question="满意吗？", labels=list("一二三四五"),
                                  reasons={"good": ["态度好"], "bad": ["等太久", "没解决"]}, comment_prompt="", created_at=NOW))
        session.add(RegimeVersion(id="r1", key="house_default", version=1, title="t", binds="company", source="s",
                                  rules=[], valid_from=date(2026, 9, 1), approved_by="hantao", approved_at=NOW))
        session.flush()

    def talk(self, at: datetime = EARLY, said: Sequence[str] = ("customer", "invoice.how_to_issue"), *,
             closed: str | None = "customer", channel: str = "web") -> str:
        """``said``: customer, agent, or the key of the script that the bot spoke."""
        agent = "agent" in said
        talk = Conversation(id=new_id(), channel=channel, customer_id=self.customer, token_hash=new_id(), opened_at=at,
                            last_message_at=at, state="closed" if closed else "bot", closed_by=closed,
                            closed_at=at + timedelta(minutes=9) if closed else None, had_agent=agent)
        self.session.add(talk)
        self.session.flush()
        for seq, sender in enumerate(said, 1):
            bot = sender not in ("customer", "agent")
            self.session.add(Message(
                id=new_id(), conversation_id=talk.id, seq=seq, sender="bot" if bot else sender, text="字",
                script_version_id=sender if bot else None, staff_id=LIN_JIA.id if sender == "agent" else None,
                at=at + timedelta(seconds=seq)))
        self.session.flush()
        return talk.id

    def handoff(self, talk_id: str, at: datetime = EARLY, *, taken: float | None = None, replied: float | None = None,
                ended: bool = True, reason: str = "customer_request") -> None:
        """``taken`` and ``replied`` in seconds after asking."""
        self.session.add(Handoff(
            id=new_id(), conversation_id=talk_id, reason=reason, skill_group="售后", requested_at=at,
            taken_at=at + timedelta(seconds=taken) if taken is not None else None,
            taken_by=LIN_JIA.id if taken is not None else None,
            first_reply_at=at + timedelta(seconds=replied) if replied is not None else None,
            ended_at=at + timedelta(minutes=8) if ended else None))
        self.session.flush()

    def rating(self, talk_id: str, score: int | None, at: datetime = EARLY, reasons: Sequence[str] = (),
               agent: str | None = None) -> None:
        invitation = new_id()
        self.session.add(Invitation(
            id=invitation, token_hash=hashlib.sha256(invitation.encode()).hexdigest(), survey_version_id="s1",
            conversation_id=talk_id, agent_id=agent, channel="web", sent_at=at, expires_at=at + timedelta(hours=72)))
        self.session.flush()
        if score is not None:
            self.session.add(SatisfactionFact(
                id=new_id(), invitation_id=invitation, conversation_id=talk_id, agent_id=agent, channel="web",
                score=score, reasons=list(reasons), answered_at=at))
            self.session.flush()

    def complaint(self, number: str, at: datetime = EARLY, *, talk_id: str | None = None,
                  closed: datetime | None = None, owner: str | None = None) -> str:
        row = Complaint(
            id=new_id(), number=number, idempotency_key=new_id(), receipt_token_hash=new_id(),
            customer_id=self.customer, conversation_id=talk_id, channel="web", description="桌板开裂，换货取件两次失约。电话 13812346027", remedy="换货",
            contact="13812346027", contact_kind="phone", last4_index=new_id(), stage="closed" if closed else "filed",
            owner_id=owner, filed_at=at, closed_at=closed)
        self.session.add(row)
        self.session.flush()
        return row.id

    def deadline(self, complaint_id: str, kind: str, due: datetime, *, met: datetime | None = None,
                 dropped: datetime | None = None, paused: datetime | None = None) -> None:
        start = due - timedelta(days=7)
        self.session.add(Deadline(
            id=new_id(), subject_kind="complaint", subject_id=complaint_id, kind=kind, regime_version_id="r1",
            starts_at=start, due_at=due, legal_due_at=due, near_at=start + timedelta(days=6), met_at=met,
            dropped_at=dropped, paused_at=paused))
        self.session.flush()


def the_day(session: Session) -> None:
    """Nine conversations of 9 October with all that may befall them, and four complaints."""
    book = Ledger(session)
    talks = [book.talk() for _ in range(3)]  # 1–3: the bot answered, closed
    book.rating(talks[0], 5)
    book.rating(talks[1], 4)
    book.rating(talks[2], None)
    book.talk(said=("system.welcome",), closed="idle")  # opened and never spoke: no conversation at all
    book.talk(said=("system.welcome", "customer", "system.fallback", "order.ask_number"), closed="idle")  # 4: abandoned
    book.talk(closed=None)  # 5: answered, still going on
    with_person = book.talk(said=("customer", "handoff.queued", "agent"), closed="agent")  # 6: a person
    book.handoff(with_person, taken=30, replied=90)
    book.rating(with_person, 2, reasons=["等太久", "没解决"], agent=LIN_JIA.id)
    gave_up = book.talk(said=("customer", "invoice.how_to_issue", "handoff.queued"))  # 7: asked, nobody came
    book.handoff(gave_up)
    waiting = book.talk(said=("customer", "handoff.queued"), closed=None)  # 8: in the queue
    book.handoff(waiting, at=NOW - timedelta(minutes=6), ended=False)
    complained = book.talk()  # 9: answered, but it ended in a complaint
    hour = timedelta(hours=1)
    late = book.complaint("TS20261001-0001", NOW - timedelta(days=8), owner=HAN_TAO.id)
    book.deadline(late, "promise", NOW - 5 * hour)
    book.deadline(late, "decide", NOW - 30 * hour)
    today = book.complaint("TS20261009-0001", talk_id=complained)
    book.deadline(today, "promise", shanghai_instant(2026, 10, 9, 18))
    later = book.complaint("TS20261009-0002")
    book.deadline(later, "promise", NOW + timedelta(days=6))
    done = book.complaint("TS20261002-0001", NOW - timedelta(days=7), closed=NOW - 3 * hour)
    book.deadline(done, "promise", NOW - 2 * hour, met=NOW - 4 * hour)
