"""A customer without a browser: the chat's HTTP door, for what a browser would never send."""

import time
import uuid
from types import TracebackType
from typing import Any, Self

import httpx

from tests.journeys.house import House

PATIENCE = 40.0


class Line:
    """One conversation over HTTP: says, presses, hears."""

    def __init__(self, house: House) -> None:
        # A connection a request: programs are killed in these tests, and kept connections with them.
        self.http = httpx.Client(base_url=house.base, timeout=30, trust_env=False,
                                 limits=httpx.Limits(max_keepalive_connections=0))
        opened = self.http.post("/api/chat/sessions", json={"channel": "web"})
        assert opened.status_code == 201, opened.text
        self.id, self.token = opened.json()["conversation_id"], opened.json()["token"]
        self.mark = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Leave nothing in anybody's queue."""
        if error is None:
            self.http.post(f"/api/chat/{self.id}/close", headers=self.proof)
        self.http.close()

    @property
    def proof(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def post(self, text: str | None = None, *, button: str | None = None, client_id: str | None = None,
             proof: dict[str, str] | None = None) -> httpx.Response:
        """Send as it is; the caller looks at the answer."""
        body = {"client_id": client_id or uuid.uuid4().hex, "text": text, "button": button}
        return self.http.post(f"/api/chat/{self.id}/messages", headers=proof or self.proof,
                              json={name: value for name, value in body.items() if value is not None})

    def says(self, text: str, client_id: str | None = None) -> int:
        """Send and be acknowledged; gives the message's number."""
        self.mark = self.last_seq
        answer = self.post(text, client_id=client_id)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["seq"])

    def presses(self, title: str) -> int:
        button = self.button(title)
        self.mark = self.last_seq
        answer = self.post(button=button)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["seq"])

    def button(self, title: str) -> str:
        """The id of the newest button of this title."""
        issued = [one["id"] for message in self.thread() for one in message.get("buttons", []) if one["title"] == title]
        assert issued, f"no button {title}"
        return str(issued[-1])

    def look(self) -> dict[str, Any]:
        answer = self.http.get(f"/api/chat/{self.id}/messages", headers=self.proof)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def thread(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.look()["messages"]
        return messages

    @property
    def state(self) -> str:
        return str(self.look()["state"])

    @property
    def last_seq(self) -> int:
        return max((one["seq"] for one in self.thread()), default=0)

    @property
    def own_words(self) -> list[str]:
        return [one["text"] for one in self.thread() if one["from"] == "customer"]

    @staticmethod
    def key(message: dict[str, Any]) -> str:
        return str(message.get("script", {}).get("key", ""))

    def hears(self, *scripts: str, within: float = PATIENCE) -> dict[str, Any]:
        """The first message by one of these scripts (any, when none is named) since the latest act."""
        until = time.monotonic() + within
        while True:
            since = [one for one in self.thread() if one["seq"] > self.mark and one["from"] != "customer"]
            found = next((one for one in since if not scripts or self.key(one) in scripts), None)
            if found:
                return found
            heard = [(self.key(one), one["text"]) for one in since]
            assert time.monotonic() < until, f"waited for {scripts}, heard {heard}"
            time.sleep(0.1)

    def begins_a_complaint(self) -> None:
        """As far as the repetition, ready to be confirmed."""
        for words, next_question in (
                ("我要投诉", "complaint.ask_description"),
                ("上周送来的书桌桌面裂了，打了三次电话都没人管", "complaint.ask_remedy"),
                ("换一件新的", "complaint.ask_order_no"),
                ("HM260917-3382", "complaint.ask_contact"),
                ("13912348000", "complaint.confirm")):
            self.says(words)
            self.hears(next_question)
