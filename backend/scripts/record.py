"""One script as a page shows it: a version, its approval trail, its history, what may be done. Reads only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date, zh_datetime, zh_day, zh_duration, zh_time
from backend.kernel.errors import NotFound
from backend.people import service as people
from backend.scripts import promises, proposals, service, store
from backend.scripts.difference import SideBySide, compare
from backend.scripts.library import Tag, tag_of
from backend.scripts.promises import Promise
from backend.scripts.rules import CHANNELS, IMPORT_AUTHOR, LIFECYCLE, PACK_APPROVER, PACK_AUTHOR, Action, State
from backend.scripts.speaking import digest_of, is_intact, organisation
from backend.scripts.tables import Script, ScriptVersion
from backend.scripts.wording import Finding


@dataclass(frozen=True)
class Step:
    """One station of the approval trail."""

    title: str
    state: str  # done | now | todo | bad
    lines: list[str]


@dataclass
class Detail:
    """One version of one script, with what may be done to it by this reader."""

    script: Script
    version: ScriptVersion
    state: State
    channel: str
    owner: str
    author: str
    base: ScriptVersion | None
    sides: SideBySide | None
    findings: list[Finding]
    examples: list[tuple[str, str]]  # kind (same | ins | del), question
    trail: list[Step]
    others: list[ScriptVersion]
    count: int
    may: set[str]
    back_to: ScriptVersion | None
    seen: str
    intact: bool
    validity: str = ""
    review: str = ""
    review_due: bool = False
    promised: list[Promise] = field(default_factory=list)  # why it needs two approvers
    missing: str = ""  # who can still approve, when somebody must
    proposed: list[proposals.View] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)


def names(session: Session, ids: Iterable[str | None]) -> dict[str, str]:
    """The names to show for people, and for the pack that has no person behind it."""
    fixed = {PACK_AUTHOR: "初始话术包", PACK_APPROVER: "上线前核准", IMPORT_AUTHOR: "文件导入"}
    return {one: fixed.get(one) or people.staff_name(session, one) for one in set(ids) if one}


def open_script(work: Work, key: str, number: int | None = None) -> Detail:
    """What needs a look first: what waits, then a draft, then what is in force. Raises NotFound."""
    script = store.script(work.session, key)
    versions = store.versions(work.session, key) if script else []
    if script is None or not versions:
        raise NotFound("script_not_found", "没有这条话术，可能编号写错了。请回到话术库再找一次。")
    if number is not None:
        return detail(work, script, versions, service.the_version(work.session, key, number))
    order = (State.IN_REVIEW, State.DRAFT, State.APPROVED, State.EFFECTIVE)
    mine = [v for v in versions if v.state != State.DRAFT or v.author_id in (work.actor.id, IMPORT_AUTHOR)] or versions
    first = min(mine, key=lambda v: (order.index(State(v.state)) if v.state in order else 9, -v.version))
    return detail(work, script, versions, first)


def detail(work: Work, script: Script, versions: Sequence[ScriptVersion], version: ScriptVersion) -> Detail:
    state = State(version.state)
    base = _base(versions, version)
    acts = store.acts(work.session, [version.id])
    who = names(work.session, [script.owner, version.author_id, version.first_approver_id, version.approver_id,
                               *(act.actor_id for act in acts)])
    today = shanghai_date(work.now)
    living = [v for v in versions if v.state in (State.EFFECTIVE, State.IN_REVIEW, State.APPROVED, State.DRAFT)]
    return Detail(
        script=script, version=version, state=state, channel=CHANNELS.get(version.channel, version.channel),
        owner=who.get(script.owner, "系统"), author=who[version.author_id], base=base,
        sides=compare(base.text, version.text) if base else None,
        findings=service.findings(work.session, version) if state in (State.DRAFT, State.IN_REVIEW) else [],
        examples=_examples(base, version), trail=_trail(work, version, acts, who), count=len(versions),
        others=[v for v in living if v.id != version.id], may=_may(work, version),
        back_to=_back_to(work, versions, version), seen=digest_of(version),
        intact=version.digest is None or is_intact(version), validity=_validity(version, work.now),
        history=[_act(act, who, work.now) for act in acts],
        review=zh_day(script.review_on, today, relative=True) if script.review_on else "",
        review_due=script.review_on is not None and script.review_on <= today,
        promised=_promised(version), missing=_missing(work, version),
        proposed=proposals.open_views(work.session, work.now, script.key),
    )


def _promised(version: ScriptVersion) -> list[Promise]:
    """What makes it need two approvers: by the rule as it stands, while somebody can still approve."""
    if version.approvals_needed < promises.NEEDED and version.state not in (State.DRAFT, State.IN_REVIEW):
        return []
    return promises.found_in(promises.spoken_texts(version.text, version.buttons), promises.own_list(organisation()))


def approvers_left(session: Session, version: ScriptVersion) -> list[str]:
    """Names of those who may sign this version: neither its author nor anybody who has."""
    gone = {version.author_id, version.first_approver_id}
    return [staff.display_name for staff, _ in people.everybody(session)
            if staff.active and staff.id not in gone and people.actor_of(session, staff).can(Permission.SCRIPT_APPROVE)]


def _missing(work: Work, version: ScriptVersion) -> str:
    """Who is missing, in a sentence; empty when nobody is waited for or one approver is plenty."""
    if version.state != State.IN_REVIEW or version.approvals_needed < promises.NEEDED:
        return ""
    left = approvers_left(work.session, version)
    still = promises.NEEDED - (version.first_approver_id is not None)
    if len(left) < still:
        return "审批人不够：要两位不同的同事，作者除外。请系统管理员再给一位同事开通审批。"
    return f"还差 {still} 位，可以由{'、'.join(left[:4])}批准"


def _base(versions: Sequence[ScriptVersion], version: ScriptVersion) -> ScriptVersion | None:
    """What to compare with: for words on their way, those in force; else those in force before them."""
    same = [v for v in versions if v.channel == version.channel and v.id != version.id]
    if version.started_at is None:
        return next((v for v in same if v.state == State.EFFECTIVE), None)
    if version.state == State.EFFECTIVE:
        return None
    return max((v for v in same if v.started_at and v.started_at < version.started_at),
               key=lambda v: (v.started_at, v.version), default=None)


def _examples(base: ScriptVersion | None, version: ScriptVersion) -> list[tuple[str, str]]:
    if base is None:
        return [("same", question) for question in version.examples]
    return ([("same" if question in base.examples else "ins", question) for question in version.examples]
            + [("del", question) for question in base.examples if question not in version.examples])


def _may(work: Work, version: ScriptVersion) -> set[str]:
    """The buttons this reader gets: what the table allows and their rights permit."""
    state, actor = State(version.state), work.actor
    own = version.author_id in (actor.id, IMPORT_AUTHOR)
    allowed = set()
    for action, permission, fits in (
        (Action.EDIT, Permission.SCRIPT_WRITE, own),
        (Action.SUBMIT, Permission.SCRIPT_WRITE, own),
        (Action.RECALL, Permission.SCRIPT_WRITE, own),
        (Action.APPROVE, Permission.SCRIPT_APPROVE, not own and version.first_approver_id != actor.id),
        (Action.SEND_BACK, Permission.SCRIPT_APPROVE, not own),
        (Action.REFUSE, Permission.SCRIPT_APPROVE, not own),
        (Action.WITHDRAW, Permission.SCRIPT_WITHDRAW, own or state not in (State.DRAFT, State.IN_REVIEW)),
    ):
        if fits and actor.can(permission) and LIFECYCLE.allows(state, action):
            allowed.add(str(action))
    if actor.can(Permission.SCRIPT_WRITE):
        allowed.add("draft")
    return allowed


def _back_to(work: Work, versions: Sequence[ScriptVersion], version: ScriptVersion) -> ScriptVersion | None:
    """The version to which one click returns: the last one in force before the present one."""
    if not work.actor.can(Permission.SCRIPT_APPROVE):
        return None
    good = [v for v in versions if v.channel == version.channel and service.can_return(v, work.now)]
    return max(good, key=lambda v: (v.ended_at or v.drafted_at, v.version), default=None)


def _validity(version: ScriptVersion, now: datetime) -> str:
    start = zh_datetime(version.effective_from, now, relative=False) if version.effective_from else ""
    end = zh_datetime(version.effective_to, now, relative=False) if version.effective_to else ""
    if start and end:
        return f"{start} 起，到 {end}"
    return f"{start} 起" if start else (f"到 {end}" if end else "长期有效")


def _day(instant: datetime, now: datetime) -> str:
    """10月8日: the trail's columns are narrow, its weekdays tell nothing."""
    return zh_day(shanghai_date(instant), shanghai_date(now), relative=True, weekday=False)


def _when(instant: datetime, now: datetime) -> str:
    return f"{_day(instant, now)} {zh_time(instant)}"


def _trail(work: Work, version: ScriptVersion, acts: Sequence[Any], who: Mapping[str, str]) -> list[Step]:
    """起草 → 提交 → 审批 → 生效, with who, when and why."""
    state, now = State(version.state), work.now
    author = who[version.author_id]
    steps = [Step("起草", "done", [f"{author}，{_day(version.drafted_at, now)}",
                                 f"恢复自 v{version.restores}" if version.restores else version.note or "没写说明"])]
    if state == State.DRAFT:
        lines = [f"上次被退回：{version.refusal}"] if version.refusal else ["写好就提交"]
        return [*steps, Step("提交", "now", lines), Step("审批", "todo", ["由另一位同事"]), Step("生效", "todo", [])]
    if version.submitted_at is None:
        return [*steps, Step(state.zh, "bad", _last(acts, who, now))]
    steps.append(Step("提交", "done", [f"{author}，{_when(version.submitted_at, now)}",
                                     version.note if version.note and not version.restores else "没写说明"]))
    if version.first_approver_id and version.first_approved_at:
        steps.append(Step("第一位审批", "done", [f"{who[version.first_approver_id]}，{_when(version.first_approved_at, now)}",
                                            "批准"]))
    if state == State.IN_REVIEW:
        return [*steps, *_still_to_sign(work, version), Step("生效", "todo", _promise(version, now))]
    if version.approver_id is None or version.approved_at is None:
        return [*steps, Step(state.zh, "bad", _last(acts, who, now))]
    steps.append(Step("第二位审批" if version.first_approver_id else "审批", "done",
                      [f"{who[version.approver_id]}，{_when(version.approved_at, now)}", "批准"]))
    return [*steps, _ending(version, state, acts, who, now)]


def _still_to_sign(work: Work, version: ScriptVersion) -> list[Step]:
    waited = zh_duration(work.now - (version.first_approved_at or version.submitted_at or work.now))
    barred = version.author_id == work.actor.id or not work.actor.can(Permission.SCRIPT_APPROVE)
    first, two = version.first_approver_id, version.approvals_needed > 1
    whom = "等另一位同事" if barred or first == work.actor.id else "等你"
    rule = "不能是作者，也不能是同一人" if two else "作者不能审自己的"
    if not two:
        return [Step("审批", "now", [f"{whom}，已 {waited}", rule])]
    if first:
        return [Step("第二位审批", "now", [f"{whom}，已 {waited}", rule])]
    return [Step("第一位审批", "now", [f"{whom}，已 {waited}", "有价格、退款或赔付承诺"]), Step("第二位审批", "todo", [rule])]


def _promise(version: ScriptVersion, now: datetime) -> list[str]:
    waits = version.effective_from is not None and version.effective_from > now
    first = f"{_when(version.effective_from, now)} 起" if waits and version.effective_from else "批准后 1 秒内"
    return [first, f"至 {_day(version.effective_to, now)}" if version.effective_to else "长期有效"]


def _ending(version: ScriptVersion, state: State, acts: Sequence[Any], who: Mapping[str, str],
            now: datetime) -> Step:
    if state == State.APPROVED:
        return Step("生效", "now", _promise(version, now))
    began = _when(version.started_at, now) if version.started_at else "没有生效过"
    if state == State.EFFECTIVE:
        return Step("生效", "done", [f"{began} 起",
                                   f"至 {_day(version.effective_to, now)}" if version.effective_to else "长期有效"])
    return Step(state.zh, "bad" if state == State.WITHDRAWN else "done", [f"{began} 起", *_last(acts, who, now)])


def _last(acts: Sequence[Any], who: Mapping[str, str], now: datetime) -> list[str]:
    if not acts:
        return []
    act = _act(acts[-1], who, now)
    return ["，".join(filter(None, [act["who"], act["when"]])), act["why"] or act["deed"]]


DEEDS = {
    "script_drafted": "起草", "script_edited": "修改草稿", "script_submitted": "提交审批", "script_recalled": "收回",
    "script_sent_back": "退回修改", "script_refused": "不同意", "script_approved": "批准", "script_approved_first": "批准（第一位）", "script_started": "生效",
    "script_withdrawn": "撤回", "script_expired": "到期",
    "script_proposal_accepted": "采用客服的改动", "script_proposal_declined": "没有采用客服的改动",
    "script_rolled_back": "恢复旧版本", "script_seeded": "随初始话术包上线",
}


def _act(act: Any, who: Mapping[str, str], now: datetime) -> dict[str, Any]:
    why = act.detail.get("reason") or act.detail.get("note") or ""
    deed = DEEDS.get(act.action, act.action)
    if act.action == "script_superseded":
        deed = f"被 v{act.detail.get('by')} 替换"
    # These follow from another act; whoever did that one stands beside it.
    nobody = act.action in ("script_superseded", "script_started", "script_expired", "script_seeded")
    return {"deed": deed, "who": "" if nobody else who.get(act.actor_id, "系统"), "when": zh_datetime(act.at, now),
            "why": why}


# --- history ------------------------------------------------------------------------------------


@dataclass
class History:
    """Every version of a script and the difference between two of them."""

    script: Script
    versions: list[tuple[ScriptVersion, Tag, str, str, list[dict[str, Any]]]]
    before: ScriptVersion | None
    after: ScriptVersion
    sides: SideBySide
    examples: list[tuple[str, str]]
    may_return: set[str]


def history(work: Work, key: str, before: int | None = None, after: int | None = None) -> History:
    """Raises NotFound for a key or a number that is not there."""
    script = store.script(work.session, key)
    versions = store.versions(work.session, key)
    if script is None or not versions:
        raise NotFound("script_not_found", "没有这条话术，可能编号写错了。请回到话术库再找一次。")
    right = service.the_version(work.session, key, after) if after else versions[0]
    if before:
        left: ScriptVersion | None = service.the_version(work.session, key, before)
    else:
        left = next((v for v in versions if v.version < right.version and v.channel == right.channel), None)
    acts = store.acts(work.session, [v.id for v in versions])
    who = names(work.session, [*(v.author_id for v in versions), *(v.approver_id for v in versions),
                               *(act.actor_id for act in acts)])
    rows = [
        (v, tag_of(v, work.now), who[v.author_id], who.get(v.approver_id or "", ""),
         [_act(act, who, work.now) for act in acts if act.subject_id == v.id])
        for v in versions
    ]
    may = ({v.id for v in versions if service.can_return(v, work.now)}
           if work.actor.can(Permission.SCRIPT_APPROVE) else set())
    return History(script=script, versions=rows, before=left, after=right, may_return=may,
                   sides=compare(left.text if left else "", right.text), examples=_examples(left, right))
