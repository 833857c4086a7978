"""Who is offered to whom, from the queue, the people on duty and what was offered before: pure.

The most urgent customer is seen to first. Among the people who suit and have room, a colleague asked for by name
comes first, then who served this customer last, then the group's own people, then whoever has least to do. Nobody
waits while somebody who suits is free (has room, and no more than a few offers to answer); nobody is given more than
they can carry or while they are away.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

URGENT = 90  # from here on nobody is waiting long enough to go before
AGING_STEP = timedelta(minutes=5)
AGING_BONUS = 10

CHAT, COMPLAINT = "chat", "complaint"  # what a person carries of each is measured apart
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Policy:
    """The organisation's word on routing (skill_groups.yml)."""

    offer_for: timedelta = timedelta(seconds=60)  # an offer that nobody answers goes on after this
    named_for: timedelta = timedelta(seconds=60)  # a colleague who was asked by name has this long for themselves
    known_for: timedelta = timedelta(seconds=60)  # so long the person who served them last is asked first
    again_after: timedelta = timedelta(minutes=2)  # who let it pass is not asked again before
    misses_before_busy: int = 2
    offers_at_once: int = 2  # held out to one person at a time; danger is held out besides
    overflow_after: timedelta = timedelta(minutes=3)
    overflow: Mapping[str, timedelta] = field(default_factory=dict)  # groups with a time of their own
    helpers: Mapping[str, frozenset[str]] = field(default_factory=dict)  # who helps out; not named: any group

    def overflows_after(self, group: str) -> timedelta:
        return self.overflow.get(group, self.overflow_after)


HOUSE = Policy()
# Helpers are asked first; a customer who has waited this many times the limit may be served by anybody.
ANYBODY_AFTER = 3


@dataclass(frozen=True)
class Waiting:
    """A place in the queue. ``weight``: how much of a person's measure for ``kind`` it fills."""

    id: str
    group: str
    priority: int
    requested_at: datetime
    preferred_id: str | None = None  # asked for by name
    last_agent_id: str | None = None  # who served this customer last
    language: str = "zh"
    kind: str = CHAT
    weight: float = 1.0


@dataclass(frozen=True)
class OnDuty:
    """A person who is there. ``offered``: their status says that they take new conversations."""

    id: str
    groups: frozenset[str]  # empty: serves every group
    load: float
    capacity: float
    offered: bool = True
    complaint_load: float = 0
    complaint_capacity: float = 3
    languages: frozenset[str] = frozenset({"zh"})
    idle_since: datetime | None = None  # None: has had nobody yet, longer ago than any date

    def serves(self, group: str) -> bool:
        return not self.groups or group in self.groups

    def limit(self, kind: str) -> float:
        return self.complaint_capacity if kind == COMPLAINT else self.capacity

    @property
    def free(self) -> float:
        """Room for chats."""
        return max(0, self.capacity - self.load) if self.offered else 0

    @property
    def relative_load(self) -> float:
        return (self.load + self.complaint_load) / max(1e-9, self.capacity + self.complaint_capacity)


@dataclass(frozen=True)
class Assignment:
    """This customer is offered to this person."""

    handoff_id: str
    staff_id: str


def urgency(one: Waiting, now: datetime) -> int:
    """Priority, and more of it for every five minutes of waiting, so that nobody is passed over for ever.

    Waiting never lifts anyone over a matter of safety.
    """
    if one.priority >= URGENT:
        return one.priority
    steps = max(timedelta(0), now - one.requested_at) // AGING_STEP
    return min(URGENT - 1, one.priority + AGING_BONUS * steps)


def in_order(waiting: Iterable[Waiting], now: datetime) -> list[Waiting]:
    """Most urgent first; among equals, who has waited longest."""
    return sorted(waiting, key=lambda one: (-urgency(one, now), one.requested_at, one.id))


class Scene:
    """Who is there now, looked through once for all the questions of one run."""

    def __init__(self, team: Sequence[OnDuty], now: datetime, policy: Policy = HOUSE,
                 open_groups: frozenset[str] | None = None) -> None:
        self.team = sorted(team, key=lambda agent: agent.id)
        self.now = now
        self.policy = policy
        self.open_groups = open_groups  # None: every group works now
        self._there = {agent.id for agent in team}
        self._served = {group for agent in team for group in agent.groups}
        self._anything = any(not agent.groups for agent in team)
        self._spoken = {language for agent in team for language in agent.languages}

    def suits(self, one: Waiting, agent: OnDuty) -> bool:
        """Whether this conversation is for this person now; room is another question."""
        waited = self.now - one.requested_at
        asked_for = one.preferred_id not in (None, agent.id) and one.preferred_id in self._there
        if asked_for and waited < self.policy.named_for:
            return False
        if one.preferred_id == agent.id or one.priority >= URGENT:
            return True
        late = waited >= self.policy.overflows_after(one.group)
        understood = one.language in agent.languages or late or one.language not in self._spoken
        return understood and self._group_suits(one, agent, waited, late)

    def _group_suits(self, one: Waiting, agent: OnDuty, waited: timedelta, late: bool) -> bool:
        works = self.open_groups is None or one.group in self.open_groups
        if agent.serves(one.group) and works:
            return True
        nobody = not works or not (self._anything or one.group in self._served)
        if not (late or nobody):
            return False
        helpers = self.policy.helpers.get(one.group)
        if helpers is None or waited >= ANYBODY_AFTER * self.policy.overflows_after(one.group):
            helpers = agent.groups or self.open_groups or frozenset({one.group})
        theirs = agent.groups or helpers
        return any(group in helpers and (self.open_groups is None or group in self.open_groups) for group in theirs)


def suits(one: Waiting, agent: OnDuty, team: Sequence[OnDuty], now: datetime, policy: Policy = HOUSE,
          open_groups: frozenset[str] | None = None) -> bool:
    """Whether this conversation is for this person now."""
    return Scene(team, now, policy, open_groups).suits(one, agent)


def fits(agent: OnDuty, one: Waiting, load: float) -> bool:
    """Whether there is room. Somebody with nothing in hand can always carry one, however heavy it is."""
    limit = agent.limit(one.kind)
    return limit > 0 and load + min(one.weight, limit) <= limit + 1e-9


def assign(waiting: Iterable[Waiting], team: Sequence[OnDuty], now: datetime, policy: Policy = HOUSE, *,
           offered: Iterable[Assignment] = (), refused: Mapping[Assignment, datetime] | None = None,
           open_groups: frozenset[str] | None = None) -> list[Assignment]:
    """New offers, besides those that are open (``offered``). ``refused``: when somebody last let somebody pass."""
    offered = list(offered)
    scene = Scene(team, now, policy, open_groups)
    queue = in_order(waiting, now)
    loads = {agent.id: {CHAT: agent.load, COMPLAINT: agent.complaint_load} for agent in team}
    places = {one.id: one for one in queue}
    spoken_for = set()
    asked = Counter(offer.staff_id for offer in offered)
    for offer in offered:
        spoken_for.add(offer.handoff_id)
        if offer.staff_id in loads and (held := places.get(offer.handoff_id)) is not None:
            loads[offer.staff_id][held.kind] += held.weight
    refused = refused or {}
    ready = [agent for agent in scene.team if agent.offered]
    found: list[Assignment] = []
    for one in queue:
        if one.id in spoken_for:
            continue
        able = [agent for agent in ready
                if (one.priority >= URGENT or asked[agent.id] < policy.offers_at_once)
                and fits(agent, one, loads[agent.id][one.kind]) and scene.suits(one, agent)]
        able = [agent for agent in able if not _asked_lately(refused.get(Assignment(one.id, agent.id)), now, policy)]
        if not able:
            continue
        chosen = min(able, key=lambda agent: _rank(one, agent, loads[agent.id], scene, refused))
        loads[chosen.id][one.kind] += one.weight
        asked[chosen.id] += 1
        found.append(Assignment(one.id, chosen.id))
    return found


def anything_to_do(waiting: Sequence[Waiting], team: Iterable[OnDuty], policy: Policy,
                   offered: Sequence[Assignment]) -> bool:
    """Whether somebody could be offered somebody at all, before anything dear is looked up."""
    seen_to = {offer.handoff_id for offer in offered}
    left = [one for one in waiting if one.id not in seen_to]
    if not left:
        return False
    asked = Counter(offer.staff_id for offer in offered)
    urgent = any(one.priority >= URGENT for one in left)
    return any(agent.offered and (urgent or asked[agent.id] < policy.offers_at_once)
               and (agent.load < agent.capacity or agent.complaint_load < agent.complaint_capacity) for agent in team)


def _asked_lately(refused_at: datetime | None, now: datetime, policy: Policy) -> bool:
    return refused_at is not None and now - refused_at < policy.again_after


def _rank(one: Waiting, agent: OnDuty, load: Mapping[str, float], scene: Scene,
          refused: Mapping[Assignment, datetime]) -> tuple[object, ...]:
    known = agent.id == one.last_agent_id and scene.now - one.requested_at < scene.policy.known_for
    carried = (load[CHAT] + load[COMPLAINT]) / max(1e-9, agent.capacity + agent.complaint_capacity)
    return (agent.id != one.preferred_id, Assignment(one.id, agent.id) in refused, not known,
            not agent.serves(one.group), one.language not in agent.languages, round(carried, 6),
            agent.idle_since or _NEVER, agent.id)


def ahead_of(one: Waiting, waiting: Iterable[Waiting], team: Sequence[OnDuty], now: datetime) -> int:
    """How many will be served before this one: those in front who draw on the same people."""
    shared = [agent for agent in team if agent.serves(one.group)]
    count = 0
    for other in in_order(waiting, now):
        if other.id == one.id:
            break
        if other.group == one.group or any(agent.serves(other.group) for agent in shared):
            count += 1
    return count


def language_of(texts: Iterable[str]) -> str:
    """The language in which somebody writes: English where letters stand without a single Chinese character."""
    words = " ".join(texts)
    if any("\u4e00" <= character <= "\u9fff" for character in words):
        return "zh"
    return "en" if sum(character.isascii() and character.isalpha() for character in words) >= 12 else "zh"
