"""Laws of the house that import-linter's layers cannot say."""

import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("backend")


def test_outsiders_use_a_rooms_service_and_events_never_its_tables_or_store(graph: grimp.ImportGraph) -> None:
    trespassers = []
    for module in graph.modules:
        parts = module.split(".")
        if len(parts) == 3 and parts[2] in ("tables", "store") and parts[1] not in ("infra",):
            trespassers += [f"{importer} imports {module}" for importer in graph.find_modules_that_directly_import(module)
                            if importer.split(".")[1] not in (parts[1], "dashboards")]
    assert trespassers == []


def test_only_the_settings_read_the_environment() -> None:
    readers = [str(path.relative_to(ROOT)) for path in (ROOT / "backend").rglob("*.py")
               if re.search(r"os\.(environ|getenv)", path.read_text(encoding="utf-8"))]
    assert readers == ["backend/settings.py"]


def test_only_the_unit_of_work_commits() -> None:
    # The migrations' own connection is not a business transaction.
    allowed = {"backend/infra/work.py", "backend/infra/schema.py", "backend/migrations/env.py"}
    committers = {str(path.relative_to(ROOT)) for path in (ROOT / "backend").rglob("*.py")
                  if re.search(r"\.commit\(\)", path.read_text(encoding="utf-8"))}
    assert committers <= allowed


def test_the_clock_is_read_only_at_the_edges() -> None:
    readers = {str(path.relative_to(ROOT)) for path in (ROOT / "backend").rglob("*.py")
               if re.search(r"utc_now\(\)|datetime\.now\(|date\.today\(|time\.time\(\)", path.read_text(encoding="utf-8"))}
    services = {name for name in readers if re.search(r"/(service|store|rules|events|tables)\.py$", name)}
    assert services <= {"backend/people/service.py"}, "a service takes its now from the work"


def test_pages_carry_no_inline_style_or_script() -> None:
    wrong = []
    for path in (ROOT / "backend" / "web" / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for pattern in (r"\sstyle=\"", r"<style", r"\son[a-z]+=\"", r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>"):
            wrong += [f"{path.name}: {found.group(0)}" for found in re.finditer(pattern, text)]
    assert wrong == []


def test_no_colour_is_decided_outside_the_token_file() -> None:
    static = ROOT / "backend" / "web" / "static"
    wrong = []
    for path in static.rglob("*.css"):
        if path.name == "tokens.css" or "vendor" in path.parts:
            continue
        text = re.sub(r"url\([^)]*\)", "", path.read_text(encoding="utf-8"))
        wrong += [f"{path.name}: {found}" for found in re.findall(r"#[0-9A-Fa-f]{3,8}\b(?=[\s;,)])", text)
                  if found.lower() not in ("#000", "#fff")]
    assert wrong == []


def test_no_page_asks_a_third_party_for_anything() -> None:
    wrong = []
    for folder in ("templates", "static"):
        for path in (ROOT / "backend" / "web" / folder).rglob("*"):
            if path.suffix in (".html", ".css", ".js") and "vendor" not in path.parts:
                text = path.read_text(encoding="utf-8").replace("http://www.w3.org", "")
                wrong += [f"{path.name}: {found}" for found in re.findall(r"(?:src|href|url)\W{1,3}(?:https?:)?//[^\s\"')]+", text)]
    assert wrong == []


def test_lock_files_carry_no_addresses() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text(encoding="utf-8"), lock.name
