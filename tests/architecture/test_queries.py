"""A query for one row asks for one row: SQLAlchemy reads every row of an answer before first() gives one."""

import ast
from pathlib import Path

BACKEND = Path(__file__).resolve().parents[2] / "backend"


def _calls(node: ast.AST) -> set[str]:
    return {call.func.attr for call in ast.walk(node) if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)}


def ordered_without_limit(source: str) -> list[int]:
    """Lines of `….order_by(…)….first()` in one expression that never says how many rows it wants."""
    found = []
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "first":
            names = _calls(call.func.value)
            if "order_by" in names and "limit" not in names:
                found.append(call.lineno)
    return found


def test_the_search_finds_what_it_looks_for() -> None:
    assert ordered_without_limit("s.exec(select(A).order_by(A.x)).first()") == [1]
    assert ordered_without_limit("s.exec(select(A).order_by(A.x).limit(1)).first()") == []
    assert ordered_without_limit("s.exec(select(A).where(A.id == 1)).first()") == []


def test_the_newest_row_is_asked_for_alone() -> None:
    found = {str(path.relative_to(BACKEND)): lines for path in sorted(BACKEND.rglob("*.py"))
             if (lines := ordered_without_limit(path.read_text(encoding="utf-8")))}
    assert not found, f"add .limit(1): {found}"
