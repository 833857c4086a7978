"""Words drafted, submitted, published: the steps that tests of scripts share."""

from collections.abc import Callable
from datetime import datetime

import pytest

from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Actor, Role, staff_actor
from backend.kernel.errors import ZhikeError
from backend.scripts import service, store
from backend.scripts.service import Content
from tests.cast import NOW, SHEN_LAN, SU_MIN

KEY = "pickup.reschedule"
LATER = staff_actor("qianyu", "钱雨", [Role.SCRIPT_APPROVER])


def words(text: str = "在「我的订单」里改约取件。", **given: object) -> Content:
    return Content(**{"text": text, "topic": "ask_return_exchange", "title": "重约上门取件", **given})  # type: ignore[arg-type]


def drafted(works: Works, text: str = "在「我的订单」里改约取件。", key: str = KEY, by: Actor = SU_MIN,
            now: datetime = NOW, **given: object) -> str:
    with works.begin(by, now) as work:
        return service.draft(work, key, words(text, **given)).id


def submitted(works: Works, text: str = "在「我的订单」里改约取件。", **given: object) -> str:
    now = given.get("now", NOW)
    version_id = drafted(works, text, **given)  # type: ignore[arg-type]
    with works.begin(SU_MIN, now) as work:  # type: ignore[arg-type]
        service.submit(work, version_id)
    return version_id


def published(works: Works, text: str = "在「我的订单」里改约取件。", **given: object) -> str:
    now = given.get("now", NOW)
    version_id = submitted(works, text, **given)
    with works.begin(SHEN_LAN, now) as work:  # type: ignore[arg-type]
        service.approve(work, version_id)
    return version_id


def state_of(works: Works, version_id: str) -> str:
    with works.read(SYSTEM, NOW) as work:
        return service.get(work.session, version_id).state


def said(works: Works, key: str = KEY, channel: str = "web", now: datetime = NOW, **variables: str) -> str:
    with works.begin(SYSTEM, now) as work:
        return service.speak(work, key, variables, channel).text


def revision(works: Works) -> int:
    with works.read(SYSTEM, NOW) as work:
        return store.revision(work.session)


def refused(code: str, deed: Callable[[], object]) -> ZhikeError:
    with pytest.raises(ZhikeError) as refusal:
        deed()
    assert refusal.value.code == code
    assert refusal.value.message.endswith("。")
    return refusal.value
