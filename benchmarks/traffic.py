"""Customers of a benchmark: each says a sentence, waits for the answer, says the next."""

import http.client
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

PATIENCE = 60.0
#: Longest wait of one long poll, in seconds; the gateway's own bound is 25.
POLL = 20.0


class Talker(Protocol):
    """One client with one connection, holding several conversations in turn."""

    def open(self, conversation: int) -> None:
        """Whatever must stand before the first sentence."""
        ...

    def say(self, conversation: int, text: str) -> str:
        """One sentence in, its whole answer out: a word on what was answered, for counting. Raises NoAnswer."""
        ...

    def close(self) -> None: ...


class NoAnswer(Exception):
    """The sentence was not answered as it should be."""


class Connection:
    """A kept-alive HTTP connection over loopback that speaks JSON."""

    def __init__(self, port: int, headers: dict[str, str] | None = None) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._headers = {"Content-Type": "application/json", **(headers or {})}

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        headers = {**self._headers, "Authorization": f"Bearer {token}"} if token else self._headers
        content = None if body is None else json.dumps(body).encode()
        try:
            self._http.request(method, path, content, headers)
        except (http.client.CannotSendRequest, ConnectionError):
            # The server let an idle connection go; nothing was taken in yet.
            self._http.close()
            self._http.request(method, path, content, headers)
        answer = self._http.getresponse()
        payload = answer.read()
        if answer.status >= 400:
            raise NoAnswer(f"{method} {path.split('?')[0]}: {answer.status} {payload[:200]!r}")
        return json.loads(payload)

    def close(self) -> None:
        self._http.close()


class PeerTalker:
    """Rasa's REST channel."""

    def __init__(self, port: int, name: str) -> None:
        self._connection, self._name = Connection(port), name

    def open(self, conversation: int) -> None:
        pass

    def say(self, conversation: int, text: str) -> str:
        answer = self._connection.call("POST", "/webhooks/rest/webhook",
                                       {"sender": f"{self._name}-{conversation}", "message": text})
        if not answer:
            raise NoAnswer("the peer said nothing")
        return "answer"

    def close(self) -> None:
        self._connection.close()


class BotTalker:
    """Our bot's own channel, as the gateway uses it."""

    def __init__(self, port: int, secret: str, name: str) -> None:
        self._connection, self._name = Connection(port, {"X-Zhike-Secret": secret}), name
        self._sent = 0

    def open(self, conversation: int) -> None:
        pass

    def say(self, conversation: int, text: str) -> str:
        self._sent += 1
        answer = self._connection.call("POST", "/webhooks/zhike/webhook", {
            "sender": f"{self._name}-{conversation}", "message_id": f"{self._name}-{self._sent}", "text": text,
            "button": None, "channel": "web"})
        first = answer["messages"][0]
        return str((first.get("script") or {}).get("key") or first.get("command") or "card")

    def close(self) -> None:
        self._connection.close()


class HouseTalker:
    """The website's door: post a message, fetch the answer by the long poll."""

    def __init__(self, port: int, name: str) -> None:
        self._connection, self._name = Connection(port), name
        self._chats: dict[int, tuple[str, str]] = {}
        self._sent = 0

    def open(self, conversation: int) -> None:
        chat = self._connection.call("POST", "/api/chat/sessions", {"channel": "web"})
        self._chats[conversation] = (chat["conversation_id"], chat["token"])

    def say(self, conversation: int, text: str) -> str:
        self._sent += 1
        chat, token = self._chats[conversation]
        seq = self._connection.call("POST", f"/api/chat/{chat}/messages",
                                    {"client_id": f"{self._name}-{self._sent}", "text": text}, token)["seq"]
        news = self._connection.call("GET", f"/api/chat/{chat}/messages?after={seq}&wait={POLL:g}", None, token)
        answers = [message for message in news["messages"] if message["from"] != "customer"]
        if news["state"] != "bot":
            # A person was called: the bot is silent in this conversation, so the customer starts another.
            self.open(conversation)
            return f"handed over ({news['state']})"
        if not answers:
            raise NoAnswer(f"no answer within {POLL:g} seconds")
        key = str(answers[0].get("script", {}).get("key"))
        if key == "system.apology":
            raise NoAnswer("the gateway apologised for the bot")
        return key

    def close(self) -> None:
        self._connection.close()


@dataclass
class Tally:
    """What came of one stretch of messages."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)  # milliseconds, answered messages only
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        said = self.answers
        return {
            "messages": len(self.latencies) + len(self.failures), "failures": len(self.failures),
            "first_failure": self.failures[0] if self.failures else None,
            "handed_over": sum(count for key, count in said.items() if key.startswith("handed over")),
            "different_answers": len(said), "seconds": round(self.seconds, 2),
            "p50_ms": round(percentile(self.latencies, 50), 1), "p95_ms": round(percentile(self.latencies, 95), 1),
            "per_second": round(len(self.latencies) / self.seconds, 2) if self.seconds else 0.0,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank: a value that really occurred."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


def _talk(talker: Talker, conversations: Sequence[int], texts: Sequence[str], tally: Tally) -> None:
    for number, text in enumerate(texts):
        began = time.perf_counter()
        try:
            said = talker.say(conversations[number % len(conversations)], text)
        except (NoAnswer, OSError, http.client.HTTPException) as failure:
            tally.failures.append(str(failure) or type(failure).__name__)
        else:
            tally.latencies.append((time.perf_counter() - began) * 1000)
            tally.answers[said] += 1


def send(make: Callable[[str], Talker], name: str, texts: Sequence[str], *, clients: int, conversations: int) -> Tally:
    """Send all texts, by so many clients at once, each with its own share of texts and conversations."""
    talkers = [make(f"{name}-{number}") for number in range(clients)]
    own = [range(number, conversations, clients) for number in range(clients)]
    tallies = [Tally() for _ in talkers]
    try:
        for talker, numbers in zip(talkers, own, strict=True):
            for conversation in numbers:
                talker.open(conversation)
        threads = [threading.Thread(target=_talk, args=(talker, own[number], texts[number::clients], tallies[number]))
                   for number, talker in enumerate(talkers)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        whole = Tally(time.perf_counter() - began)
    finally:
        for talker in talkers:
            talker.close()
    for tally in tallies:
        whole.latencies += tally.latencies
        whole.answers += tally.answers
        whole.failures += tally.failures
    return whole
