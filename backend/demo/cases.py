"""Complaints of the invented month on their way: taken over, judged, looked into, answered, closed, rated."""

import re
from datetime import datetime, timedelta
from random import Random
from typing import Any

from backend.complaints import service as complaints
from backend.deadlines import causes
from backend.demo.agenda import Flow, Part, pick
from backend.demo.house import House, at_work
from backend.demo.material import Case
from backend.infra.work import Work
from backend.kernel.actors import Actor, customer_actor
from backend.surveys import handling

SUBJECT = "complaint"
BREACHES = ("waiting_inside", "waiting_supplier", "overlooked")
_BLANK = re.compile(r"【[^】]*】")


def handled(house: House, rng: Random, number: str, case: Case, filed_at: datetime) -> Flow:
    """The case from the morning after on; as far as the month goes."""
    owner = house.anyone(rng)
    slow = rng.random() < 0.12  # some promises are broken in any house

    def later(at: datetime, least: float, most: float) -> datetime:
        return at_work(at + timedelta(hours=rng.uniform(least, most)), rng)

    def act(at: datetime, action: str, text: str = "", **detail: Any) -> None:
        _move(house, owner, at, number, action, text, **detail)

    at = yield later(filed_at, 0.3, 3)
    act(at, "acknowledge")
    if rng.random() < 0.3:
        at = yield later(at, 0.5, 5)
        _by_customer(house, at, number, pick(rng, house.material.supplements))
    at = yield later(at, 0.5, 5)
    grave = case is house.material.major
    act(at, "assess", severity=3 if grave else rng.choice((1, 2)), complexity=rng.choice((1, 2)), impact=rng.choice((1, 2)),
        urgency=3 if grave else rng.choice((1, 2)), category=case.category, unit=case.unit)
    at = yield later(at, 0.2, 2)
    act(at, "investigate")
    with house.works.begin(owner, at) as work:
        complaints.add_note(work, number, pick(rng, house.material.internal_notes))
        complaints.add_note(work, number, case.update, public=True)
    if not case.answer:
        return
    if rng.random() < 0.2 or slow:
        at = yield later(at, 18, 40)
        _by_customer(house, at, number, None)
    at = yield later(at, 190, 260) if slow else later(at, 8, 60)
    at = yield from _answered(house, rng, owner, number, case, at)
    house.made["complaints_closed"] += 1
    with house.works.read(owner, at) as work:
        complaint = complaints.get(work.session, number)
    if rng.random() < 0.5:
        at = yield at + timedelta(hours=rng.uniform(0.5, 20))
        with house.works.begin(customer_actor(complaint.customer_id), at) as work:
            handling.answer(work, complaint.id, rng.choices((5, 4, 3, 2, 1), (6, 6, 4, 2, 2))[0], [], None)
    elif rng.random() < 0.3:
        at = yield at + timedelta(hours=rng.uniform(2, 30))
        with house.works.begin(customer_actor(complaint.customer_id), at) as work:
            complaints.not_satisfied(work, complaints.get(work.session, number), "说好的还没有兑现，请重新处理")
        house.made["complaints_closed"] -= 1
        at = yield later(at, 1, 8)
        act(at, "investigate")
        at = yield later(at, 20, 60)
        yield from _answered(house, rng, owner, number, case, at)
        house.made["complaints_closed"] += 1


def _answered(house: House, rng: Random, owner: Actor, number: str, case: Case, at: datetime) -> Part:
    """Decided, told, closed; where a promise was broken, somebody writes down why."""
    _move(house, owner, at, number, "decide", case.answer, outcome=case.outcome, remedy_cost=case.cost or None,
          other_ways="可以请平台介入，或拨打 12315 咨询。" if case.outcome == "refused" else "")
    at = yield at_work(at + timedelta(hours=rng.uniform(0.3, 4)), rng)
    with house.works.begin(owner, at) as work:
        script, words = _reply(work, number, case)
        complaints.move(work, number, "communicate", words, channel="chat", script=script)
    at = yield at_work(at + timedelta(hours=rng.uniform(12, 50)), rng)
    with house.works.begin(owner, at) as work:
        complaint = complaints.get(work.session, number)
        for late in causes.without_cause(work.session, SUBJECT, complaint.id):
            causes.record_cause(work, SUBJECT, complaint.id, late.kind, pick(rng, BREACHES), "等责任部门回复，没有及时催。")
        complaints.move(work, number, "close", cause=case.cause)
    return at


def _move(house: House, actor: Actor, at: datetime, number: str, action: str, text: str, **detail: Any) -> None:
    with house.works.begin(actor, at) as work:
        complaints.move(work, number, action, text, **{name: value for name, value in detail.items() if value is not None})


def _by_customer(house: House, at: datetime, number: str, words: str | None) -> None:
    """Adds something, or (None) asks to hurry."""
    with house.works.read(house.manager) as work:
        customer_id = complaints.get(work.session, number).customer_id
    with house.works.begin(customer_actor(customer_id), at) as work:
        complaint = complaints.get(work.session, number)
        if words is None:
            complaints.urge(work, complaint)
        else:
            complaints.supplement(work, complaint, words)


def _reply(work: Work, number: str, case: Case) -> tuple[str, str]:
    """An approved reply with its blanks filled in; without one, plain words."""
    offered = complaints.offered_replies(work.session, complaints.get(work.session, number), work.now)
    chosen = next((one for one in offered if one["key"].endswith(f".{case.outcome}")), offered[0] if offered else None)
    if chosen is None:
        return "", case.answer
    words = chosen["text"].replace("【进展】", case.update.rstrip("。")).replace("【处理办法】", case.answer.rstrip("。"))
    return chosen["key"], _BLANK.sub("", words)
