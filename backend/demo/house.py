"""Who is there in the invented month, and the tally of what has been made."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from backend.demo.agenda import Agenda
from backend.demo.material import Material
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Actor, Role
from backend.kernel.clock import to_shanghai
from backend.kernel.errors import Conflict
from backend.people import service as people
from backend.scripts import service as scripts

OPENS, CLOSES = 9, 21  # people's hours; the bot is always there


@dataclass
class House:
    """What every flow needs."""

    works: Works
    material: Material
    agenda: Agenda
    agents: list[Actor]
    manager: Actor
    topics: dict[str, str]  # script key -> topic, of what may be said now
    made: Counter[str] = field(default_factory=Counter)

    def anyone(self, rng: Random) -> Actor:
        return rng.choice(self.agents)


def staffed(works: Works, material: Material, agenda: Agenda, now: datetime) -> House:
    """Raises Conflict (``nothing_to_play_with``) on a database without scripts or staff."""
    with works.read(SYSTEM, now) as work:
        everybody = [people.actor_of(work.session, staff) for staff, _ in people.everybody(work.session) if staff.active]
        topics = {one["key"]: one["topic"] for one in scripts.feed(work.session, now)["scripts"]}
    agents = [one for one in everybody if Role.AGENT in one.roles]
    managers = [one for one in everybody if Role.MANAGER in one.roles]
    if not agents or not managers or not topics:
        raise Conflict("nothing_to_play_with", "还没有员工或话术。请先运行 ./zhike db prepare，再编一个月的对话。")
    return House(works, material, agenda, agents, managers[0], topics)


def somebody_is_there(at: datetime) -> bool:
    return OPENS <= to_shanghai(at).hour < CLOSES - 1  # nobody begins with a customer in the last hour


def at_work(at: datetime, rng: Random) -> datetime:
    """``at``, or some time in the next morning on which people work on cases."""
    local = to_shanghai(at)
    while local.weekday() >= 5 or not OPENS <= local.hour < 18:
        local = (local + timedelta(days=1)).replace(hour=OPENS, minute=rng.randrange(60))
    return local.astimezone(at.tzinfo)
