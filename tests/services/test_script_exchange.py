"""A library goes out and comes back with all that belongs to it; each bad row is named, no good one is lost."""

from datetime import date
from typing import Any

import pytest

from backend.infra.work import Works
from backend.scripts import attachments, exchange, service, store
from backend.scripts.exchange import ImportReport
from backend.scripts.tables import Script
from tests.cast import NOW, SU_MIN
from tests.services.script_house import KEY, approved, staffed, submitted

PDF = b"%PDF-1.7 " + b"0" * 30


def full(works: Works) -> str:
    """A published script with everything that a script can have."""
    staffed(works)
    with works.begin(SU_MIN, NOW) as work:
        file_id = attachments.add(work, "说明 书.pdf", PDF).id
    version_id = submitted(works, "照图安装就行。", attachments=[file_id], tags=["大件", "安装"], review_on=date(2027, 3, 31),
                           review_given=True, owner="shenlan", source="安装规定", examples=["怎么装"],
                           effective_to=NOW.replace(year=2027))
    approved(works, version_id)
    return version_id


def imported(works: Works, rows: list[dict[str, Any]]) -> ImportReport:
    with works.begin(SU_MIN, NOW) as work:
        return exchange.import_rows(work, rows)


@pytest.mark.parametrize("kind", ["json", "xlsx"])
def test_everything_that_belongs_to_a_script_comes_back_unchanged(works: Works, kind: str) -> None:
    full(works)
    with works.read(SU_MIN, NOW) as work:
        rows = exchange.export_rows(work.session)
    content = exchange.to_json(rows) if kind == "json" else exchange.to_xlsx(rows)
    back = exchange.read_file(f"x.{kind}", content)
    report = imported(works, back)
    assert (report.unchanged, report.drafted, report.bad) == (1, [], [])
    assert back[0]["tags"] == ["大件", "安装"] and str(back[0]["review_on"]).startswith("2027-03-31")
    assert back[0]["attachments"][0]["name"] == "说明 书.pdf"


def test_a_changed_detail_is_a_change(works: Works) -> None:
    full(works)
    with works.read(SU_MIN, NOW) as work:
        (row,) = exchange.export_rows(work.session)
    report = imported(works, [row | {"tags": ["大件"], "review_on": "2027-06-30", "owner": "苏敏"}])
    assert report.drafted == [KEY]
    with works.read(SU_MIN, NOW) as work:
        script = work.session.get_one(Script, KEY)
        assert (script.tags, script.review_on, script.owner) == (["大件"], date(2027, 6, 30), "sumin")
        assert store.versions(work.session, KEY)[0].attachments[0]["name"] == "说明 书.pdf"


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"owner": "查无此人"}, "no_such_owner", "查无此人"), ({"review_on": "明年"}, "bad_day", "明年"),
    ({"effective_to": "月底"}, "bad_time", "到期时间"), ({"attachments": [{"name": "没有.pdf"}]}, "no_such_file", "没有.pdf"),
    ({"tags": [str(number) for number in range(9)]}, "too_many_tags", "标签"), ({"text": ""}, "field_missing", "内容"),
    ({"channel": "fax"}, "unknown_channel", "渠道"), ({"key": "坏"}, "bad_script_key", "编号"),
]


def test_every_bad_row_is_named_with_its_reason_and_the_good_ones_are_drafted(works: Works) -> None:
    staffed(works)
    row = {"key": "good.one", "topic": "ask_logistics", "title": "好的一行", "text": "好的。"}
    rows: list[dict[str, Any]] = [{**row, **change, "key": change.get("key", f"bad.n{number}"), "row": number}
                                  for number, (change, _, _) in enumerate(BAD)]
    report = imported(works, [rows[0], row, *rows[1:], row | {"key": "good.two"}])
    assert report.drafted == ["good.one", "good.two"]
    assert [(one["row"], one["code"]) for one in report.bad] == [(number, code) for number, (_, code, _) in enumerate(BAD)]
    for one, (_, _, words) in zip(report.bad, BAD, strict=True):
        assert words in one["reason"], one
    with works.read(SU_MIN, NOW) as work:
        assert store.keys(work.session) == {"good.one", "good.two"}, "a row that fails leaves nothing behind"
        assert all(service.get(work.session, version.id).state == "draft" for version in store.living(work.session))
