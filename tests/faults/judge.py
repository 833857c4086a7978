"""Compares what everybody saw and sent with what the database holds. Every sentence returned is a broken promise."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

from sqlalchemy import func
from sqlmodel import col, select

from backend.conversations.tables import Conversation, Message
from backend.infra import journal
from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from tests.faults.bot import mark, parts_of
from tests.faults.ledger import Ledger, Seen, Sent, Talk

APOLOGY = "system.apology"


def judge(works: Works, talks: Sequence[Talk], counts: Counter[str]) -> list[str]:
    """All faults of all talks, and of the journal."""
    faults: list[str] = []
    with works.read(SYSTEM) as work:
        session = work.session
        rows: dict[str, list[Message]] = defaultdict(list)
        for row in session.exec(select(Message).order_by(col(Message.conversation_id), col(Message.seq))):
            rows[row.conversation_id].append(row)
        hands: dict[str, list[JournalEntry]] = defaultdict(list)
        for entry in session.exec(select(JournalEntry).where(
                col(JournalEntry.action).in_(("hands_changed", "bot_answers_meanwhile")))):
            hands[entry.subject_id].append(entry)
        for conversation in session.exec(select(Conversation)):
            own = rows[conversation.id]
            if [one.seq for one in own] != list(range(1, conversation.last_seq + 1)):
                faults.append(f"{conversation.id}: numbers with a gap or a double: {[one.seq for one in own]}")
            faults += _out_of_turn(conversation, own, hands[conversation.id], counts)
        for talk in talks:
            where = f"talk {talk.number}"
            faults += [f"{where}: {one}" for one in (*_viewers(talk, rows[talk.id], counts), *_sent(talk, rows[talk.id], counts),
                                                     *_answered(rows[talk.id], hands[talk.id], counts))]
        # Turns in whose middle somebody took over: what the bot had prepared was not said.
        counts["answers dropped after a takeover"] = session.scalar(select(func.count()).select_from(JournalEntry).where(
            col(JournalEntry.action).in_(("bot_turn_dropped", "bot_words_dropped")))) or 0
        verdict = journal.verify(session)
        if not verdict.intact:
            faults.append(f"journal: {verdict}")
    counts["messages"] = sum(len(rows[talk.id]) for talk in talks)
    return faults


def _holders(hands: Sequence[JournalEntry]) -> list[tuple[int, str]]:
    """After which number who held the conversation; ``bot`` also where it answers in the queue by the customer's wish."""
    found = [(0, "bot")]
    for one in sorted(hands, key=lambda one: (int(one.detail["epoch"]), one.action != "hands_changed")):
        found.append((int(one.detail["seq"]), str(one.detail["state"]) if one.action == "hands_changed" else "bot"))
    return found


def _holder(holders: Sequence[tuple[int, str]], seq: int) -> str:
    return [state for after, state in holders if after < seq][-1]


def _out_of_turn(conversation: Conversation, rows: Sequence[Message], hands: Sequence[JournalEntry],
                 counts: Counter[str]) -> list[str]:
    """A bot's message is numbered within a time in which the bot held the conversation."""
    found = []
    epochs = sorted(int(one.detail["epoch"]) for one in hands if one.action == "hands_changed")
    if epochs != list(range(1, conversation.epoch + 1)):
        found.append(f"{conversation.id}: epochs {epochs} end at {conversation.epoch}")
    holders = _holders(hands)
    counts["takeovers"] += sum(1 for (_, before), (_, after) in pairwise(holders) if before == "bot" != after)
    counts["given back to the bot"] += sum(1 for (_, before), (_, after) in pairwise(holders) if before == "agent" and after == "bot")
    if [seq for seq, _ in holders] != sorted(seq for seq, _ in holders):
        found.append(f"{conversation.id}: hands changed backwards: {holders}")
    for row in rows:
        if row.sender == "bot" and _holder(holders, row.seq) != "bot":
            found.append(f"{conversation.id}: the bot spoke at {row.seq} while it was with: {_holder(holders, row.seq)}")
    return found


def _viewers(talk: Talk, rows: Sequence[Message], counts: Counter[str]) -> list[str]:
    """Each viewer saw everything that was theirs to see, once, in the order of the numbers."""
    for_staff: list[Seen] = [(one.seq, one.sender, one.text) for one in rows]
    for_customer = [one for one in for_staff if one[1] != "note"]
    found = []
    books: tuple[tuple[Ledger, list[Seen]], ...] = (
        (talk.socket, for_customer), (talk.poll, for_customer), (talk.agents, for_staff))
    for book, truth in books:
        counts[f"seen by {book.viewer}"] += len(book.seen)
        seqs = [one[0] for one in book.seen]
        if seqs != sorted(set(seqs)):
            found.append(f"{book.viewer} saw doubles or another order: {seqs}")
        expected = [one for one in truth if one[0] <= max(book.last, talk.target or 0)]
        if book.seen != expected:
            missing, extra = set(expected) - set(book.seen), set(book.seen) - set(expected)
            found.append(f"{book.viewer} missed {sorted(missing)[:5]}, saw what is not there {sorted(extra)[:5]}")
    return found


def _sent(talk: Talk, rows: Sequence[Message], counts: Counter[str]) -> list[str]:
    """What was acknowledged stands in the thread once, under the number that was acknowledged every time."""
    found = []
    by_client: dict[str | None, list[Message]] = defaultdict(list)
    for row in rows:
        by_client[row.client_id].append(row)
    every: list[Sent] = [*talk.customer_sent, *talk.agents_sent]
    for one in every:
        stored = by_client.pop(one.client_id, [])
        counts["sent again"] += one.tries - 1
        if one.seqs:
            counts["acknowledged"] += 1
            if len(one.seqs) != 1 or [row.seq for row in stored] != list(one.seqs):
                found.append(f"{one.client_id}: acknowledged as {one.seqs}, stored as {[row.seq for row in stored]}")
            if one.text and stored and stored[0].text != one.text:
                found.append(f"{one.client_id}: other words were stored")
        elif one.refused is None:
            found.append(f"{one.client_id}: neither acknowledged nor refused")
        else:
            counts["refused"] += 1
            if len(stored) > 1:
                found.append(f"{one.client_id}: refused ({one.refused}) and stored {len(stored)} times")
    strangers = [row.seq for client_id, left in by_client.items() if client_id is not None for row in left]
    if strangers:
        found.append(f"messages that nobody sent: {strangers}")
    return found


def _answered(rows: Sequence[Message], hands: Sequence[JournalEntry], counts: Counter[str]) -> list[str]:
    """Each of the customer's messages has the bot's whole answer once, or an apology, or went to a person."""
    found = []
    holders = _holders(hands)
    unclear: list[int] = []
    for row in rows:
        if row.sender != "customer":
            continue
        if row.pending:
            found.append(f"{row.seq} still waits for an answer")
        count = parts_of(row.id)
        answers = [[one.seq for one in rows if one.sender == "bot" and f"{mark(row.id, part)}（" in one.text]
                   for part in range(1, count + 1)]
        said = [seq for part in answers for seq in part]
        if said:
            counts["answered by the bot"] += 1
            if any(len(part) != 1 for part in answers) or said != list(range(said[0], said[0] + count)):
                found.append(f"{row.seq} was answered in parts or twice: {answers}")
            if said[0] < row.seq:
                found.append(f"{row.seq} was answered before it was asked: {answers}")
            continue
        if row.button is not None:
            continue  # what it asked for has been done, or it would still be waiting
        if _holder(holders, row.seq) != "bot" or any(seq >= row.seq and state != "bot" for seq, state in holders):
            counts["went to a person"] += 1
        else:
            unclear.append(row.seq)
    sorry = [row.seq for row in rows if row.sender == "bot" and "order_no" not in row.text and "订单 " not in row.text]
    for seq in unclear:  # every one of these needs an apology of its own
        fitting = next((one for one in sorry if one > seq), None)
        if fitting is None:
            found.append(f"{seq} was never answered")
        else:
            sorry.remove(fitting)
            counts["apologised for"] += 1
    return found
