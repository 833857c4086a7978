"""The library as a file: out as JSON or xlsx, in as drafts. One bad row is reported; the good ones are not lost."""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from sqlmodel import Session

from backend.infra.work import Work
from backend.kernel.clock import parse_shanghai, to_shanghai
from backend.kernel.errors import Invalid, ZhikeError
from backend.people import service as people
from backend.scripts import store, wording
from backend.scripts.drafting import Content, clean_tags, draft
from backend.scripts.rules import IMPORT_AUTHOR, PACK_AUTHOR, State
from backend.scripts.tables import Script

# Column headings of the sheet, and the field that each holds.
COLUMNS = {
    "编号": "key", "主题": "topic", "标题": "title", "渠道": "channel", "内容": "text",
    "示例问法（一行一句）": "examples", "按钮（一行一个：文字=说的话，或 文字=>动作）": "buttons",
    "来源": "source", "说明": "note", "负责人": "owner", "标签": "tags", "下次复审": "review_on",
    "生效时间": "effective_from", "到期时间": "effective_to", "附件（库里的文件名）": "attachments",
}
MAX_ROWS = 10_000


@dataclass
class ImportReport:
    """What became of each row; row numbers are those of the sheet (the heading is row 1)."""

    drafted: list[str] = field(default_factory=list)
    unchanged: int = 0
    bad: list[dict[str, Any]] = field(default_factory=list)


def export_rows(session: Session) -> list[dict[str, Any]]:
    """Every effective version."""
    return [
        {"key": version.key, "topic": script.topic, "title": script.title, "channel": version.channel,
         "version": version.version, "text": version.text, "examples": version.examples, "buttons": version.buttons,
         "source": script.source, "note": version.note, "owner": script.owner, "tags": script.tags,
         "review_on": script.review_on.isoformat() if script.review_on else "",
         "effective_from": _local(version.effective_from), "effective_to": _local(version.effective_to),
         "attachments": [{"name": file["name"], "sha256": file["sha256"]} for file in version.attachments],
         "hash": version.digest}
        for version, script in store.effective_set(session)
    ]


def _local(value: datetime | None) -> str:
    """Shanghai time, as people type it."""
    return f"{to_shanghai(value):%Y-%m-%d %H:%M}" if value else ""


def to_json(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return json.dumps({"scripts": [dict(row) for row in rows]}, ensure_ascii=False, indent=1).encode()


def to_xlsx(rows: Iterable[Mapping[str, Any]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "话术"
    sheet.append(list(COLUMNS))
    for row in rows:
        sheet.append([_cell(row, name) for name in COLUMNS.values()])
    # A text that begins with "=" is text, not a formula.
    for line in sheet.iter_rows(min_row=2):
        for cell in line:
            cell.data_type = "s"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(row: Mapping[str, Any], name: str) -> str:
    if name == "examples":
        return "\n".join(row.get("examples") or [])
    if name == "buttons":
        return "\n".join(button_line(button) for button in row.get("buttons") or [])
    if name == "tags":
        return "、".join(row.get("tags") or [])
    if name == "attachments":
        # The proof goes along, so that of two files with one name the right one comes back.
        return "\n".join(f"{file['name']} {file['sha256']}" for file in row.get("attachments") or [])
    return str(row.get(name) or "")


def button_line(button: Mapping[str, Any]) -> str:
    """A button as one line of text: 登记投诉=我要投诉, or 转人工=>request_human."""
    if button.get("action"):
        return f"{button['title']}=>{button['action']}"
    return f"{button['title']}={button.get('say', '')}"


def button_of(line: str) -> dict[str, str]:
    """The reverse of `button_line`; a line without = is a button that says its own title."""
    title, sign, rest = line.partition("=")
    if rest.startswith(">"):
        return {"title": title.strip(), "action": rest[1:].strip()}
    return {"title": title.strip(), "say": rest.strip() if sign else title.strip()}


def read_file(name: str, content: bytes) -> list[dict[str, Any]]:
    """Rows of an xlsx or JSON file, as drafts need them. Raises Invalid (`unreadable_file`, `wrong_columns`)."""
    try:
        rows = _from_json(content) if name.lower().endswith(".json") else _from_xlsx(content)
    except ZhikeError:
        raise
    except (InvalidFileException, ValueError, KeyError, OSError, TypeError, AttributeError) as error:
        raise Invalid("unreadable_file", "文件读不出来，请用本页导出的 xlsx 或 JSON 格式。") from error
    if len(rows) > MAX_ROWS:
        raise Invalid("too_many_rows", f"有 {len(rows)} 行，一次最多 {MAX_ROWS} 行，请分几次导入。")
    return rows


def _from_json(content: bytes) -> list[dict[str, Any]]:
    data = json.loads(content)
    rows = data["scripts"] if isinstance(data, dict) else data
    return [dict(row, row=number) for number, row in enumerate(rows, start=1)]


def _from_xlsx(content: bytes) -> list[dict[str, Any]]:
    # A workbook is a zip archive; anything else fails here with an exception of the zip library.
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError("not a workbook")
    sheet = load_workbook(io.BytesIO(content), read_only=True, data_only=True).active
    assert sheet is not None
    lines = sheet.iter_rows(values_only=True)
    heads = [str(head or "").strip() for head in next(lines, ())]
    fields = [COLUMNS.get(head) for head in heads]
    if "key" not in fields or "text" not in fields:
        raise Invalid("wrong_columns", "第一行要有「编号」和「内容」两列。先导出一份，照它的样子填。")
    rows = []
    for number, line in enumerate(lines, start=2):
        row: dict[str, Any] = {name: str(value if value is not None else "")
                               for name, value in zip(fields, line, strict=False) if name}
        if not any(row.values()):
            continue
        row["examples"] = row.get("examples", "").splitlines()
        row["buttons"] = [button_of(text) for text in row.get("buttons", "").splitlines() if text.strip()]
        row["tags"] = re.split(r"[、，,;；\s]+", row["tags"].strip()) if row.get("tags", "").strip() else []
        row["attachments"] = [_file_line(text) for text in row.get("attachments", "").splitlines() if text.strip()]
        # A column that is not there says nothing; an empty cell says "none".
        row = {name: value for name, value in row.items() if name in fields or value}
        rows.append(row | {"row": number})
    return rows


def _file_line(line: str) -> dict[str, str]:
    name, _, proof = line.strip().rpartition(" ")
    return {"name": name, "sha256": proof} if re.fullmatch(r"[0-9a-f]{64}", proof) else {"name": line.strip()}


def write_file(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """In the format that the file's name asks for."""
    path.write_bytes(to_json(rows) if path.suffix.lower() == ".json" else to_xlsx(rows))


def import_file(work: Work, path: Path, author_id: str) -> dict[str, Any]:
    """A file from the command line: ``{"imported", "unchanged", "keys", "problems": [{"row", "key", "reason"}]}``."""
    if not path.is_file():
        raise Invalid("file_missing", f"没有这个文件：{path}。")
    report = import_rows(work, read_file(path.name, path.read_bytes()), author_id)
    return {"imported": len(report.drafted), "unchanged": report.unchanged, "keys": report.drafted,
            "problems": report.bad}


def import_rows(work: Work, rows: Iterable[Mapping[str, Any]], author_id: str | None = None) -> ImportReport:
    """Turn rows into drafts. Rows whose words are in force already are left alone."""
    report = ImportReport()
    for row in rows:
        key = str(row.get("key") or "").strip()
        try:
            content = _content(work.session, row)
            if _same_as_now(work.session, key, content):
                report.unchanged += 1
                continue
            # A savepoint, so that a row that fails half-way leaves nothing behind.
            with work.session.begin_nested():
                draft(work, key, content, author_id)
            report.drafted.append(key)
        except ZhikeError as error:
            report.bad.append({"row": row.get("row"), "key": key, "code": error.code, "reason": error.message})
        except (TypeError, ValueError, AttributeError):
            report.bad.append({"row": row.get("row"), "key": key, "code": "bad_row", "reason": "这一行的格式不对。"})
    work.journal("scripts_imported", "script_library", "library", drafted=len(report.drafted), bad=len(report.bad),
                 unchanged=report.unchanged)
    return report


def _content(session: Session, row: Mapping[str, Any]) -> Content:
    """What a row asks for. Raises Invalid, the reason in words."""
    text = str(row.get("text") or "")
    if not text.strip():
        raise Invalid("field_missing", "内容是空的。", fields={"text": "不能为空"})
    if len(text) > 5000:
        raise Invalid("field_too_long", "内容超过 5,000 字。", fields={"text": "太长了"})
    return Content(
        text=text, buttons=[dict(button) for button in row.get("buttons") or []],
        examples=[str(line) for line in row.get("examples") or []], channel=str(row.get("channel") or "any"),
        note=str(row.get("note") or "导入"), topic=str(row.get("topic") or "") or None,
        title=str(row.get("title") or "") or None, source=str(row.get("source") or "") or None,
        owner=_owner(session, str(row.get("key") or "").strip(), str(row.get("owner") or "").strip()),
        tags=[str(tag) for tag in row["tags"]] if "tags" in row else None,
        review_on=_day(row.get("review_on")), review_given="review_on" in row,
        effective_from=_time(row.get("effective_from"), "生效时间"), effective_to=_time(row.get("effective_to"), "到期时间"),
        attachments=[_file(session, file) for file in row.get("attachments") or []],
    )


def _owner(session: Session, key: str, name: str) -> str | None:
    """By log-in name or by the name that people see; None for whoever answers for it already."""
    script = store.script(session, key)
    if not name or name in (PACK_AUTHOR, IMPORT_AUTHOR) or (script is not None and name == script.owner):
        return None
    fitting = [staff.id for staff, _ in people.everybody(session)
               if staff.active and name in (staff.id, staff.username, staff.display_name)]
    if len(fitting) != 1:
        raise Invalid("no_such_owner", f"负责人「{name}」不在同事名单里。" if not fitting
                      else f"叫「{name}」的不止一位，请写登录名。", fields={"owner": "请写登录名"})
    return fitting[0]


def _day(value: Any) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(str(value).strip()[:10])
    except ValueError as error:
        raise Invalid("bad_day", f"下次复审「{value}」不是日期，例如 2027-03-31。", fields={"review_on": "例如 2027-03-31"}) from error


def _time(value: Any, what: str) -> datetime | None:
    if not value:
        return None
    try:
        return parse_shanghai(str(value).strip())
    except ValueError as error:
        raise Invalid("bad_time", f"{what}「{value}」没写对，例如 2026-10-12 18:00。", fields={}) from error


def _file(session: Session, file: Mapping[str, Any]) -> str:
    """A file that the library already has: words cannot bring bytes along."""
    found = store.file_by_hash(session, str(file.get("sha256"))) if file.get("sha256") else None
    if found is None and not file.get("sha256"):
        named = store.files_named(session, str(file.get("name") or ""))
        found = named[0] if len(named) == 1 else None
    if found is None:
        raise Invalid("no_such_file", f"附件「{file.get('name')}」不在库里，请导入后到编辑页添加。", fields={"attachments": "不在库里"})
    return found.id


def _same_as_now(session: Session, key: str, content: Content) -> bool:
    """Words, validity and what belongs to the script are all as they stand."""
    script = store.script(session, key)
    if script is None or not _details_as_now(script, content):
        return False
    return any(
        version.state == State.EFFECTIVE and version.text == wording.clean_text(content.text)
        and version.buttons == wording.clean_buttons(content.buttons)
        and version.examples == wording.clean_examples(content.examples)
        and [file["id"] for file in version.attachments] == list(content.attachments)
        and _local(version.effective_from) == _local(content.effective_from)
        and _local(version.effective_to) == _local(content.effective_to)
        for version in store.effective(session, key, (content.channel,))
    )


def _details_as_now(script: Script, content: Content) -> bool:
    return (
        content.owner in (None, script.owner) and (content.tags is None or clean_tags(content.tags) == script.tags)
        and (not content.review_given or content.review_on == script.review_on)
        and content.source in (None, script.source)
    )
