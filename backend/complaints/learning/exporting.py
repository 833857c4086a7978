"""Complaints as files, by the same filter as the page: masked by role, harmless in a spreadsheet, journalled."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import Any

from openpyxl import Workbook
from sqlmodel import Session

from backend.complaints.learning import selecting, store
from backend.complaints.learning.names import name_of
from backend.complaints.rules import Outcome, Stage
from backend.complaints.rules.asking import Ask
from backend.complaints.rules.learning import NOTHING, Case, unknown
from backend.complaints.tables import Complaint
from backend.infra.work import Work
from backend.kernel.actors import Actor, Permission, Role
from backend.kernel.clock import to_shanghai
from backend.kernel.errors import Invalid
from backend.kernel.masking import mask_contact, mask_text
from backend.people import service as people

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MOST_SHEET = 1_048_575  # rows that a sheet holds under its heading
KEPT_IN_MEMORY = 4 * 1024 * 1024
HEAD = (
    "编号",
    "登记时间",
    "结案时间",
    "阶段",
    "渠道",
    "类别",
    "根因",
    "责任部门",
    "商品",
    "严重程度",
    "严重程度得分",
    "处理结论",
    "补偿成本（元）",
    "处理天数",
    "重复发生",
    "催办次数",
    "投诉前的话术",
    "订单号",
    "联系方式",
    "投诉内容",
    "诉求",
    "负责人",
)

# What spreadsheets take for the beginning of a formula, full-width signs included.
_FORMULA = re.compile(r"^[\s]*[=+\-@＝＋－＠\t\r\n|%]")
# What XML, and so a workbook, cannot hold.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def safe(value: Any) -> Any:
    """A text that would run as a formula is shown instead; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    plain = _CONTROL.sub("", value)
    return f"'{plain}" if _FORMULA.match(plain) else plain


def sees_words(actor: Actor) -> bool:
    """Who handles complaints gets the customer's words as the page shows them. Whoever supervises or audits needs
    the pattern, not the person: numbers, addresses and cards in the words are masked."""
    return actor.can(Permission.COMPLAINT_HANDLE) and not actor.roles & {Role.MANAGER, Role.AUDITOR}


def begin(work: Work, asked: Ask, form: str) -> tuple[list[Case], set[str]]:
    """The cases of a file, and the journal's line that says who took what.

    Raises Forbidden, Invalid (``unknown_code``, ``too_many_rows``).
    """
    work.actor.require(Permission.COMPLAINT_READ)
    if form not in FORMATS:
        raise unknown("format", "只能导出 CSV 或 xlsx。")
    cases, again = selecting.selected(work.session, asked, work.now)
    if form == "xlsx" and len(cases) > MOST_SHEET:
        raise Invalid("too_many_rows", f"有 {len(cases):,} 件，超出一张表的容量。请缩短时间，或导出 CSV。")
    work.journal(
        "complaints_exported",
        "complaint_export",
        asked.scope()[:32],
        query=asked.as_dict(),
        format=form,
        rows=len(cases),
        masked=not sees_words(work.actor),
    )
    return cases, again


def rows(session: Session, cases: list[Case], again: set[str], actor: Actor) -> Iterator[list[Any]]:
    """The cells of each case, a slice of the database at a time."""
    open_words = sees_words(actor)
    counted = {one.id: one for one in cases}
    names: dict[tuple[str, str], str] = {}

    def named(dimension: str, key: str | None) -> str:
        if not key or key == NOTHING:
            return ""
        if (dimension, key) not in names:
            names[dimension, key] = (
                people.staff_name(session, key) if dimension == "owner" else name_of(session, dimension, key, long=True)
            )
        return names[dimension, key]

    for batch in store.in_slices(session, list(counted)):
        for one in batch:
            yield _cells(one, counted[one.id], one.id in again, open_words, named)


def _cells(one: Complaint, case: Case, again: bool, open_words: bool, named: Any) -> list[Any]:
    words = (one.description, one.remedy) if open_words else (mask_text(one.description), mask_text(one.remedy))
    return [
        one.number,
        _time(one.filed_at),
        _time(one.closed_at),
        Stage(one.stage).zh,
        named("channel", case.channel),
        named("category", case.category),
        named("cause", case.cause),
        named("unit", case.unit),
        case.product or "",
        named("level", case.level),
        case.score if case.score is not None else "",
        Outcome(one.outcome).zh if one.outcome else "",
        case.cost / 100 if case.cost is not None else "",
        round(selecting.days_taken(case), 2) if case.closed_at else "",
        "是" if again else "否",
        one.urged,
        named("script", case.script),
        one.order_no or "",
        mask_contact(one.contact_kind, one.contact),
        *words,
        named("owner", one.owner_id),
    ]


def _time(at: datetime | None) -> str:
    return f"{to_shanghai(at):%Y-%m-%d %H:%M}" if at else ""


def as_csv(lines: Iterator[list[Any]]) -> Iterator[bytes]:
    """With a byte order mark, so that a spreadsheet reads Chinese as it is meant."""
    out = io.StringIO()
    writer = csv.writer(out)
    out.write("\ufeff")
    writer.writerow(HEAD)
    for count, line in enumerate(lines, start=1):
        writer.writerow([safe(cell) for cell in line])
        if count % 200 == 0:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def as_xlsx(lines: Iterator[list[Any]]) -> Iterator[bytes]:
    """Written a row at a time to a file that leaves memory when it grows, then sent in pieces."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("投诉")
    sheet.freeze_panes = "A2"
    sheet.append(list(HEAD))
    for line in lines:
        sheet.append([safe(cell) for cell in line])
    with SpooledTemporaryFile(max_size=KEPT_IN_MEMORY) as file:
        book.save(file)
        file.seek(0)
        while piece := file.read(64 * 1024):
            yield piece
