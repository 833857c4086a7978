"""Full-text search in Chinese over words that stay encrypted: an index of keyed tokens, nothing readable in it.

Texts are cut into words (jieba, without guessing new ones, so that a question is cut as the text was), and
each word is replaced by a keyed hash before it reaches the database: SQLite's FTS5 and PostgreSQL's tsvector
index the hashes alike. What that hides and what it does not: docs/decisions/0009-search-by-blind-tokens.md.
"""

import logging
import re
import unicodedata
from collections.abc import Iterable

import jieba
from sqlalchemy import Connection, TextClause, UniqueConstraint, bindparam, text
from sqlmodel import Field, Session, SQLModel

from backend.infra.db import blind_index

jieba.setLogLevel(logging.WARNING)

# 60 bits: among a million different words two share a token once in a million installations.
TOKEN_CHARS = 15
MOST_TOKENS = 12  # of a question; more narrows nothing

_RUN = re.compile(r"[0-9a-z]+|[㐀-䶿一-鿿]+")


class SearchDoc(SQLModel, table=True):
    """What was indexed: the number under which the index knows a subject."""

    __tablename__ = "search_docs"
    __table_args__ = (UniqueConstraint("scope", "subject_id"),)

    id: int | None = Field(default=None, primary_key=True)
    scope: str = Field(max_length=24)
    subject_id: str = Field(max_length=32)


# Kept by this module's own statements, not by the ORM: alembic must not take them for strangers.
INDEX = "search_index"


def is_ours(table: str | None) -> bool:
    """Whether a table is this index or one of the shadow tables that FTS5 keeps for it."""
    return table is not None and table.startswith(INDEX)


def create(connection: Connection) -> None:
    """The index itself, in the dialect's own kind. Called by the migration."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("CREATE TABLE search_index (doc_id INTEGER PRIMARY KEY REFERENCES search_docs (id)"
                                " ON DELETE CASCADE, tokens TSVECTOR NOT NULL)"))
        connection.execute(text("CREATE INDEX ix_search_index_tokens ON search_index USING GIN (tokens)"))
    else:
        connection.execute(text("CREATE VIRTUAL TABLE search_index USING fts5(tokens, detail=none)"))


def drop(connection: Connection) -> None:
    connection.execute(text("DROP TABLE search_index"))


# --- words ----------------------------------------------------------------------------------------


def words(raw: str) -> set[str]:
    """The searchable words of a text: Chinese words of two characters and more with the words inside them,
    numbers and Latin letters as they stand. Characters that belong to no word are taken in pairs (names)."""
    found: set[str] = set()
    for run in _RUN.findall(unicodedata.normalize("NFKC", raw).lower()):
        if run[0].isascii():
            found.add(run)
            continue
        loose = ""
        for word in jieba.cut_for_search(run, HMM=False):
            if len(word) == 1:
                loose += word
                continue
            found.add(word)
            found |= _pairs(loose)
            loose = ""
        found |= _pairs(loose)
    return found


def _pairs(loose: str) -> set[str]:
    return {loose[i : i + 2] for i in range(len(loose) - 1)}


def blind(scope: str, word: str) -> str:
    """The keyed token of a word. It begins with a letter, so that both indexes take it as one word."""
    return "t" + blind_index(f"search:{scope}", word)[:TOKEN_CHARS]


# --- writing --------------------------------------------------------------------------------------


def add(session: Session, scope: str, subject_id: str, texts: Iterable[str]) -> None:
    """Make a subject findable by these texts too. What was indexed before stays: threads only grow."""
    tokens = {blind(scope, word) for raw in texts if raw for word in words(raw)}
    known = _doc_id(session, scope, subject_id)
    if session.get_bind().dialect.name == "postgresql":
        session.execute(
            text("INSERT INTO search_index (doc_id, tokens) VALUES (:id, array_to_tsvector(:tokens))"
                 " ON CONFLICT (doc_id) DO UPDATE SET tokens = search_index.tokens || excluded.tokens"),
            {"id": known, "tokens": sorted(tokens)},
        )
        return
    stored = session.execute(text("SELECT tokens FROM search_index WHERE rowid = :id"), {"id": known}).scalar()
    if stored is not None:
        old = set(str(stored).split())
        if tokens <= old:
            return
        tokens |= old
        session.execute(text("DELETE FROM search_index WHERE rowid = :id"), {"id": known})
    session.execute(text("INSERT INTO search_index (rowid, tokens) VALUES (:id, :tokens)"),
                    {"id": known, "tokens": " ".join(sorted(tokens))})


def _doc_id(session: Session, scope: str, subject_id: str) -> int:
    """The subject's number, given on first sight; of two writers at once both get the same."""
    return int(session.execute(
        text("INSERT INTO search_docs (scope, subject_id) VALUES (:scope, :subject)"
             " ON CONFLICT (scope, subject_id) DO UPDATE SET scope = excluded.scope RETURNING id"),
        {"scope": scope, "subject": subject_id},
    ).scalar_one())


# --- asking ---------------------------------------------------------------------------------------


def matching(session: Session, scope: str, question: str) -> TextClause | None:
    """A subquery of the ids of all subjects that hold every word of the question, to stand behind ``IN``.

    None when the question holds no word to search by (single characters, punctuation).
    """
    tokens = [blind(scope, word) for word in sorted(words(question), key=lambda word: (-len(word), word))]
    if not tokens:
        return None
    if session.get_bind().dialect.name == "postgresql":
        query, joined = _IN_POSTGRESQL, " & ".join(tokens[:MOST_TOKENS])
    else:
        query, joined = _IN_SQLITE, " AND ".join(tokens[:MOST_TOKENS])
    return text(query).bindparams(bindparam("search_words", joined), bindparam("search_scope", scope))


_IN_SQLITE = (
    "SELECT d.subject_id FROM search_docs d JOIN search_index ON search_index.rowid = d.id"
    " WHERE d.scope = :search_scope AND search_index MATCH :search_words"
)
_IN_POSTGRESQL = (
    "SELECT d.subject_id FROM search_docs d JOIN search_index i ON i.doc_id = d.id"
    " WHERE d.scope = :search_scope AND i.tokens @@ CAST(:search_words AS tsquery)"
)

