"""Hypothesis walks the lifecycle through the real services on a real database: no road leads around an approval."""

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import select

from backend.infra.db import make_engine
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Actor, Role, staff_actor
from backend.kernel.errors import ZhikeError
from backend.scripts import rules, service
from backend.scripts.rules import FALLBACK_KEY, LIFECYCLE, Action, State
from backend.scripts.service import Content
from backend.scripts.speaking import digest_of
from backend.scripts.tables import FROZEN, ScriptVersion
from backend.wiring import REACTIONS
from tests.cast import LIN_JIA, NOW, SHEN_LAN, SU_MIN

KEYS = ("walk.a", "walk.b")
CHANNELS = ("any", "web", "wechat")
# Writes and approves: the person for whom "another person" is a rule and not a matter of rights.
BOTH = staff_actor("both", "双岗", [Role.SCRIPT_OWNER, Role.SCRIPT_APPROVER])
SECOND = staff_actor("second", "钱雨", [Role.SCRIPT_APPROVER])
PEOPLE = (SU_MIN, SHEN_LAN, BOTH, SECOND, LIN_JIA)
# The second kind promises money: two people must approve it.
WORDS = ("在我的订单里查看。", "三天内给您全额退款。", "请稍等，我来查。", "凭发票免费送 {shop_name} 的礼物，我们赔付 50 元。")
PROMISES = (WORDS[1], WORDS[3])

SPEAKABLE = (State.APPROVED, State.EFFECTIVE, State.SUPERSEDED, State.EXPIRED)


class Walk(RuleBasedStateMachine):
    """Any move by anybody at any time. What was approved is remembered outside the database, and compared."""

    template: Path
    versions = Bundle("versions")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="zhike-walk-"))
        shutil.copy(self.template, self.folder / "walk.db")
        self.engine = make_engine(f"sqlite:///{self.folder / 'walk.db'}")
        self.works = Works(self.engine, REACTIONS)
        self.now = NOW
        self.signed: dict[str, list[str]] = {}  # by version: who said yes to its words as they stand
        self.frozen: dict[str, dict[str, Any]] = {}  # by version: what the approval covered
        self.over: dict[str, State] = {}
        self.count = 0

    def teardown(self) -> None:
        self.engine.dispose()
        shutil.rmtree(self.folder, ignore_errors=True)

    def tried(self, actor: Actor, deed: Any) -> Any:
        """What the service gives, or None where it refused with a coded error."""
        try:
            with self.works.begin(actor, self.now) as work:
                return deed(work)
        except ZhikeError as refusal:
            assert refusal.code and refusal.message.endswith("。"), refusal
            return None

    # --- moves ------------------------------------------------------------------------------------

    @initialize()
    def the_fallback_stands(self) -> None:
        with self.works.begin(SU_MIN, self.now) as work:
            fallback = service.draft(work, FALLBACK_KEY, Content(topic="system", title="没听懂", text="没有听懂。"))
            service.submit(work, fallback.id)
        self.approve(fallback.id, SHEN_LAN, False)

    @rule(target=versions, actor=st.sampled_from(PEOPLE), key=st.sampled_from(KEYS), text=st.sampled_from(WORDS),
          channel=st.sampled_from(CHANNELS), starts=st.none() | st.integers(-60, 600),
          ends=st.none() | st.integers(-60, 900), submit=st.booleans())
    def draft(self, actor: Actor, key: str, text: str, channel: str, starts: int | None, ends: int | None,
              submit: bool) -> Any:
        content = Content(topic="ask_invoice", title=key, text=text, channel=channel,
                          examples=[f"{key} 第 {self.count} 问"], effective_from=self.moment(starts),
                          effective_to=self.moment(ends))
        self.count += 1
        version = self.tried(actor, lambda work: service.draft(work, key, content))
        if version is None:
            return multiple()
        if submit:
            self.tried(actor, lambda work: service.submit(work, version.id))
        return version.id

    @rule(version=versions, actor=st.sampled_from(PEOPLE), text=st.sampled_from(WORDS))
    def edit(self, version: str, actor: Actor, text: str) -> None:
        content = Content(topic="ask_invoice", title="改", text=text, examples=[f"第 {self.count} 问"])
        self.count += 1
        if self.tried(actor, lambda work: service.edit_draft(work, version, content)):
            assert not self.signed.get(version), "words that somebody has signed were changed"

    @rule(version=versions, actor=st.sampled_from(PEOPLE), deed=st.sampled_from([service.submit, service.recall]))
    def ask(self, version: str, actor: Actor, deed: Any) -> None:
        if self.tried(actor, lambda work: deed(work, version)):
            self.signed.pop(version, None)

    @rule(version=versions, actor=st.sampled_from(PEOPLE), stale=st.booleans())
    def approve(self, version: str, actor: Actor, stale: bool) -> None:
        seen = "0" * 64 if stale else None
        found = self.tried(actor, lambda work: service.approve(work, version, seen))
        if found is None:
            return
        assert not stale, "approved without having read it"
        self.signed.setdefault(version, []).append(actor.id)
        if found.approver_id is not None:
            self.frozen[version] = {name: getattr(found, name) for name in FROZEN}

    @rule(version=versions, actor=st.sampled_from(PEOPLE), deed=st.sampled_from([service.send_back, service.refuse]))
    def say_no(self, version: str, actor: Actor, deed: Any) -> None:
        found = self.tried(actor, lambda work: deed(work, version, "不行"))
        if found is not None:
            assert actor.id != found.author_id
            if deed is service.send_back:
                self.signed.pop(version, None)

    @rule(version=versions, actor=st.sampled_from(PEOPLE))
    def withdraw(self, version: str, actor: Actor) -> None:
        self.tried(actor, lambda work: service.withdraw(work, version, "停用"))

    @rule(target=versions, actor=st.sampled_from(PEOPLE), key=st.sampled_from(KEYS), number=st.integers(1, 6))
    def roll_back(self, actor: Actor, key: str, number: int) -> Any:
        version = self.tried(actor, lambda work: service.rollback(work, key, number))
        if version is None:
            return multiple()
        with self.works.read(SYSTEM, self.now) as work:
            old = service.the_version(work.session, key, number)
        assert old.state == State.SUPERSEDED and old.text == version.text
        # The approval is the first one's: the same names for the same words.
        self.signed[version.id] = list(self.signed[old.id])
        self.frozen[version.id] = {name: getattr(version, name) for name in FROZEN}
        return version.id

    @rule(seconds=st.integers(1, 700))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def follow_the_clock(self) -> None:
        service.activate_due(self.works, self.now)

    @rule(key=st.sampled_from(KEYS), channel=st.sampled_from(("web", "wechat")))
    def speak(self, key: str, channel: str) -> None:
        with self.works.begin(SYSTEM, self.now) as work:
            spoken = service.speak(work, key, {}, channel)
            version = service.get(work.session, spoken.version_id)
        assert version.key in (key, FALLBACK_KEY)
        assert rules.in_force(version.state, version.effective_from, version.effective_to, self.now)
        self.was_approved(version)

    # --- what holds always --------------------------------------------------------------------------

    def was_approved(self, version: ScriptVersion) -> None:
        signers = self.signed[version.id]
        assert signers[-1] == version.approver_id and version.author_id not in signers
        assert len(set(signers)) == len(signers) >= (2 if version.text in PROMISES else 1)
        assert version.digest == digest_of(version)

    @invariant()
    def the_library_is_in_order(self) -> None:
        with self.works.read(SYSTEM, self.now) as work:
            everything = list(work.session.exec(select(ScriptVersion)))
            fed = {(one["key"], one["channel"]): one for one in service.feed(work.session, self.now)["scripts"]}
        places = [(one.key, one.channel) for one in everything if one.state == State.EFFECTIVE]
        assert len(places) == len(set(places)), "two effective versions of a key and channel"
        for one in everything:
            if one.state in SPEAKABLE:
                self.was_approved(one)
            if one.id in self.frozen:
                assert {name: getattr(one, name) for name in FROZEN} == self.frozen[one.id], "approved words were altered"
            else:
                assert one.digest is None and one.started_at is None
            if one.id in self.over:
                assert one.state == self.over[one.id], "what was over began again"
            if one.state in (State.WITHDRAWN, State.REFUSED, State.EXPIRED, State.SUPERSEDED):
                self.over[one.id] = State(one.state)
        by_id = {one.id: one for one in everything}
        for script in fed.values():
            version = by_id[script["version_id"]]
            assert script["text"] == version.text and script["hash"] == version.digest
            assert rules.in_force(version.state, version.effective_from, version.effective_to, self.now)

    def moment(self, seconds: int | None) -> Any:
        return None if seconds is None else self.now + timedelta(seconds=seconds)


def test_no_walk_through_the_lifecycle_leads_around_an_approval(migrated_sqlite: Path) -> None:
    Walk.template = migrated_sqlite
    run_state_machine_as_test(Walk, settings=settings(  # type: ignore[no-untyped-call]
        max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)))


def test_only_approving_and_starting_lead_to_words_in_force() -> None:
    """The table itself, whole: whatever enters ``effective`` comes from ``approved``, and that from ``in_review``."""
    into: dict[State, set[tuple[State, Action]]] = {}
    for state in State:
        for action in Action:
            try:
                target = LIFECYCLE.next(state, action)
            except ZhikeError:
                continue
            if target != state:
                into.setdefault(target, set()).add((state, action))
    assert into[State.EFFECTIVE] == {(State.APPROVED, Action.START)}
    assert into[State.APPROVED] == {(State.IN_REVIEW, Action.APPROVE)}
    for over in (State.WITHDRAWN, State.REFUSED, State.EXPIRED, State.SUPERSEDED):
        assert not any(state == over for roads in into.values() for state, _ in roads), f"{over} is not the end"


def test_the_walk_notices_an_approval_that_is_not_one(migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk would be worth nothing if it passed a house that lets authors approve."""
    def anybody(author_id: str, first_approver_id: str | None, actor_id: str) -> None:
        return None

    monkeypatch.setattr(rules, "may_sign", anybody)
    Walk.template = migrated_sqlite
    walk = Walk()
    try:
        walk.the_fallback_stands()
        version = walk.draft(BOTH, KEYS[0], WORDS[0], "any", None, None, True)
        with pytest.raises(Exception, match="author_is_not_approver"):
            walk.approve(version, BOTH, False)
    finally:
        walk.teardown()
