"""The only door to the backend: time-outs, one retry, idempotency keys, coded errors."""

from __future__ import annotations

import functools
import os
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

#: Rasa waits for the action and the gateway for Rasa; longer than this the next message overtakes.
TOTAL_SECONDS = 4.0
TRY_SECONDS = 2.5


@dataclass
class BackendError(Exception):
    """What went wrong, by code; `status` is 0 when the backend did not answer at all."""

    code: str
    status: int = 0
    fields: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code} ({self.status})"


class Backend:
    """`/api/bot/*`. Every write carries a key or is harmless to repeat, so one retry is safe."""

    def __init__(self, url: str, secret: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._secret = secret
        self._transport = transport
        self._open: httpx.AsyncClient | None = None

    def _client(self) -> httpx.AsyncClient:
        """One client for the life of the process: making one costs more than a call."""
        if self._open is None:
            self._open = httpx.AsyncClient(
                base_url=self._url,
                headers={"X-Zhike-Secret": self._secret},
                transport=self._transport,
                trust_env=False,
                verify=self._url.startswith("https"),
            )
        return self._open

    @classmethod
    @functools.cache
    def from_environment(cls) -> Backend:
        """The one of this process, shared by all actions."""
        url = os.environ.get("ZHIKE_BACKEND_URL", "http://127.0.0.1:8000")
        return cls(url, os.environ.get("ZHIKE_BOT_SECRET", ""))

    async def order(self, order_no: str, conversation_id: str) -> dict[str, Any]:
        return await self._call("GET", f"/api/bot/orders/{order_no}", params={"conversation_id": conversation_id})

    async def complaints(self, conversation_id: str) -> list[dict[str, Any]]:
        answer = await self._call("GET", "/api/bot/complaints", params={"conversation_id": conversation_id})
        return list(answer.get("complaints") or [])

    async def file_complaint(
        self,
        *,
        idempotency_key: str,
        conversation_id: str,
        description: str,
        remedy: str,
        order_no: str | None,
        contact: str,
        known_not_the_same: bool = False,
    ) -> dict[str, Any]:
        body = {
            "force": known_not_the_same,
            "idempotency_key": idempotency_key,
            "conversation_id": conversation_id,
            "description": description,
            "remedy": remedy,
            "order_no": order_no,
            "contact": contact,
        }
        return await self._call("POST", "/api/bot/complaints", json=body)

    async def look_up(self, conversation_id: str, number: str, last4: str) -> dict[str, Any]:
        body = {"conversation_id": conversation_id, "number": number, "last4": last4}
        # Not repeated: a second try would count as a second guess.
        return await self._call("POST", "/api/bot/complaints/lookup", json=body, tries=1)

    async def urge(self, number: str, conversation_id: str) -> dict[str, Any]:
        body = {"conversation_id": conversation_id}
        return await self._call("POST", f"/api/bot/complaints/{number}/urge", json=body, tries=1)

    async def supplement(self, number: str, conversation_id: str, text: str) -> dict[str, Any]:
        body = {"conversation_id": conversation_id, "text": text}
        return await self._call("POST", f"/api/bot/complaints/{number}/supplement", json=body, tries=1)

    async def withdraw(self, number: str, conversation_id: str, *, confirmed: bool) -> dict[str, Any]:
        """Refused (409) until confirmed, and where it cannot be: the fields then say which complaint, and how it stands."""
        body = {"conversation_id": conversation_id, "confirmed": confirmed}
        return await self._call("POST", f"/api/bot/complaints/{number}/withdraw", json=body, tries=1 if confirmed else 2)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        json: dict[str, Any] | None = None,
        tries: int = 2,
    ) -> dict[str, Any]:
        deadline = time.monotonic() + TOTAL_SECONDS
        failure = BackendError("backend_unreachable")
        for _ in range(tries):
            left = deadline - time.monotonic()
            if left < 0.2:
                break
            # With a second try in hand the first may not eat all the time.
            patience = min(TRY_SECONDS if tries > 1 else TOTAL_SECONDS, left)
            try:
                response = await self._client().request(method, path, params=params, json=json, timeout=patience)
            except httpx.HTTPError:
                continue
            if response.status_code < 500:
                return _read(response)
            failure = BackendError("backend_failed", response.status_code)
        raise failure


def _read(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError as error:
        raise BackendError("backend_nonsense", response.status_code) from error
    if not isinstance(body, dict):
        raise BackendError("backend_nonsense", response.status_code)
    if 200 <= response.status_code < 300:
        return body
    raise BackendError(str(body.get("code") or "backend_refused"), response.status_code, dict(body.get("fields") or {}))
