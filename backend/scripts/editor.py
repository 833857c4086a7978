"""The editor's form: from a version to fields, from what was typed to content. What was typed is never lost."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from starlette.datastructures import FormData

from backend.infra.work import Work
from backend.kernel.clock import parse_shanghai, to_shanghai
from backend.kernel.errors import Invalid
from backend.scripts import rules, service, store, wording
from backend.scripts.service import Content
from backend.scripts.tables import Script, ScriptVersion
from backend.web.forms import text_field


def blank() -> dict[str, Any]:
    """A form with nothing in it."""
    empty = {"title": "", "say": "", "action": ""}
    return {"key": "", "title": "", "topic": "ask_logistics", "channel": "any", "text": "", "examples": "", "note": "",
            "source": "", "effective_from": "", "effective_to": "", "seen": "", "owner": "", "tags": "", "review_on": "",
            "question": "", "files": [],
            "buttons": [dict(empty) for _ in range(wording.MAX_BUTTONS)]}


def filled(script: Script, version: ScriptVersion) -> dict[str, Any]:
    """A version as the form shows it."""
    form = blank()
    for slot, button in zip(form["buttons"], version.buttons, strict=False):
        slot.update({name: str(value) for name, value in button.items()})
    return form | {
        "key": script.key, "title": script.title, "topic": script.topic, "source": script.source,
        "channel": version.channel, "text": version.text, "examples": "\n".join(version.examples),
        "note": version.note, "effective_from": _local(version.effective_from),
        "effective_to": _local(version.effective_to), "seen": service.digest_of(version), "owner": script.owner,
        "tags": "、".join(script.tags), "review_on": script.review_on.isoformat() if script.review_on else "",
        "files": [dict(file) for file in version.attachments],
    }


def _local(value: datetime | None) -> str:
    """As the browser's date field wants it, Shanghai time."""
    return f"{to_shanghai(value):%Y-%m-%dT%H:%M}" if value else ""


def typed(form: FormData) -> dict[str, Any]:
    """What stands in the form, kept as typed: after an error it goes back to the screen unchanged."""
    given = blank()
    for name in ("key", "title", "topic", "channel", "text", "examples", "note", "source", "effective_from",
                 "effective_to", "seen", "owner", "tags", "review_on", "question"):
        value = form.get(name)
        if isinstance(value, str):
            given[name] = value
    for number, slot in enumerate(given["buttons"]):
        does = str(form.get(f"b{number}_does", "say"))
        slot.update(title=str(form.get(f"b{number}_title", "")), say=str(form.get(f"b{number}_say", "")),
                    action="" if does == "say" else does)
    # Only ids and names come back; what a version keeps is read from the store.
    given["files"] = [{"id": file_id, "name": str(form.get(f"file_name_{file_id}", "附件"))}
                      for file_id in form.getlist("file") if isinstance(file_id, str) and file_id]
    return given


def _button(slot: Mapping[str, str]) -> dict[str, str]:
    title = slot["title"].strip()
    if slot["action"]:
        return {"title": title, "action": slot["action"]}
    return {"title": title, "say": slot["say"].strip() or title}


def _buttons(typed: Mapping[str, Any]) -> list[dict[str, str]]:
    return [_button(slot) for slot in typed["buttons"] if slot["title"].strip() or slot["say"].strip()]


def content(typed: Mapping[str, Any], form: FormData) -> Content:
    """Raises Invalid, with the field, for what cannot be read."""
    text_field(form, "text", required="请写内容。")
    return Content(
        text=typed["text"], buttons=_buttons(typed), examples=typed["examples"].splitlines(), channel=typed["channel"],
        note=typed["note"], topic=typed["topic"], title=typed["title"], source=typed["source"],
        effective_from=_instant(typed, "effective_from"), effective_to=_instant(typed, "effective_to"),
        attachments=[file["id"] for file in typed["files"]], owner=typed["owner"].strip() or None,
        # A form without the field (a browser sends none that is locked) says nothing about it.
        tags=tags_of(typed["tags"]) if "tags" in form else None, review_on=day(typed["review_on"], "review_on"),
        review_given="review_on" in form,
    )


def tags_of(text: str) -> list[str]:
    """Tags as people type them: apart by commas, 、 or blanks."""
    return [tag for tag in re.split(r"[、，,;；\s]+", text) if tag]


def day(raw: str, name: str) -> date | None:
    """A day from a date field. Raises Invalid (`bad_day`), with the field."""
    if not raw.strip():
        return None
    try:
        return date.fromisoformat(raw.strip())
    except ValueError as error:
        raise Invalid("bad_day", "日期没写对，例如 2027-03-31。", fields={name: "例如 2027-03-31"}) from error


def _instant(typed: Mapping[str, Any], name: str) -> datetime | None:
    raw = typed[name].strip()
    if not raw:
        return None
    try:
        return parse_shanghai(raw)
    except ValueError as error:
        raise Invalid("bad_time", "时间没写对，例如 2026-10-12 18:00。",
                      fields={name: "例如 2026-10-12 18:00"}) from error


def preview(work: Work, typed: Mapping[str, Any]) -> dict[str, Any]:
    """How the words on the screen would look, and what every check says of them."""
    text = wording.clean_text(typed["text"])
    buttons = _buttons(typed)
    examples = wording.clean_examples(typed["examples"].splitlines())
    current = next((one.text for one in store.effective(work.session, typed["key"], (typed["channel"],))), None)
    values = {name: f"{{{name}}}" for name in rules.variables_in(text)} | wording.sample_values(service.house_values())
    return {
        "text": rules.render(text, values), "buttons": buttons, "chars": len(text), "files": typed["files"],
        # An empty page is a beginning, not a mistake.
        "findings": service.check(work.session, typed["key"], text, buttons, examples, typed["channel"], current)
        if text else [],
    }
