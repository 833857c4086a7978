"""``./zhike demo month``: a month of invented conversations, so that the house can be tried out with something in it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from backend.complaints import service as complaints
from backend.conversations import tallies
from backend.deadlines import service as deadlines
from backend.demo.agenda import Agenda, Flow
from backend.demo.house import House, staffed
from backend.demo.material import Case, read
from backend.demo.talks import Talk
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import to_shanghai
from backend.kernel.errors import Conflict, Invalid

MOST_DAYS, MOST_TALKS = 92, 20_000
# Conversations by the hour of the day: a shop's day has a hump before noon and a longer one in the evening.
BY_HOUR = (2, 1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 16, 12, 13, 15, 15, 14, 12, 12, 16, 18, 14, 8, 4)
BY_WEEKDAY = (1.15, 1.05, 1.0, 1.0, 1.05, 0.95, 0.8)
COMPLAINS = 0.045
RETURNS = 0.25  # of the conversations, by somebody who was here before
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
LAST_HOUR = timedelta(hours=1)  # left alone: a work this near to the clock would follow the clock


def make(works: Works, pack_dir: Path, now: datetime, *, days: int = 30, talks: int = 400, seed: int = 1,
         force: bool = False) -> dict[str, int]:
    """Fill the month before ``now``; gives what was made. The same seed and instant make the same month.

    Raises Invalid (``demo_size``, ``no_demo_month``), Conflict (``conversations_exist``, ``nothing_to_play_with``).
    """
    if not (1 <= days <= MOST_DAYS and 1 <= talks <= MOST_TALKS):
        raise Invalid("demo_size", f"天数要在 1 到 {MOST_DAYS} 之间，对话数要在 1 到 {MOST_TALKS} 之间。")
    material = read(pack_dir)
    with works.read(SYSTEM, now) as work:
        here = sum(tallies.opened_by_day(work.session, BEGINNING, now).values())
    if here and not force:
        raise Conflict("conversations_exist", f"数据库里已有 {here} 次对话，没有写入。要混在一起也行，加 --force；"
                                              "想保持干净，请用 VAR_DIR 指一个新的数据目录。")
    until = now - LAST_HOUR
    house = staffed(works, material, Agenda(until), now)
    since = now - timedelta(days=days)
    flows = [*_talks(house, since, until, talks, seed), _sweeps(house, since)]
    house.agenda.run(flows, since)
    complaints.catch_up(works)
    with works.begin(SYSTEM) as work:
        work.journal("demo_month_made", "system", "demo", days=days, seed=seed, **house.made)
    return dict(house.made)


def _talks(house: House, since: datetime, until: datetime, talks: int, seed: int) -> Iterator[Flow]:
    rng = Random(f"{seed}")
    cases = _cases(house, rng)
    starts = sorted(_starts(rng, since, until, talks))
    # One grave case near the end, so that there is an emergency plan to look at.
    grave = max(0, len(starts) - max(2, len(starts) // 10))
    visitors = 0
    for place, start in enumerate(starts):
        case = house.material.major if place == grave else next(cases) if rng.random() < COMPLAINS else None
        again = visitors and case is None and rng.random() < RETURNS
        visitor = rng.randrange(visitors) if again else visitors
        visitors += not again
        own = Random(f"{seed}:{place}")
        yield Talk(house, own, f"demo-month:{seed}:{visitor}", case).flow(start)


def _cases(house: House, rng: Random) -> Iterator[Case]:
    while True:
        yield from rng.sample(house.material.complaints, len(house.material.complaints))


def _starts(rng: Random, since: datetime, until: datetime, talks: int) -> list[datetime]:
    """Instants in the rhythm of a shop's week."""
    hours = [since + timedelta(hours=hour) for hour in range(int((until - since) / timedelta(hours=1)))]
    weights = [BY_HOUR[to_shanghai(hour).hour] * BY_WEEKDAY[to_shanghai(hour).weekday()] for hour in hours]
    return [hour + timedelta(seconds=rng.randrange(3600)) for hour in rng.choices(hours, weights, k=talks)]


def _sweeps(house: House, since: datetime) -> Flow:
    """The worker's part: deadlines near and run out, on the days on which they did."""
    at = yield since
    while True:
        deadlines.sweep(house.works, at)
        at = yield at + timedelta(hours=4)


def in_words(made: dict[str, int]) -> str:
    """For people at a terminal."""
    names = {"conversations": "次对话", "questions": "句提问", "unanswered": "句没答上", "general": "句只答了默认话术",
             "handoffs": "次转人工",
             "ratings": "份评价", "complaints": "件投诉", "complaints_closed": "件已结案"}
    return "编好了：" + "、".join(f"{made.get(key, 0)} {name}" for key, name in names.items()) + "。内容全是虚构的。"
