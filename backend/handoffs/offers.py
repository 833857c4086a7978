"""Offers: the router holds each waiting customer out to the one person who suits best, for a minute.

It runs inside whatever changed something (somebody asked, came, went, ended) and by the worker every second. One
run at a time: it tries for its lock and leaves the work to whoever has it; it waits for nobody, so that it can run
inside any transaction. The database allows one open offer a handoff.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlmodel import Session

from backend.handoffs import events, hours, offer_store, presence, routing, store
from backend.handoffs.groups import book
from backend.handoffs.routing import Assignment, OnDuty, Waiting
from backend.handoffs.routing_tables import Offer
from backend.handoffs.tables import Handoff
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM, Permission
from backend.kernel.errors import Conflict
from backend.kernel.events import Fact
from backend.kernel.ids import new_id
from backend.people import service as people

ACCEPTED, DECLINED, MISSED, WITHDRAWN = "accepted", "declined", "missed", "withdrawn"
# After these the router looks again.
RELEVANT = (events.HandoffRequested, events.HandoffTaken, events.HandoffEnded, events.PresenceChanged, events.OfferEnded)


# --- the router -----------------------------------------------------------------------------------


def run(work: Work) -> list[Offer]:
    """Withdraw and expire what no longer holds, then offer everybody who can be offered; gives the new offers."""
    if not offer_store.alone(work.session):
        return []
    with _as_system(work):
        team = presence.on_duty(work.session, work.now)
        if _expire(work):
            team = presence.on_duty(work.session, work.now)  # somebody may have been set to busy
        waiting = [place for place, _ in store.places(work.session)]
        standing = [Assignment(one.handoff_id, one.staff_id) for one in _withdraw_stale(work, team, waiting)]
        policy = book().policy
        # Most runs end here: before the calendar is looked at, and who let whom pass.
        if not routing.anything_to_do(waiting, team, policy, standing):
            return []
        found = routing.assign(
            waiting, team, work.now, policy, offered=standing,
            refused=_refusals(work.session), open_groups=hours.open_groups(work.session, work.now))
        return _offer(work, found)


def run_by_clock(works: Works) -> int:
    """What the worker does each second; looks first, so that a quiet house is not written to."""
    with works.read(SYSTEM) as work:
        if not store.anybody_waiting(work.session) and not offer_store.still_open(work.session):
            return 0
    with works.begin(SYSTEM) as work:
        return len(run(work))


def on_fact(work: Work, fact: Fact) -> None:
    """Once a transaction, after the last thing that concerns the queue."""
    if next(one for one in reversed(work.facts) if isinstance(one, RELEVANT)) is fact:
        run(work)


def _refusals(session: Session) -> dict[Assignment, datetime]:
    """Who let whom pass. Whoever has chosen a status since is asked as if anew."""
    said = {one.staff_id: one.said_at for one in store.presences(session)}
    return {one: at for one, at in offer_store.refusals(session).items()
            if (since := said.get(one.staff_id)) is None or at > since}


@contextmanager
def _as_system(work: Work) -> Iterator[None]:
    """What the router does is the house's doing, whoever's act set it going."""
    actor, work.actor = work.actor, SYSTEM
    try:
        yield
    finally:
        work.actor = actor


def _offer(work: Work, found: Sequence[Assignment]) -> list[Offer]:
    if not found:
        return []
    free = offer_store.hold_waiting(work.session, {one.handoff_id for one in found})
    until = work.now + book().policy.offer_for
    made = [Offer(id=new_id(), handoff_id=one.handoff_id, staff_id=one.staff_id, offered_at=work.now, expires_at=until)
            for one in found if one.handoff_id in free]
    for offer in made:
        work.session.add(offer)
        work.journal("offered", "handoff", offer.handoff_id, staff=offer.staff_id, until=until.isoformat())
    work.flush()
    if made:
        presence.hint_desk(work)
    return made


def _expire(work: Work) -> int:
    """Offers whose minute is over; whoever lets several pass in a row is set to busy, and told."""
    late = [one for one in offer_store.still_open(work.session) if one.expires_at <= work.now]
    late = [held for one in late if (held := offer_store.hold(work.session, one.id)) is not None]
    for offer in late:
        _end(work, offer, MISSED)
        own = offer_store.hold_presence(work.session, offer.staff_id)
        if own is None:
            continue  # they are doing something this very moment: not away
        own.misses += 1
        work.session.add(own)
        allowed = book().policy.misses_before_busy
        if own.misses >= allowed and own.status == "online":
            presence.set_busy(work, own, f"连续 {own.misses} 次没有接，已改为忙碌，暂不再派新会话。准备好了，改回在线就行。")
    if late:
        work.flush()
        presence.hint_desk(work)
    return len(late)


def _withdraw_stale(work: Work, team: Sequence[OnDuty], waiting: Sequence[Waiting]) -> list[Offer]:
    """Offers to somebody who has left, or who has filled up meanwhile, go back; gives those that stand."""
    there, places = {one.id: one for one in team if one.offered}, {one.id: one for one in waiting}
    loads = {one.id: {routing.CHAT: one.load, routing.COMPLAINT: one.complaint_load} for one in team}
    standing = []
    for offer in offer_store.still_open(work.session):
        agent, place = there.get(offer.staff_id), places.get(offer.handoff_id)
        stale = agent is None or place is None or not routing.fits(agent, place, loads[agent.id][place.kind])
        if stale and (held := offer_store.hold(work.session, offer.id)) is not None:
            _end(work, held, WITHDRAWN)
            continue
        if agent is not None and place is not None:
            loads[agent.id][place.kind] += place.weight
        standing.append(offer)
    return standing


def _end(work: Work, offer: Offer, result: str) -> None:
    offer.ended_at, offer.result = work.now, result
    work.session.add(offer)
    work.flush()
    work.journal(f"offer_{result}", "handoff", offer.handoff_id, staff=offer.staff_id)
    presence.hint_desk(work)


# --- answering ------------------------------------------------------------------------------------


def open_for(session: Session, staff_id: str, now: datetime) -> Sequence[Offer]:
    """What is held out to this person, the oldest first."""
    return offer_store.open_for(session, staff_id, now)


def addressee(session: Session, conversation_id: str) -> str | None:
    """To whom a conversation is offered at the moment."""
    handoff = store.open_of(session, conversation_id)
    offer = offer_store.open_of(session, handoff.id) if handoff is not None else None
    return offer.staff_id if offer is not None else None


def decline(work: Work, conversation_id: str) -> None:
    """The acting agent lets the customer pass to the next. Raises Conflict (``no_offer``)."""
    work.actor.require(Permission.CONVERSATION_TAKE)
    own = presence.mine(work)
    handoff = store.open_of(work.session, conversation_id, lock=True)
    offer = offer_store.open_of(work.session, handoff.id) if handoff is not None else None
    if handoff is None or offer is None or offer.staff_id != work.actor.id:
        raise Conflict("no_offer", "这位客户现在没有派给你，不用处理。")
    own.misses = 0  # an answer, though a no
    work.session.add(own)
    _end(work, offer, DECLINED)
    work.record(events.OfferEnded(at=work.now, handoff_id=handoff.id, staff_id=work.actor.id, result=DECLINED))


def check_may_take(work: Work, handoff: Handoff) -> None:
    """While it is offered to a colleague nobody else takes it, but a supervisor. Raises Conflict
    (``offered_to_other``)."""
    offer = offer_store.open_of(work.session, handoff.id)
    if offer is None or offer.staff_id == work.actor.id or offer.expires_at <= work.now:
        return
    if work.actor.can(Permission.DESK_SUPERVISE):
        return
    left = max(1, round((offer.expires_at - work.now).total_seconds()))
    raise Conflict("offered_to_other", f"正在请{people.staff_name(work.session, offer.staff_id)}接，{left} 秒内没接就轮到别人。")


def settle(work: Work, handoff_id: str) -> None:
    """Somebody has the customer, or nobody needs to: the offer is over."""
    offer = offer_store.open_of(work.session, handoff_id)
    if offer is not None:
        _end(work, offer, ACCEPTED if offer.staff_id == work.actor.id else WITHDRAWN)
