"""A simulated day at the desk: how far the promised waits are off, beside one constant for everybody. No database."""

import argparse
import heapq
import math
import random
import statistics
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from backend.handoffs import routing, rules
from backend.handoffs.routing import OnDuty, Waiting
from backend.handoffs.waits import judge
from backend.kernel.clock import shanghai_instant

OPENS = shanghai_instant(2026, 10, 9, 9, 0)
PER_HOUR = (60, 110, 165, 190, 150, 140, 190, 215, 180, 150, 110, 60)  # 9 to 21 o'clock
AGENTS, PLACES = 12, 3
HANDLING_MEDIAN, SPREAD = 9 * 60.0, 0.75  # seconds; lognormal: a mean of some 12 minutes
PICK_UP = (5.0, 60.0)  # until an offer is answered
REASONS = (20, 20, 20, 20, 30, 50)  # most of them a plain wish for a person
GROUPS = ("aftersale", "aftersale", "presale")
DAYS, QUICK_DAYS = 9, 2


@dataclass
class Day:
    """One day's customers: what each was told, and how long each waited; both in seconds."""

    promised: list[float]
    waited: list[float]
    longest_queue: int


def simulate(seed: int) -> Day:
    """Customers come by the hour, are told a wait, are offered by the house's own router and served."""
    dice, ticket = random.Random(seed), count()
    team = {f"agent{n:02}": OnDuty(f"agent{n:02}", frozenset(("aftersale", "presale") if n % 3 else ("presale",)), 0, PLACES)
            for n in range(AGENTS)}
    events: list[tuple[float, int, str, str]] = []
    for hour, number in enumerate(PER_HOUR):
        for _ in range(_poisson(dice, number)):
            heapq.heappush(events, (hour * 3600 + dice.random() * 3600, next(ticket), "asks", ""))
    queue: dict[str, Waiting] = {}
    offered: dict[str, str] = {}
    told: dict[str, float] = {}
    day, handled, longest = Day([], [], 0), [], 0
    while events:
        second, _, what, who = heapq.heappop(events)
        now = OPENS + timedelta(seconds=second)
        if what == "asks":
            place = Waiting(f"c{next(ticket)}", dice.choice(GROUPS), dice.choice(REASONS), now)
            queue[place.id] = place
            eta = _told(place, queue, team, handled, now)
            if eta is not None:
                told[place.id] = eta
            longest = max(longest, len(queue))
        elif what == "takes":
            place, agent = queue.pop(who), team[offered.pop(who)]
            team[agent.id] = replace(agent, load=agent.load + 1)
            if who in told:
                day.promised.append(told[who])
                day.waited.append((now - place.requested_at).total_seconds())
            lasts = dice.lognormvariate(math.log(HANDLING_MEDIAN), SPREAD)
            heapq.heappush(events, (second + lasts, next(ticket), f"ends {lasts}", agent.id))
        else:
            agent = team[who]
            team[who] = replace(agent, load=agent.load - 1, idle_since=now)
            handled.append(float(what.split()[1]))
        standing = [routing.Assignment(one, agent) for one, agent in offered.items()]
        for one in routing.assign(queue.values(), list(team.values()), now, offered=standing):
            offered[one.handoff_id] = one.staff_id
            heapq.heappush(events, (second + dice.uniform(*PICK_UP), next(ticket), "takes", one.handoff_id))
    day.longest_queue = longest
    return day


def _told(place: Waiting, queue: dict[str, Waiting], team: dict[str, OnDuty], handled: list[float],
          now: datetime) -> float | None:
    """Just what the house tells: see ``backend.handoffs.queueing.queue_state``."""
    everybody = list(team.values())
    ahead = rules.ahead_of(place, queue.values(), everybody, now)
    serving = [one for one in everybody if one.serves(place.group)] or everybody
    return rules.wait_seconds(ahead, serving, handled[-50:])


def _poisson(dice: random.Random, mean: float) -> int:
    """Knuth's way."""
    limit, product, number = math.exp(-mean / 10), 1.0, 0
    total = 0
    for _ in range(10):  # in tenths: exp(-200) is too small a number to multiply down to
        product, number = dice.random(), 0
        while product > limit:
            product *= dice.random()
            number += 1
        total += number
    return total


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("wait_estimate")
    group.add_argument("--days", type=int, help=f"how many simulated days ({DAYS})")


def run(options: argparse.Namespace, out: Path) -> dict[str, Any] | None:
    """The days differ by their seed only."""
    return figures(options.days or (QUICK_DAYS if options.quick else DAYS), quick=options.quick)


def figures(days: int, *, quick: bool = False) -> dict[str, Any]:
    """The estimate's error beside two constants: yesterday's mean wait, and the best one that hindsight could choose."""
    told: list[tuple[float, float]] = []
    constant: list[tuple[float, float]] = []
    hindsight: list[tuple[float, float]] = []
    longest = []
    yesterday = statistics.fmean(simulate(1000).waited)
    for seed in range(days):
        day = simulate(seed)
        best = statistics.median(day.waited)
        told += zip(day.promised, day.waited, strict=True)
        constant += [(yesterday, one) for one in day.waited]
        hindsight += [(best, one) for one in day.waited]
        longest.append(day.longest_queue)
        yesterday = statistics.fmean(day.waited)
    waits = [waited for _, waited in told]
    return {"name": "wait_estimate", "quick": quick, "days": days, "customers": len(told), "longest_queue": max(longest),
            "wait_mean_s": round(statistics.fmean(waits), 1), "wait_p95_s": round(sorted(waits)[int(len(waits) * 0.95)], 1),
            "estimate": judge(told).as_dict(), "yesterdays_mean": judge(constant).as_dict(),
            "best_constant": judge(hindsight).as_dict()}


def table(result: dict[str, Any]) -> str:
    """The estimate and the two constants, a line each."""
    lines = [f"wait_estimate: {result['days']} simulated days, {result['customers']:,} customers, longest queue "
             f"{result['longest_queue']}; waits: mean {result['wait_mean_s']} s, p95 {result['wait_p95_s']} s",
             f"  {'':<34}{'mean error':>12}{'bias':>10}{'late < 2 min':>14}"]
    for key, title in (("estimate", "told by the house"), ("yesterdays_mean", "constant: yesterday's mean wait"),
                       ("best_constant", "best constant, by hindsight")):
        one = result[key]
        lines.append(f"  {title:<34}{one['mean_error_seconds']:>10} s{one['bias_seconds']:>8} s{one['held']['value']:>14.1%}")
    return "\n".join(lines)
