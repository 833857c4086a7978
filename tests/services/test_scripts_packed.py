"""Scripts from the pack, out to files and in again."""

import json
from pathlib import Path

import pytest
from sqlmodel import func, select

from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Invalid
from backend.scripts import exchange, service, store
from backend.scripts.rules import State
from backend.scripts.tables import Script, ScriptVersion
from tests.cast import NOW, SHEN_LAN, SU_MIN
from tests.services.script_words import KEY, LATER, published, refused, revision, said

# --- the pack ---


@pytest.fixture
def small_pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack" / "scripts"
    folder.mkdir(parents=True)
    (folder / "ask_invoice.yml").write_text("""
- key: invoice.how_to_issue
  topic: ask_invoice
  title: 发票怎么开
  default: true
  text: 签收后 24 小时内开好。
  examples: [发票怎么开, 开发票]
- {key: invoice.broken, topic: ask_invoice, title: 坏的, text: "密码是 {password}"}
- {key: invoice.silent, topic: ask_invoice, title: 空的, text: ""}
""", encoding="utf-8")
    return folder.parent


def test_seeding_twice_changes_nothing_and_bad_entries_lose_no_good_ones(works: Works, small_pack: Path) -> None:
    with works.begin(SYSTEM, NOW) as work:
        report = service.seed(work, small_pack)
    assert report["added"] == ["invoice.how_to_issue"]
    assert set(report["bad"]) == {"invoice.broken", "invoice.silent"}
    before = revision(works)
    with works.begin(SYSTEM, NOW) as work:
        assert service.seed(work, small_pack)["added"] == []
    assert revision(works) == before
    with works.read(SYSTEM, NOW) as work:
        assert work.session.exec(select(func.count()).select_from(ScriptVersion)).one() == 1
        (version,) = store.versions(work.session, "invoice.how_to_issue")
        assert version.author_id != version.approver_id
        assert work.session.get_one(Script, "invoice.how_to_issue").is_default


def test_a_changed_pack_never_overwrites_words_that_are_in_force(works: Works, small_pack: Path) -> None:
    with works.begin(SYSTEM, NOW) as work:
        service.seed(work, small_pack)
    path = small_pack / "scripts" / "ask_invoice.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("24 小时", "48 小时"), encoding="utf-8")
    with works.begin(SYSTEM, NOW) as work:
        service.seed(work, small_pack)
    assert said(works, "invoice.how_to_issue") == "签收后 24 小时内开好。"


def test_the_whole_demo_pack_can_be_said(works: Works) -> None:
    from backend.settings import settings as house

    if not (house().pack_dir / "scripts").is_dir():
        pytest.skip("no pack")
    with works.begin(SYSTEM, NOW) as work:
        report = service.seed(work, house().pack_dir)
    assert report["bad"] == {}
    assert len(report["added"]) >= 60


# --- in and out ---


@pytest.mark.parametrize("kind", ["json", "xlsx"])
def test_an_exported_library_comes_back_unchanged_and_a_changed_row_becomes_a_draft(works: Works, kind: str) -> None:
    published(works, "=1+1 不是公式。\n第二行。", examples=["改约", "换时间"],
              buttons=[{"title": "投诉", "say": "我要投诉"}, {"title": "转人工", "action": "request_human"}])
    with works.read(SU_MIN, NOW) as work:
        rows = exchange.export_rows(work.session)
    content = exchange.to_json(rows) if kind == "json" else exchange.to_xlsx(rows)
    back = exchange.read_file(f"library.{kind}", content)
    with works.begin(SU_MIN, NOW) as work:
        assert exchange.import_rows(work, back).unchanged == 1
    back[0]["text"] = "新的说法。"
    back += [{"row": 9, "key": "坏编号", "text": "x"}, {"row": 10, "key": "new.one", "text": "没有标题"}]
    with works.begin(SU_MIN, NOW) as work:
        report = exchange.import_rows(work, back)
    assert report.drafted == [KEY]
    assert [(row["row"], row["code"]) for row in report.bad] == [(9, "bad_script_key"), (10, "field_missing")]
    assert said(works) == "=1+1 不是公式。\n第二行。"


def test_a_draft_from_a_file_belongs_to_whoever_takes_it_up_and_another_approves_it(works: Works, tmp_path: Path) -> None:
    path = tmp_path / "library.json"
    service.write_file([{"key": KEY, "title": "重约取件", "topic": "ask_return_exchange", "text": "改约取件的办法。"}], path)
    with works.begin(SYSTEM, NOW) as work:
        report = service.import_file(work, path, "import")
    assert (report["imported"], report["problems"]) == (1, [])
    with works.begin(SHEN_LAN, NOW) as work:
        (version,) = store.versions(work.session, KEY)
        assert service.submit(work, version.id).author_id == "shenlan"

    def approve() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.approve(work, version.id)

    refused("same_person", approve)
    with works.begin(LATER, NOW) as work:
        assert service.approve(work, version.id).state == State.EFFECTIVE


@pytest.mark.parametrize(("name", "content"), [("a.json", b"{"), ("a.xlsx", b"PK not a zip"), ("a.json", b'{"a": 1}'),
                                               ("a.xlsx", b""), ("a.json", json.dumps([1, 2]).encode())])
def test_a_file_that_cannot_be_read_is_a_coded_error(name: str, content: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        exchange.read_file(name, content)
    assert refusal.value.code == "unreadable_file"
