"""Who is at the desk: their own word, and whether they were seen."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.handoffs import rules, store
from backend.handoffs.groups import keys_by_name
from backend.handoffs.rules import OnDuty, Status
from backend.handoffs.tables import Presence
from backend.infra.work import Work
from backend.kernel.actors import Permission, Role
from backend.people import service as people


def mine(work: Work) -> Presence:
    """The acting agent's presence, under lock; somebody who acts is there."""
    presence = store.presence(work.session, work.actor.id, lock=True) or _arrive(work)
    presence.seen_at = max(presence.seen_at, work.now)
    work.session.add(presence)
    work.flush()
    return presence


def _arrive(work: Work) -> Presence:
    """A first visit to the desk. Agents come to serve; supervisors come to look, until they say otherwise."""
    status = Status.ONLINE if Role.AGENT in work.actor.roles else Status.OFFLINE
    fresh = Presence(staff_id=work.actor.id, status=status.value, since=work.now, seen_at=work.now,
                     capacity=rules.CAPACITY)
    try:
        with work.session.begin_nested():
            work.session.add(fresh)
        return fresh
    except IntegrityError:  # a second tab was faster
        known = store.presence(work.session, work.actor.id, lock=True)
        if known is None:
            raise
        return known


def beat(work: Work) -> Presence:
    """A sign of life from the acting agent's desk. After an absence the time in this status begins anew."""
    work.actor.require(Permission.DESK_USE)
    before = store.presence(work.session, work.actor.id, lock=True)
    gone = before is None or work.now - before.seen_at > rules.SEEN_WITHIN
    presence = mine(work)
    if gone:
        presence.since = work.now
        work.session.add(presence)
        hint_desk(work)
    return presence


def set_status(work: Work, status: str) -> Presence:
    """The acting agent's own word. Raises Invalid (``unknown_status``)."""
    work.actor.require(Permission.DESK_USE)
    word = rules.status_of(status)
    presence = mine(work)
    if presence.status != word:
        presence.status, presence.since = word.value, work.now
        work.session.add(presence)
        work.journal("status_set", "staff", work.actor.id, status=word.value)
        hint_desk(work)
    return presence


def on_duty(session: Session, now: datetime) -> list[OnDuty]:
    """Everybody who is there now: said so, and seen."""
    loads, names = store.loads(session), keys_by_name()
    team = []
    for presence in store.presences(session):
        staff = people.staff_by_id(session, presence.staff_id)
        if staff is not None and staff.active and rules.is_there(presence.status, presence.seen_at, now):
            team.append(OnDuty(staff.id, rules.groups_served(staff.skill_groups, names), loads.get(staff.id, 0),
                               presence.capacity, presence.status == Status.ONLINE))
    return team


def as_duty(work: Work) -> OnDuty:
    staff = people.staff_by_id(work.session, work.actor.id)
    groups = rules.groups_served(staff.skill_groups if staff else "", keys_by_name())
    return OnDuty(work.actor.id, groups, 0, rules.CAPACITY)


def hint_desk(work: Work) -> None:
    """Every open desk looks again."""
    work.hint("queue")
    work.hint("desk")
