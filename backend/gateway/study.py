"""The bot's encoder and matcher for the house's own work: what a draft would change, which questions are alike."""

import json
from collections.abc import Sequence
from typing import Any

import httpx

from backend.kernel.errors import Unavailable

# The bot's own limits (bot/study.py); larger requests are sent in portions.
TEXTS_AT_ONCE = 256
TURNS_AT_ONCE = 200
# 200 turns whose intent must be found take seconds; a page waits no longer than this for one portion.
TIMEOUT = 60.0
CONNECT_TIMEOUT = 3.0


class StudyFailed(Unavailable):
    """The bot gave no usable answer: ``study_down``, ``study_slow``, ``study_refused``, ``study_nonsense``."""


class Study:
    """Asks the bot beside the conversations. Synchronous: for pages and jobs that run on a thread."""

    def __init__(self, base_url: str, secret: str, timeout: float = TIMEOUT,
                 transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(
            base_url=base_url, headers={"X-Zhike-Secret": secret}, trust_env=False, transport=transport,
            timeout=httpx.Timeout(timeout, connect=CONNECT_TIMEOUT),
        )

    def close(self) -> None:
        self._client.close()

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector a text, in the same order. Raises StudyFailed."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = list(texts[start:start + TEXTS_AT_ONCE])
            found = self._post("embed", {"texts": part}).get("vectors")
            if not isinstance(found, list) or len(found) != len(part):
                raise StudyFailed("study_nonsense", "机器人给出的句向量数目不对，请稍后再试。")
            vectors += found
        return vectors

    def rematch(self, scripts: Sequence[dict[str, Any]], remove: Sequence[str],
                turns: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Who answers each turn in the live set, and who would with the drafts in it. Raises StudyFailed."""
        rows: list[dict[str, Any]] = []
        for start in range(0, len(turns), TURNS_AT_ONCE):
            part = list(turns[start:start + TURNS_AT_ONCE])
            body = {"scripts": list(scripts), "remove": list(remove), "turns": part}
            found = self._post("rematch", body).get("turns")
            if not isinstance(found, list) or len(found) != len(part):
                raise StudyFailed("study_nonsense", "机器人的试算结果读不懂，请稍后再试。")
            rows += found
        return rows

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._client.post(f"/webhooks/zhike/{path}", json=body)
        except httpx.ConnectError as error:
            raise StudyFailed("study_down", "机器人没有启动或连不上，暂时不能试算。") from error
        except httpx.TimeoutException as error:
            raise StudyFailed("study_slow", "机器人太忙，试算没有按时算完，请稍后再试。") from error
        except httpx.HTTPError as error:
            raise StudyFailed("study_down", "和机器人的连接断了，请稍后再试。") from error
        found = _object(answer.content)
        if answer.status_code != 200:
            reason = str(found.get("message") or f"机器人报错（{answer.status_code}）。") if found else "机器人报错。"
            raise StudyFailed("study_refused", reason)
        if found is None:
            raise StudyFailed("study_nonsense", "机器人的试算结果读不懂，请稍后再试。")
        return found


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
