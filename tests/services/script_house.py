"""What the tests of the script room share: approvers, moves in one line, a study that needs no bot."""

import zlib
from collections.abc import Callable
from typing import Any

import pytest

from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Actor, Role, staff_actor
from backend.kernel.errors import Unavailable, ZhikeError
from backend.people.tables import Staff, StaffRole
from backend.scripts import service, wording
from backend.scripts.service import Content
from tests.cast import NOW, SHEN_LAN, SU_MIN, hire

QIAN_YU = staff_actor("qianyu", "钱雨", [Role.SCRIPT_APPROVER])
MONEY = "晚到一天补偿您 20 元，按原路退回。"
KEY = "delivery.late"


def staffed(works: Works) -> None:
    """The cast, and a second approver."""
    with works.begin(SYSTEM, NOW) as work:
        hire(work)
        if work.session.get(Staff, QIAN_YU.id) is None:
            work.session.add(Staff(id=QIAN_YU.id, username=QIAN_YU.id, display_name=QIAN_YU.name, password_hash="!",
                                   skill_groups="", created_at=NOW))
            work.flush()
            work.session.add(StaffRole(staff_id=QIAN_YU.id, role=Role.SCRIPT_APPROVER))


def words(text: str = "签收后 7 天内可以退。", **given: Any) -> Content:
    return Content(**{"text": text, "topic": "ask_logistics", "title": "送晚了怎么办", **given})


def submitted(works: Works, text: str = MONEY, key: str = KEY, by: Actor = SU_MIN, **given: Any) -> str:
    with works.begin(by, NOW) as work:
        version = service.draft(work, key, words(text, **given))
        service.submit(work, version.id)
        return version.id


def approved(works: Works, version_id: str, by: Actor = SHEN_LAN) -> str:
    """The version's state afterwards."""
    with works.begin(by, NOW) as work:
        return service.approve(work, version_id).state


def published(works: Works, text: str = "签收后 7 天内可以退。", key: str = KEY, **given: Any) -> str:
    version_id = submitted(works, text, key, **given)
    assert approved(works, version_id) == "effective"
    return version_id


def refused(code: str, deed: Callable[[], object]) -> ZhikeError:
    with pytest.raises(ZhikeError) as refusal:
        deed()
    assert refusal.value.code == code
    return refusal.value


class PlainStudy:
    """Likeness by shared characters: enough to tell questions apart, and always the same."""

    def __init__(self, live: dict[str, list[str]] | None = None) -> None:
        self.live = live or {}
        self.down = False
        self.asked: list[Any] = []

    def embed(self, texts: list[str]) -> list[list[float]]:
        if self.down:
            raise Unavailable("bot_down", "机器人没有启动或连不上。")
        assert len(texts) <= 256
        self.asked.append(list(texts))
        rows = []
        for text in texts:
            row = [0.0] * 64
            for char in wording.bare(text):
                row[zlib.crc32(char.encode()) % 64] += 1.0
            length = sum(value * value for value in row) ** 0.5 or 1.0
            rows.append([value / length for value in row])
        return rows

    def rematch(self, scripts: list[dict[str, Any]], remove: list[str], turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.down:
            raise Unavailable("bot_down", "机器人没有启动或连不上。")
        assert len(turns) <= 200
        self.asked.append([turn["text"] for turn in turns])
        after = {key: examples for key, examples in self.live.items() if key not in remove}
        after |= {draft["key"]: draft["examples"] for draft in scripts}
        return [{"id": turn["id"], "before": self._best(turn["text"], self.live), "after": self._best(turn["text"], after)}
                for turn in turns]

    @staticmethod
    def _best(text: str, bank: dict[str, list[str]]) -> dict[str, Any] | None:
        scored = [(max((wording.likeness(text, one) for one in examples), default=0.0), key) for key, examples in bank.items()]
        score, key = max(scored, default=(0.0, ""))
        return {"key": key, "score": score} if score >= 0.4 else None
