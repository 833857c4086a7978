"""Questions that got no answer of their own: gathered by the worker, decided by script owners.

Two kinds, never mixed: what the bot did not understand, and what it understood but could only answer with the default
words of the topic (``default_key``). The first lacks words or examples, the second a script of its own.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM, Permission
from backend.kernel.errors import Conflict, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.kernel.masking import mask_text
from backend.scripts import clusters, service, store, wording
from backend.scripts.drafting import Content
from backend.scripts.rules import ANY_CHANNEL, State
from backend.scripts.study import Study, in_batches
from backend.scripts.tables import ClusteredQuestion, QuestionCluster, ScriptVersion

WINDOW = timedelta(days=30)
PHRASES = 8  # newest ones kept for people to read
BACKGROUND = 256  # sentences of the library that show what all sentences of this trade share
LONGEST = 120  # characters of a question: what follows is a story, not a question


_MASKED = re.compile(r"[\w.@-]*\*{3,}[\w.@*-]*", re.ASCII)


@dataclass(frozen=True)
class Question:
    """A customer's words that the bot could not answer, or only with the default script ``default_key``.

    ``text`` is raw: masked before it is kept or sent anywhere.
    """

    message_id: str
    conversation_id: str
    customer_id: str
    text: str
    at: datetime
    default_key: str | None = None


type Ask = Callable[[Session, datetime], Sequence[Question]]


# --- the worker's part --------------------------------------------------------------------------


def gather(works: Works, study: Study, ask: Ask, now: datetime | None = None) -> int:
    """Put unanswered questions that are new into their clusters; returns how many.

    A message counts once however often this runs. The encoder is asked with no transaction open, and asked again
    each time: no vector is kept, so that another encoder changes nothing. Raises Unavailable while it cannot be
    asked; the next run then finds the same questions.
    """
    with works.read(SYSTEM, now) as work:
        asked = {one.message_id: one for one in ask(work.session, work.now - WINDOW)}
        for known in store.clustered(work.session, list(asked)):
            del asked[known]
        fresh = [(one, text) for one in asked.values() if (text := tidy(one.text))]
        if not fresh:
            return 0
        standing = [_Standing(one.id, one.default_key, one.label, [phrase["text"] for phrase in phrases(one)])
                    for one in store.clusters(work.session)]
        own = [script.title for script in store.scripts(work.session)]
        own += [example for _, _, examples in store.neighbours(work.session, "") for example in examples]
    fresh.sort(key=lambda pair: (pair[0].at, pair[0].message_id))
    space = _Space(study, list(dict.fromkeys(own))[:BACKGROUND])
    placed = [_place(space, [pair for pair in fresh if pair[0].default_key == key],
                     [one for one in standing if one.default_key == key])
              for key in dict.fromkeys(question.default_key for question, _ in fresh)]
    with works.begin(SYSTEM, now) as work:
        for joined, begun in placed:
            for cluster_id, label, members in joined:
                found = store.cluster(work.session, cluster_id, lock=True)
                if found is not None:
                    found.label = label
                    _count(work, found, members)
            for label, members in begun:
                _begin(work, members, label)
        work.hint("scripts")
    for key in dict.fromkeys(question.default_key for question, _ in fresh):
        _merge(works, space, key, now)
    return len(fresh)


class _Space:
    """Sentences as vectors, seen from the middle of the library's own sentences. Each is asked for once."""

    def __init__(self, study: Study, background: Sequence[str]) -> None:
        self._study = study
        self._known: dict[str, list[float]] = {}
        self._background = background

    def of(self, texts: Sequence[str]) -> clusters.Vectors:
        wanted = [text for text in dict.fromkeys([*self._background, *texts]) if text not in self._known]
        for batch in in_batches(wanted, 256):
            self._known.update(zip(batch, self._study.embed(batch), strict=True))
        return clusters.centred([self._known[text] for text in texts], [self._known[text] for text in self._background])


def _name(space: _Space, texts: Sequence[str]) -> str:
    """The phrase in the middle of what people said lately."""
    return texts[clusters.central(space.of(texts))]


type Members = list[tuple[Question, str]]


@dataclass(frozen=True)
class _Standing:
    """A cluster as it stood before this run."""

    id: str
    default_key: str | None
    label: str
    phrases: list[str]


def _place(space: _Space, fresh: Members, standing: Sequence[_Standing],
           ) -> tuple[list[tuple[str, str, Members]], list[tuple[str, Members]]]:
    """New questions of one kind: (cluster, its name from now on, who joins it), and (name, who begins a new one)."""
    vectors = space.of([text for _, text in fresh])
    labels = dict(zip((one.id for one in standing), space.of([one.label for one in standing]), strict=True))
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, cluster_id in clusters.join(vectors, labels).items():
        rows_of[cluster_id].append(row)
    joined = [(one.id, _name(space, [*one.phrases, one.label, *(fresh[row][1] for row in rows_of[one.id])]),
               [fresh[row] for row in rows_of[one.id]]) for one in standing if one.id in rows_of]
    taken = {row for rows in rows_of.values() for row in rows}
    alone = [pair for row, pair in enumerate(fresh) if row not in taken]
    groups = clusters.group(vectors[[row for row in range(len(fresh)) if row not in taken]])
    return joined, [(alone[one.centre][1], [alone[member] for member in one.members]) for one in groups]


def tidy(text: str) -> str:
    """One line, masked, no longer than a question is; empty when nothing can be told from it.

    A masked number asks nothing: it is left out, so that questions differ by what they ask.
    """
    line = " ".join(_MASKED.sub(" ", mask_text(text)).split()).strip("，,：: ")[:LONGEST]
    return line if len(wording.bare(line)) >= 2 else ""


def _begin(work: Work, members: Members, label: str) -> None:
    first = members[0][0]
    cluster = QuestionCluster(id=new_id(), label=label, default_key=first.default_key, first_at=first.at, last_at=first.at)
    work.session.add(cluster)
    work.flush()
    _count(work, cluster, members)


def _merge(works: Works, space: _Space, default_key: str | None, now: datetime | None) -> None:
    """Kinds that nobody has decided on and that have grown into each other become one."""
    with works.read(SYSTEM, now) as work:
        waiting = {one.id: (one.label, one.count) for one in store.clusters(work.session, "open")
                   if one.default_key == default_key}
    middles = dict(zip(waiting, space.of([label for label, _ in waiting.values()]), strict=True))
    pairs = clusters.mergers(middles, {name: count for name, (_, count) in waiting.items()})
    if not pairs:
        return
    with works.begin(SYSTEM, now) as work:
        for names in pairs:
            small, large = (store.cluster(work.session, name, lock=True) for name in names)
            if small is None or large is None or not small.state == large.state == "open":
                continue  # somebody has decided meanwhile
            store.move_questions(work.session, small.id, large.id)
            large.phrases = json.dumps(_newest([*phrases(large), *phrases(small)]), ensure_ascii=False)
            large.count += small.count
            large.customers = store.askers(work.session, large.id)
            large.first_at, large.last_at = min(large.first_at, small.first_at), max(large.last_at, small.last_at)
            work.session.add(large)
            work.session.delete(small)
            work.flush()


def _newest(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each wording once, at its latest, the newest first."""
    latest: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: str(row["at"])):
        latest[row["text"]] = row
    return sorted(latest.values(), key=lambda row: str(row["at"]), reverse=True)[:PHRASES]


def _count(work: Work, cluster: QuestionCluster, members: Members) -> None:
    for question, _ in members:
        work.session.add(ClusteredQuestion(message_id=question.message_id, cluster_id=cluster.id,
                                           customer_id=question.customer_id, at=question.at))
    work.flush()
    new = [{"text": text, "at": question.at.isoformat(), "conversation_id": question.conversation_id}
           for question, text in members]
    cluster.phrases = json.dumps(_newest([*phrases(cluster), *new]), ensure_ascii=False)
    cluster.count += len(members)
    cluster.customers = store.askers(work.session, cluster.id)
    cluster.first_at = min(cluster.first_at, members[0][0].at)
    cluster.last_at = max(cluster.last_at, members[-1][0].at)
    work.session.add(cluster)


# --- people's part ------------------------------------------------------------------------------


def phrases(cluster: QuestionCluster) -> list[dict[str, Any]]:
    """The newest ways of asking, newest first: ``{"text", "at", "conversation_id"}``."""
    return list(json.loads(cluster.phrases))


def example_questions(cluster: QuestionCluster) -> list[str]:
    """What can serve as example questions: the label first, nothing that was masked, nothing too long."""
    lines = [cluster.label, *(phrase["text"] for phrase in phrases(cluster))]
    return wording.clean_examples(line for line in lines if "*" not in line and len(line) <= wording.MAX_EXAMPLE_CHARS)


def get(session: Session, cluster_id: str) -> QuestionCluster:
    """Raises NotFound (`question_not_found`)."""
    found = store.cluster(session, cluster_id)
    if found is None:
        raise NotFound("question_not_found", "没有这一类问题，可能链接旧了。请回到列表再找一次。")
    return found


def link(work: Work, cluster_id: str, key: str) -> ScriptVersion:
    """Give these questions to a script: as example questions of a draft, which goes the usual way.

    The actor's own open draft of the script takes them up; else a new draft begins with the words in force.
    Raises NotFound (`question_not_found`, `script_not_found`), Conflict (`question_decided`), Invalid.
    """
    work.actor.require(Permission.SCRIPT_WRITE)
    cluster = _open(work, cluster_id)
    versions = store.versions(work.session, key)
    if not versions:
        raise NotFound("script_not_found", "没有这条话术，请从列表里选。")
    common = [one for one in versions if one.channel == ANY_CHANNEL] or versions
    own = next((one for one in common if one.state == State.DRAFT and one.author_id == work.actor.id), None)
    base = own or next((one for one in common if one.state == State.EFFECTIVE), common[0])
    content = Content(
        text=base.text, buttons=base.buttons, examples=[*base.examples, *example_questions(cluster)],
        channel=base.channel, attachments=[file["id"] for file in base.attachments],
        note=own.note if own else f"客户在问「{cluster.label[:40]}」，{cluster.customers} 人问过",
        effective_from=own.effective_from if own else None, effective_to=base.effective_to if own else None,
    )
    version = service.edit_draft(work, own.id, content) if own else service.draft(work, key, content)
    _decide(work, cluster, "linked", key=key, deed="question_linked", version=version.version)
    return version


def adopt(work: Work, cluster_id: str, version: ScriptVersion) -> None:
    """A draft was begun for these questions. Does nothing when somebody decided meanwhile."""
    cluster = store.cluster(work.session, cluster_id, lock=True)
    if cluster is not None and cluster.state == "open":
        _decide(work, cluster, "linked", key=version.key, deed="question_drafted", version=version.version)


def ignore(work: Work, cluster_id: str, reason: str) -> QuestionCluster:
    """No words for these. Raises Invalid (`reason_missing`), Conflict (`question_decided`)."""
    work.actor.require(Permission.SCRIPT_WRITE)
    reason = reason.strip()[:300]
    if not reason:
        raise Invalid("reason_missing", "请写明为什么不用管，同事会看到。", fields={"reason": "请写明原因"})
    cluster = _open(work, cluster_id)
    _decide(work, cluster, "ignored", deed="question_ignored", reason=reason)
    return cluster


def reopen(work: Work, cluster_id: str) -> QuestionCluster:
    """It was decided wrongly, or is asked again."""
    work.actor.require(Permission.SCRIPT_WRITE)
    cluster = store.cluster(work.session, cluster_id, lock=True) or get(work.session, cluster_id)
    if cluster.state != "open":
        _decide(work, cluster, "open", deed="question_reopened")
    return cluster


def _open(work: Work, cluster_id: str) -> QuestionCluster:
    cluster = store.cluster(work.session, cluster_id, lock=True) or get(work.session, cluster_id)
    if cluster.state != "open":
        raise Conflict("question_decided", "这一类问题已经有人处理了，请刷新后再看。")
    return cluster


def _decide(work: Work, cluster: QuestionCluster, state: str, *, deed: str, key: str | None = None, reason: str = "",
            **detail: Any) -> None:
    cluster.state, cluster.script_key, cluster.reason = state, key, reason
    cluster.decided_by, cluster.decided_at = work.actor.id, work.now
    work.session.add(cluster)
    work.journal(deed, "question_cluster", cluster.id, key=key, reason=reason, **detail)
    work.hint("scripts")
