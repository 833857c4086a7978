"""The library as a page shows it: shelves, rows, what needs somebody. Reads only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date, zh_date
from backend.kernel.statistics import Rate
from backend.people import service as people
from backend.scripts import questions, shelves, store
from backend.scripts.rules import CHANNELS, IMPORT_AUTHOR, PACK_AUTHOR, State
from backend.scripts.tables import Script, ScriptVersion

EXPIRING = timedelta(days=30)
# More rows than this are a list that nobody reads: the page asks for a shelf or a search word.
MAX_ROWS = 200


@dataclass(frozen=True)
class Usage:
    """How a script did in 30 days; filled in by whoever can count (see `look`)."""

    used: int
    resolved: Rate | None = None
    handed_off: Rate | None = None
    satisfied: Rate | None = None
    href: str | None = None  # where the conversations behind the figures are listed; None: not for this reader

    def rows(self, part: str = "") -> str | None:
        """The address of the conversations behind one figure."""
        if self.href is None or not part:
            return self.href
        return f"{self.href}{'&' if '?' in self.href else '?'}part={part}"


@dataclass(frozen=True)
class Tag:
    icon: str
    kind: str  # css class of the tag: line | warning | notice
    text: str


@dataclass(frozen=True)
class Row:
    key: str
    title: str
    tags: list[Tag]
    usage: Usage | None
    selected: bool
    owner: str = ""
    labels: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Shelf:
    slug: str
    label: str
    count: int
    group: str


WHOLE = "all"  # in the place of a shelf: the reader stands before the whole library


@dataclass(frozen=True)
class Query:
    """What the reader asked for. Without shelf, words and need it is not known where the reader stands."""

    shelf: str = ""  # a shelf's slug, or WHOLE
    words: str = ""
    need: str = ""  # waiting | expiring | review | mine
    sort: str = ""  # a name of SORTS

    @property
    def nowhere(self) -> bool:
        return not (self.shelf or self.words or self.need)

    @property
    def fields(self) -> dict[str, str]:
        """As names and values of an address or a form."""
        given = {"topic": self.shelf, "q": self.words, "need": self.need, "sort": self.sort}
        return {name: value for name, value in given.items() if value}

    def link(self, **other: str) -> str:
        """The same question as a query string, for links that keep it, but for what is ``other``."""
        text = urlencode(replace(self, **other).fields)
        return f"?{text}" if text else ""


@dataclass
class Library:
    """The left two columns and the counts above them."""

    query: Query
    shelves: list[Shelf]
    total: int
    rows: list[Row]
    found: int
    waiting: int
    expiring: int
    review: int
    mine: int
    questions: int = 0  # kinds of unanswered questions
    general: int = 0  # kinds of questions that got only their topic's default words
    proposals: int = 0  # agents' edits to decide
    own_edits: int = 0  # the reader's own edits of approved answers

    @property
    def heading(self) -> str:
        if self.query.words:
            return f"「{self.query.words}」{self.found} 条"
        names = {"waiting": "等我审批", "expiring": "30 天内到期", "review": "到期待复审", "mine": "我的草稿"}
        return f"{names.get(self.query.need) or shelves.SHELVES.get(self.query.shelf, '全部')} {self.found} 条"


def _worst_first(rate: Rate | None, bad: int) -> tuple[bool, float, int]:
    """Low ones first where ``bad`` is 1, high ones where it is -1; those of too few cases last, the most cases first."""
    if rate is None or rate.value is None or not rate.enough:
        return True, 0.0, -(rate.n if rate else 0)
    return False, bad * rate.value, -rate.n


#: The columns to sort by: what wants looking at comes first.
SORTS: dict[str, Callable[[Usage], tuple[float, ...]]] = {
    "used": lambda usage: (-usage.used,),
    "resolved": lambda usage: _worst_first(usage.resolved, 1),
    "handed_off": lambda usage: _worst_first(usage.handed_off, -1),
    "satisfied": lambda usage: _worst_first(usage.satisfied, 1),
}


_URGENCY = {State.IN_REVIEW: 0, State.DRAFT: 1, State.APPROVED: 2}


def _urgency(versions: Sequence[ScriptVersion]) -> int:
    return min((_URGENCY.get(State(version.state), 9) for version in versions), default=9)


def shelf_counts(scripts: Iterable[Script]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for script in scripts:
        slug = shelves.shelf_of(script.topic, script.key)
        counts[slug] = counts.get(slug, 0) + 1
    return counts


def look(work: Work, query: Query, selected: str = "", usage: Mapping[str, Usage] | None = None) -> Library:
    """The library for one question. ``usage`` gives each key's figures, where somebody counted."""
    scripts = store.scripts(work.session)
    today = shanghai_date(work.now)
    versions: dict[str, list[ScriptVersion]] = {}
    for version in store.living(work.session):
        versions.setdefault(version.key, []).append(version)
    tests: dict[str, Callable[[Script], bool]] = {
        "waiting": lambda one: any(_waits_for(v, work) for v in versions.get(one.key, ())),
        "expiring": lambda one: any(_expires_soon(v, work.now) for v in versions.get(one.key, ())),
        "mine": lambda one: any(v.state == State.DRAFT and v.author_id in (work.actor.id, IMPORT_AUTHOR)
                                for v in versions.get(one.key, ())),
    }
    tests["review"] = lambda one: one.review_on is not None and one.review_on <= today
    needs = {name: sum(map(test, scripts)) for name, test in tests.items()}
    chosen = [
        script for script in scripts
        if (query.shelf in ("", WHOLE) or shelves.shelf_of(script.topic, script.key) == query.shelf)
        and (query.need not in tests or tests[query.need](script))
        and (not query.words or _mentions(script, versions.get(script.key, ()), query.words))
    ]
    if query.sort in SORTS:
        chosen.sort(key=lambda script: SORTS[query.sort]((usage or {}).get(script.key) or Usage(0)))
    else:  # What somebody must decide or finish stands on top; the rest keeps its order.
        chosen.sort(key=lambda script: _urgency(versions.get(script.key, ())))
    shown = chosen[:MAX_ROWS]
    silent = store.newest(work.session, [script.key for script in shown if script.key not in versions])
    owners = {one: people.staff_name(work.session, one) for one in {script.owner for script in shown}
              if one != PACK_AUTHOR}
    rows = [
        Row(key=script.key, title=script.title, usage=(usage or {}).get(script.key), selected=script.key == selected,
            owner=owners.get(script.owner, ""), labels=script.tags,
            tags=[*(_tags(versions.get(script.key) or [silent[script.key]], work.now)
                    if script.key in versions or script.key in silent else []),
                  *([Tag("history", "notice", "该复审了")] if tests["review"](script) else [])])
        for script in shown
    ]
    counts = shelf_counts(scripts)
    lost, general = store.open_clusters(work.session, work.now - questions.WINDOW)
    return Library(
        query=query, total=len(scripts), rows=rows, found=len(chosen), waiting=needs["waiting"],
        expiring=needs["expiring"], review=needs["review"], mine=needs["mine"],
        questions=lost, general=general,
        proposals=store.count_proposals(work.session, state="open"),
        own_edits=store.count_proposals(work.session, staff_id=work.actor.id) if work.actor.is_staff else 0,
        shelves=[Shelf(slug, label, counts[slug], "主题" if slug in shelves.INTENTS else "其他")
                 for slug, label in shelves.SHELVES.items() if counts.get(slug)],
    )


def _waits_for(version: ScriptVersion, work: Work) -> bool:
    return (version.state == State.IN_REVIEW and work.actor.id not in (version.author_id, version.first_approver_id)
            and work.actor.can(Permission.SCRIPT_APPROVE))


def _expires_soon(version: ScriptVersion, now: datetime) -> bool:
    return (version.state == State.EFFECTIVE and version.effective_to is not None
            and version.effective_to <= now + EXPIRING)


def _mentions(script: Script, versions: Sequence[ScriptVersion], words: str) -> bool:
    """Every word of the search is found in the title, the key, a text or an example question."""
    heap = "\n".join([script.title, script.key, script.source, *script.tags,
                      *(f"{v.text}\n" + "\n".join(v.examples) for v in versions)]).lower()
    return all(word in heap for word in words.lower().split())


_ICONS = {
    State.DRAFT: ("doc", "line"), State.IN_REVIEW: ("eye", "warning"), State.APPROVED: ("clock", "notice"),
    State.EFFECTIVE: ("okc", "line"), State.SUPERSEDED: ("history", "line"), State.EXPIRED: ("cal", "line"),
    State.WITHDRAWN: ("xc", "line"), State.REFUSED: ("xc", "line"),
}


def tag_of(version: ScriptVersion, now: datetime) -> Tag:
    """A version's state: icon, colour, words."""
    icon, kind = _ICONS[State(version.state)]
    channel = "" if version.channel == "any" else f"（{CHANNELS.get(version.channel, version.channel)}）"
    text = f"{State(version.state).zh} v{version.version}{channel}"
    if version.state == State.APPROVED and version.effective_from:
        text = f"v{version.version} {zh_date(version.effective_from, now)}生效"
    return Tag(icon, kind, text)


def _tags(versions: Sequence[ScriptVersion], now: datetime) -> list[Tag]:
    order = (State.EFFECTIVE, State.IN_REVIEW, State.APPROVED, State.DRAFT)
    ranked = sorted(versions, key=lambda v: order.index(State(v.state)) if v.state in order else 9)
    tags = [tag_of(version, now) for version in ranked[:3]]
    for version in versions:
        if _expires_soon(version, now) and version.effective_to:
            days = max(0, (version.effective_to - now).days)
            tags.append(Tag("cal", "notice", f"{days} 天后到期" if days else "今天到期"))
    return tags
