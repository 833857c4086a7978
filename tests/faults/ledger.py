"""What each viewer of a conversation has seen, in the order of seeing it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# A message as a viewer sees it: number, who, words.
type Seen = tuple[int, str, str]


@dataclass
class Ledger:
    """One viewer's book."""

    viewer: str
    seen: list[Seen] = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.seen[-1][0] if self.seen else 0

    def write(self, message: dict[str, Any]) -> None:
        self.seen.append((int(message["seq"]), str(message["from"]), str(message["text"])))


@dataclass
class Sent:
    """One message that somebody sent: what became of it as far as the sender knows."""

    client_id: str
    text: str
    seqs: set[int] = field(default_factory=set)  # every acknowledgement names the same number
    refused: str | None = None
    tries: int = 0


@dataclass
class Talk:
    """One conversation with everybody's books."""

    number: int
    id: str
    token: str
    socket: Ledger = field(default_factory=lambda: Ledger("customer's socket"))
    poll: Ledger = field(default_factory=lambda: Ledger("customer's poll"))
    agents: Ledger = field(default_factory=lambda: Ledger("agents' view"))
    customer_sent: list[Sent] = field(default_factory=list)
    agents_sent: list[Sent] = field(default_factory=list)
    target: int | None = None  # the last number, once nothing more is to come
    over: bool = False

    @property
    def proof(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class Tally:
    """What was done, for the report."""

    done: Counter[str] = field(default_factory=Counter)

    def count(self, what: str, times: int = 1) -> None:
        self.done[what] += times
