"""What the database itself refuses, whoever asks: triggers that hold for raw SQL as well as for our own code.

- An approved script version is frozen and stays; versions move only along their lifecycle.
- A bot or system message names a version that is in force at the message's instant, and goes on naming it.
- The journal grows and is sealed; nothing in it is altered or removed.
- Evidence only grows: a complaint's thread, its causes and costs, why and when time ran out, frozen limits, and the
  regime versions that running deadlines go by.

They stand beside the migrations, not inside one: SQLite drops a table's triggers whenever a migration rebuilds
the table. ``migrations/env.py`` takes them away while it works and puts them up again before it ends.

Limits: whoever may change the schema can take a trigger down (``problems`` then says so, and ``zhike verify`` with
it); a database cannot know whether a name it is given really approved. A message's instant is the one it bears.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import Connection

# What an approval covers, as in backend.scripts.tables.FROZEN (a test keeps the two alike), and what names a version.
FROZEN = ("id", "key", "version", "channel", "text", "variables", "buttons", "examples", "attachments", "author_id",
          "approvals_needed", "first_approver_id", "first_approved_at", "approver_id", "approved_at", "digest",
          "effective_from", "effective_to")
ENTERED = ("id", "at", "actor_kind", "actor_id", "action", "subject_kind", "subject_id", "detail")
SAID = ("conversation_id", "sender", "script_version_id", "at")
OVER = "('superseded', 'expired', 'withdrawn', 'refused')"


@dataclass(frozen=True)
class Guard:
    """One refusal: on which table, before which deed, under which condition, said in which word.

    ``when`` is SQL over OLD and NEW; ``{same}`` is the dialect's "has not changed", ``{share}`` locks a row that the
    condition rests on (PostgreSQL; SQLite has one writer at a time).
    """

    name: str
    table: str
    before: str
    when: str
    word: str
    only: str | None = None  # a dialect


def _changed(columns: tuple[str, ...]) -> str:
    return "(" + " OR ".join(f"<OLD.{name}|NEW.{name}>" for name in columns) + ")"


def _only_grows(table: str, word: str, *unique: tuple[str, ...]) -> tuple[Guard, ...]:
    """Rows enter and stay as they are. ``unique``: the keys by which SQLite's OR REPLACE could push a row out."""
    taken = " OR ".join("(" + " AND ".join(f"o.{name} = NEW.{name}" for name in key) + ")" for key in (("id",), *unique))
    return (
        Guard(f"{table}_stay_as_they_are", table, "UPDATE", "OLD.id IS NOT NULL", word),
        Guard(f"{table}_lose_nothing", table, "DELETE", "OLD.id IS NOT NULL", word),
        Guard(f"{table}_take_nobodys_place", table, "INSERT",
              f"EXISTS (SELECT 1 FROM {table} o WHERE {taken})", word, only="sqlite"),  # noqa: S608
    )


# Table, the word of its refusal, its unique keys besides the id.
EVIDENCE: tuple[tuple[str, str, tuple[tuple[str, ...], ...]], ...] = (
    ("complaint_entries", "complaint_thread_is_append_only", (("complaint_id", "seq"),)),
    ("complaint_whys", "cause_record_is_append_only", (("complaint_id", "revision"),)),
    ("complaint_remedies", "remedy_is_append_only", ()),
    ("complaint_baselines", "baseline_is_frozen", ()),
    ("improvement_steps", "improvement_history_is_append_only", (("item_id", "seq"),)),
    ("regime_versions", "approved_regime_is_frozen", (("key", "version"),)),
    ("deadline_notices", "notice_is_a_record", (("deadline_id", "due_at", "point"),)),
    ("breach_causes", "breach_cause_is_append_only", ()),
)

GUARDS = (
    Guard("approved_is_frozen", "script_versions", "UPDATE",
          f"OLD.digest IS NOT NULL AND {_changed(FROZEN)}", "approved_script_is_frozen"),
    Guard("approved_stays", "script_versions", "DELETE",
          "OLD.digest IS NOT NULL", "approved_script_is_frozen"),
    Guard("version_keeps_its_name", "script_versions", "UPDATE",
          _changed(("id", "key", "version")), "approved_script_is_frozen"),
    # Written once: when it was first and last said is evidence too.
    Guard("first_and_last_said_stay", "script_versions", "UPDATE",
          f"(OLD.started_at IS NOT NULL AND {_changed(('started_at',))})"
          f" OR (OLD.ended_at IS NOT NULL AND {_changed(('ended_at',))})", "approved_script_is_frozen"),
    Guard("lifecycle_has_no_short_cut", "script_versions", "UPDATE",
          "NEW.state <> OLD.state AND ("
          f"OLD.state IN {OVER}"
          " OR (NEW.state = 'effective' AND OLD.state <> 'approved')"
          " OR (NEW.state = 'approved' AND OLD.state <> 'in_review'))", "script_move_not_allowed"),
    # SQLite's OR REPLACE removes whoever stands in the way without asking the guards against DELETE.
    Guard("nobody_takes_an_approved_place", "script_versions", "INSERT",
          "EXISTS (SELECT 1 FROM script_versions o WHERE o.digest IS NOT NULL AND (o.id = NEW.id"
          " OR (o.key = NEW.key AND o.version = NEW.version AND o.channel = NEW.channel)"
          " OR (o.state = 'effective' AND NEW.state = 'effective' AND o.key = NEW.key AND o.channel = NEW.channel)))",
          "approved_script_is_frozen", only="sqlite"),
    Guard("nobody_moves_to_an_approved_place", "script_versions", "UPDATE",
          "EXISTS (SELECT 1 FROM script_versions o WHERE o.digest IS NOT NULL AND o.id <> OLD.id AND ("
          "(o.key = NEW.key AND o.version = NEW.version AND o.channel = NEW.channel)"
          " OR (o.state = 'effective' AND NEW.state = 'effective' AND o.key = NEW.key AND o.channel = NEW.channel)))",
          "approved_script_is_frozen", only="sqlite"),
    Guard("only_words_in_force_are_said", "messages", "INSERT",
          "NEW.sender NOT IN ('customer', 'agent', 'note') AND NOT EXISTS ("
          "SELECT 1 FROM script_versions v WHERE v.id = NEW.script_version_id AND v.state = 'effective'"
          " AND v.digest IS NOT NULL AND v.approver_id IS NOT NULL AND v.approver_id <> v.author_id"
          " AND (v.effective_from IS NULL OR v.effective_from <= NEW.at)"
          " AND (v.effective_to IS NULL OR NEW.at < v.effective_to) {share})", "script_version_not_effective"),
    Guard("what_was_said_stays_said", "messages", "UPDATE", _changed(SAID), "message_is_a_record"),
    Guard("journal_is_not_altered", "journal", "UPDATE",
          "OLD.seal_no IS NOT NULL OR OLD.seal IS NOT NULL"  # noqa: S608
          " OR EXISTS (SELECT 1 FROM journal o WHERE o.seal_no = NEW.seal_no AND o.id <> OLD.id)"
          " OR " + _changed(ENTERED),
          "journal_is_append_only"),
    Guard("journal_loses_nothing", "journal", "DELETE", "OLD.id IS NOT NULL", "journal_is_append_only"),
    # Rows enter unsealed; and nobody enters in another row's place.
    Guard("journal_is_sealed_by_the_sealer", "journal", "INSERT",
          "NEW.seal_no IS NOT NULL OR NEW.seal IS NOT NULL OR EXISTS (SELECT 1 FROM journal o WHERE o.id = NEW.id)",
          "journal_is_append_only"),
    Guard("anchor_only_moves_on", "journal_anchor", "UPDATE",
          f"NEW.sealed <= OLD.sealed OR {_changed(('id',))}", "journal_is_append_only"),
    Guard("anchor_stays", "journal_anchor", "DELETE", "OLD.id IS NOT NULL", "journal_is_append_only"),
    Guard("anchor_is_one", "journal_anchor", "INSERT", "EXISTS (SELECT 1 FROM journal_anchor)",
          "journal_is_append_only"),
    *(guard for table, word, unique in EVIDENCE for guard in _only_grows(table, word, *unique)),
)
# Emptying a table at a stroke asks no row.
NEVER_EMPTIED = ("script_versions", "messages", "journal", "journal_anchor", *(table for table, _, _ in EVIDENCE))
JSON_COLUMNS = ("variables", "buttons", "examples", "attachments", "detail")


# --- SQLite ---------------------------------------------------------------------------------------------------------


def _sqlite() -> dict[str, str]:
    found = {}
    for guard in GUARDS:
        when = _spell(guard.when, "{0} IS NOT {1}").replace("{share}", "")
        found[f"guard_{guard.name}"] = (
            f"CREATE TRIGGER guard_{guard.name} BEFORE {guard.before} ON {guard.table}"
            f" WHEN {when} BEGIN SELECT RAISE(ABORT, '{guard.word}'); END")
    return found


def _spell(when: str, changed: str) -> str:
    """Write out ``<OLD.a|NEW.a>``, "a has changed", as the dialect has it."""
    parts = when.split("<OLD.")
    spelled = parts[0]
    for part in parts[1:]:
        column, _, rest = part.partition("|NEW.")
        # PostgreSQL compares JSON only as text.
        cast = "::text" if column in JSON_COLUMNS and "DISTINCT" in changed else ""
        spelled += changed.format(f"OLD.{column}{cast}", f"NEW.{column}{cast}") + rest.partition(">")[2]
    return spelled


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def _postgres() -> dict[str, tuple[str, str, str]]:
    """By name: the function's body, its table, when it fires."""
    found: dict[str, tuple[str, str, str]] = {}
    for guard in GUARDS:
        if guard.only is not None:
            continue
        when = _spell(guard.when, "{0} IS DISTINCT FROM {1}").replace("{share}", "FOR SHARE")
        back = "OLD" if guard.before == "DELETE" else "NEW"
        found[f"guard_{guard.name}"] = (
            f"BEGIN IF {when} THEN RAISE EXCEPTION '{guard.word}' USING ERRCODE = 'check_violation'; END IF;"
            f" RETURN {back}; END", guard.table, f"BEFORE {guard.before} ON {guard.table} FOR EACH ROW")
    for table in NEVER_EMPTIED:
        found[f"guard_{table}_never_emptied"] = (
            f"BEGIN RAISE EXCEPTION '{table}_never_emptied' USING ERRCODE = 'check_violation'; END", table,
            f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT")
    return found


def _standing(connection: Connection) -> dict[str, str]:
    """Guards that stand and are switched on, with their text."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    else:
        rows = connection.execute(text(
            "SELECT t.tgname, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND n.nspname = current_schema()"))
    return {name: body for name, body in rows if name.startswith("guard_")}


def _wanted(connection: Connection) -> dict[str, str]:
    if connection.dialect.name == "sqlite":
        return _sqlite()
    return {name: body for name, (body, _, _) in _postgres().items()}


def problems(connection: Connection) -> list[str]:
    """Names of guards that are missing, switched off or other than they should be."""
    standing = _standing(connection)
    return [name for name, body in _wanted(connection).items() if standing.get(name) != body]


def install(connection: Connection) -> None:
    """Put up what does not stand as it should; nothing to do, nothing locked."""
    wrong = problems(connection)
    if not wrong:
        return
    if connection.dialect.name == "sqlite":
        for name in wrong:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(_sqlite()[name])
        return
    for name in wrong:
        body, table, fires = _postgres()[name]
        connection.exec_driver_sql(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {fires} EXECUTE FUNCTION {name}()")


def remove(connection: Connection) -> None:
    """Take all of them down: for a migration at work, and for tests of what holds without them."""
    if connection.dialect.name == "sqlite":
        for name in _standing(connection):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        return
    for name in _postgres():
        # CASCADE takes the trigger along.
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {name}() CASCADE")
