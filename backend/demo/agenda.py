"""One thing after another, by the clock of the invented month.

A flow is a generator: it yields the instant at which it wants to go on and is resumed then, so that conversations
run beside each other as they do in life. Queues and numbers come out in the order of time.
"""

import heapq
from collections.abc import Callable, Generator, Iterable
from datetime import datetime
from random import Random

type Flow = Generator[datetime, datetime, None]
type Part = Generator[datetime, datetime, datetime]  # a piece of a flow: gives the instant at which it ended


class Agenda:
    """Flows in the order of their next instant; whatever lies after ``until`` has not happened yet."""

    def __init__(self, until: datetime) -> None:
        self._until = until
        self._count = 0
        self._heap: list[tuple[datetime, int, Flow]] = []

    def add(self, flow: Flow, after: datetime) -> None:
        """Take in a flow, whose first step is not before ``after``."""
        try:
            at = next(flow)
        except StopIteration:
            return
        self._push(max(at, after), flow)

    def run(self, flows: Iterable[Flow], since: datetime, each: Callable[[], None] = lambda: None) -> None:
        for flow in flows:
            self.add(flow, since)
        while self._heap:
            at, _, flow = heapq.heappop(self._heap)
            if at > self._until:
                flow.close()
                continue
            try:
                onward = flow.send(at)
            except StopIteration:
                each()
                continue
            self._push(max(onward, at), flow)

    def _push(self, at: datetime, flow: Flow) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, flow))


def pick(rng: Random, words: Iterable[str]) -> str:
    return rng.choice(list(words))
