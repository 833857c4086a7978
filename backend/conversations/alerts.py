"""What staff must know now: raised once a kind and subject, counted while it lasts, resolved by itself or by hand."""

from collections.abc import Sequence

from sqlmodel import Session

from backend.conversations import store
from backend.conversations.tables import Alert
from backend.infra.work import Work
from backend.kernel.errors import NotFound
from backend.kernel.ids import new_id


def raise_alert(work: Work, kind: str, subject: str, detail: str = "") -> None:
    """Tell staff. A second alert of the same kind and subject counts up the open one."""
    work.flush()
    store.count_alert(work.session, Alert(id=new_id(), kind=kind, subject=subject, detail=detail[:300],
                                          first_at=work.now, last_at=work.now))
    work.hint("alerts")


def is_open(session: Session, kind: str, subject: str) -> bool:
    """Whether staff have been told and nobody has dealt with it yet."""
    return store.open_alert(session, kind, subject) is not None


def resolve(work: Work, kind: str, subject: str) -> None:
    """The trouble is over (or somebody has seen it)."""
    known = store.open_alert(work.session, kind, subject)
    if known is not None:
        known.resolved_at = work.now
        work.session.add(known)
        work.hint("alerts")


def finish(work: Work, alert_id: str) -> None:
    """Somebody has dealt with it; doing it twice is harmless. Raises NotFound."""
    known = work.session.get(Alert, alert_id)
    if known is None:
        raise NotFound("alert_not_found", "没有找到这条提醒，可能已经处理过。")
    if known.resolved_at is None:
        known.resolved_at = work.now
        work.session.add(known)
        work.journal("alert_resolved", "alert", known.id, kind=known.kind)
        work.hint("alerts")


TITLES = {"bot": "机器人答不上", "script_missing": "话术缺失",
          "complaint_major": "重大投诉", "complaint_plan_late": "重大投诉进展没报", "complaint_burst": "同类投诉集中",
          "callback_due": "回电快到时间", "callback_overdue": "回电已经过时",
          "mail_parked": "信还没有发出", "mail_late": "信发得不顺", "mail_failed": "信没有发到"}


def title_of(kind: str) -> str:
    """What an alert is about, in two words."""
    return TITLES.get(kind, "系统提醒")


def still_open(session: Session) -> Sequence[Alert]:
    """What nobody has dealt with yet, the newest first."""
    return store.open_alerts(session)
