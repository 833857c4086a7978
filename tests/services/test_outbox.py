"""Jobs that follow a commit: done once, tried again after a failure, never lost with a rolled-back transaction."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend.infra import outbox
from backend.infra.outbox import OutboxJob
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM


def _put(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        outbox.put(work, "greet", {"whom": "林佳"}, due_at=work.now - timedelta(seconds=1))


def _job(works: Works) -> OutboxJob:
    with works.read(SYSTEM) as work:
        return work.session.exec(select(OutboxJob)).one()


def test_a_job_is_done_once_however_many_workers_look(works: Works) -> None:
    _put(works)
    greeted: list[str] = []

    def greet(_works: Works, payload: dict[str, Any]) -> None:
        greeted.append(payload["whom"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: outbox.run_due(works, {"greet": greet}), range(4)))
    assert greeted == ["林佳"]
    assert _job(works).done_at is not None


def test_a_failed_job_waits_and_keeps_its_reason(works: Works) -> None:
    _put(works)

    def fail(_works: Works, _payload: dict[str, Any]) -> None:
        raise OSError("line is down")

    assert outbox.run_due(works, {"greet": fail}) == 0
    job = _job(works)
    assert job.done_at is None
    assert job.tries == 1
    assert "line is down" in (job.error or "")
    assert outbox.run_due(works, {"greet": fail}) == 0, "it is not due again yet"
    assert _job(works).tries == 1


def test_a_job_of_a_rolled_back_transaction_was_never_left(works: Works) -> None:
    with pytest.raises(ValueError), works.begin(SYSTEM) as work:
        outbox.put(work, "greet", {})
        raise ValueError
    with works.read(SYSTEM) as work:
        assert work.session.exec(select(OutboxJob)).all() == []
