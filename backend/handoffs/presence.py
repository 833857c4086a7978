"""Who is at the desk: their own word, and a live connection. A word without a connection is nobody.

An open page of the desk is a connection that holds until it closes or falls silent; a program beats instead.
Locks: presence first, then its connections and spells; the router never waits for any of them.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.handoffs import events, presence_store, rules, store
from backend.handoffs.groups import keys_by_name
from backend.handoffs.routing import COMPLAINT
from backend.handoffs.rules import OnDuty, Status
from backend.handoffs.tables import Presence
from backend.infra.work import Work
from backend.kernel.actors import Permission, Role
from backend.kernel.ids import new_id
from backend.people import service as people

PROGRAM = "program"  # the connection of somebody who beats or acts without a page
LOST = "lost"  # why somebody is offline: their page was gone


def mine(work: Work) -> Presence:
    """The acting agent's presence, under lock; somebody who acts is there."""
    return _sign_of_life(work, f"{PROGRAM}-{work.actor.id}", PROGRAM)


def beat(work: Work) -> Presence:
    """A sign of life from the acting agent's desk, good for half a minute."""
    work.actor.require(Permission.DESK_USE)
    return mine(work)


def connect(work: Work, process: str) -> str:
    """A page of the acting agent's desk has opened its stream; gives the connection's id."""
    work.actor.require(Permission.DESK_USE)
    connection_id = new_id()
    _sign_of_life(work, connection_id, process)
    return connection_id


def hold(work: Work, connection_id: str, process: str) -> None:
    """The page is still there."""
    _sign_of_life(work, connection_id, process)


def disconnect(work: Work, connection_id: str) -> None:
    """The page is gone, and with the last page what it beat besides. Whoever comes back within seconds was only
    fetching it anew."""
    if presence_store.close_connection(work.session, connection_id, work.now):
        beating = f"{PROGRAM}-{work.actor.id}"
        if not presence_store.has_pages(work.session, work.actor.id, work.now, besides=beating):
            presence_store.close_connection(work.session, beating, work.now)
        hint_desk(work)


def _sign_of_life(work: Work, connection_id: str, process: str) -> Presence:
    presence = store.presence(work.session, work.actor.id, lock=True) or _arrive(work)
    came = not presence_store.is_connected(work.session, presence.staff_id, work.now)
    presence_store.touch(work.session, connection_id, presence.staff_id, process, work.now)
    if came:
        _keep_time(work, presence, gone_at=min(presence.seen_at, work.now))
        presence.since = work.now
    presence.seen_at = max(presence.seen_at, work.now)
    work.session.add(presence)
    work.flush()
    if came:
        _changed(work, presence)
    return presence


def _arrive(work: Work) -> Presence:
    """A first visit to the desk. Agents come to serve; supervisors come to look, until they say otherwise."""
    status = Status.ONLINE if Role.AGENT in work.actor.roles else Status.OFFLINE
    fresh = Presence(staff_id=work.actor.id, status=status.value, since=work.now, seen_at=work.now,
                     capacity=rules.CAPACITY, complaint_capacity=rules.COMPLAINT_CAPACITY)
    try:
        with work.session.begin_nested():
            work.session.add(fresh)
        return fresh
    except IntegrityError:  # a second tab was faster
        known = store.presence(work.session, work.actor.id, lock=True)
        if known is None:
            raise
        return known


def set_status(work: Work, status: str, reason: str | None = None) -> Presence:
    """The acting agent's own word; a break has a reason. Raises Invalid (``unknown_status``, ``unknown_reason``)."""
    work.actor.require(Permission.DESK_USE)
    word = rules.status_of(status)
    why = rules.break_of(reason) if word is Status.BREAK else None
    presence = mine(work)
    presence.notice = None  # read, and answered
    presence.misses = 0
    presence.said_at = work.now
    if (presence.status, presence.reason) != (word.value, why):
        _become(work, presence, word, why)
    work.session.add(presence)
    return presence


def set_busy(work: Work, presence: Presence, notice: str) -> None:
    """The house changes a person's status, and says so on their desk."""
    presence.misses = 0
    presence.notice = notice
    _become(work, presence, Status.BUSY, None)


def _become(work: Work, presence: Presence, status: Status, reason: str | None) -> None:
    presence.status, presence.reason, presence.since = status.value, reason, work.now
    _keep_time(work, presence)
    work.session.add(presence)
    work.journal("status_set", "staff", presence.staff_id, status=status.value, reason=reason)
    work.flush()
    _changed(work, presence)


def _changed(work: Work, presence: Presence) -> None:
    work.record(events.PresenceChanged(at=work.now, staff_id=presence.staff_id, status=presence.status))
    hint_desk(work)


# --- time in each status --------------------------------------------------------------------------


def _keep_time(work: Work, presence: Presence, gone_at: datetime | None = None) -> None:
    """End the spell that runs where the status has changed, and begin the next. ``gone_at``: the person was away
    since then, whatever their spell says."""
    running = presence_store.open_spell(work.session, presence.staff_id)
    if running is not None and gone_at is not None and running.status != Status.OFFLINE:
        until = max(running.started_at, gone_at)
        if until < work.now:
            presence_store.end_spell(work.session, running, until)
            running = presence_store.begin_spell(work.session, presence.staff_id, Status.OFFLINE, LOST, until)
    if running is not None and (running.status, running.reason) == (presence.status, presence.reason):
        return
    if running is not None:
        presence_store.end_spell(work.session, running, work.now)
    presence_store.begin_spell(work.session, presence.staff_id, presence.status, presence.reason, work.now)


def times(session: Session, staff_id: str, since: datetime, until: datetime) -> dict[str, int]:
    """Seconds in each status between two instants; a spell still running counts up to ``until``."""
    found = dict.fromkeys((status.value for status in Status), 0.0)
    for spell in presence_store.spells(session, staff_id, since, until):
        span = min(spell.ended_at or until, until) - max(spell.started_at, since)
        found[spell.status] += max(0.0, span.total_seconds())
    return {status: round(seconds) for status, seconds in found.items()}


def sweep(work: Work) -> int:
    """Whose page has been gone for half a minute is offline from then on; returns how many."""
    gone = 0
    for staff_id in presence_store.silent(work.session, work.now):
        presence = store.presence(work.session, staff_id, lock=True)
        running = presence_store.open_spell(work.session, staff_id)
        if (presence is None or running is None or running.status == Status.OFFLINE
                or presence_store.is_connected(work.session, staff_id, work.now)):
            continue
        until = max(running.started_at, min(presence.seen_at, work.now))
        presence_store.end_spell(work.session, running, until)
        presence_store.begin_spell(work.session, staff_id, Status.OFFLINE, LOST, until)
        work.journal("connection_lost", "staff", staff_id, status=presence.status)
        _changed(work, presence)
        gone += 1
    presence_store.forget_connections(work.session, work.now - timedelta(days=1))
    return gone


# --- who is there ---------------------------------------------------------------------------------


def on_duty(session: Session, now: datetime) -> list[OnDuty]:
    """Everybody who is there now: said so, and connected."""
    names, connected = keys_by_name(), presence_store.connected(session, now)
    if not connected:
        return []
    loads, idle = presence_store.loads(session), presence_store.last_busy(session, now - timedelta(hours=12))
    team = []
    known = people.staff_by_ids(session, connected)
    for presence in store.presences(session):
        staff = known.get(presence.staff_id)
        if staff is None or not staff.active or presence.status == Status.OFFLINE:
            continue
        chats, complaints = loads.get(staff.id, (0.0, 0.0))
        team.append(OnDuty(
            staff.id, rules.groups_served(staff.skill_groups, names), _plain(chats), presence.capacity,
            presence.status == Status.ONLINE, complaint_load=_plain(complaints),
            complaint_capacity=presence.complaint_capacity, languages=spoken(staff.languages),
            idle_since=idle.get(staff.id)))
    return team


def spoken(written: str) -> frozenset[str]:
    return frozenset(part.strip() for part in written.split(",") if part.strip()) or frozenset({"zh"})


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number


def has_room(session: Session, presence: Presence, kind: str, weight: float, besides: Collection[str] = ()) -> bool:
    """Whether the person may take one more of this kind. The first is never too heavy."""
    chats, complaints = presence_store.loads(session, presence.staff_id, besides).get(presence.staff_id, (0.0, 0.0))
    limit, load = ((presence.complaint_capacity, complaints) if kind == COMPLAINT else (presence.capacity, chats))
    return limit > 0 and load + min(weight, limit) <= limit + 1e-9


def as_duty(work: Work) -> OnDuty:
    staff = people.staff_by_id(work.session, work.actor.id)
    groups = rules.groups_served(staff.skill_groups if staff else "", keys_by_name())
    return OnDuty(work.actor.id, groups, 0, rules.CAPACITY, languages=spoken(staff.languages if staff else ""))


def hint_desk(work: Work) -> None:
    """Every open desk looks again."""
    work.hint("queue")
    work.hint("desk")
