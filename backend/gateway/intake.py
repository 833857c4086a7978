"""One inbound message, start to finish.

First it is stored (transaction one) and acknowledged. Then, one turn at a time per conversation, the bot is
asked with no transaction open, and its answer is settled (transaction two) against the ownership epoch. A
turn is leased in the database, so that two processes never ask for one conversation at once; what a dying
process left unanswered is found by ``resume`` and answered once.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError

from backend.conversations import progress
from backend.conversations import service as conversations
from backend.conversations.risk import RiskFinding
from backend.conversations.rules import State, clean_text, harmless
from backend.conversations.service import Conversation, Message
from backend.gateway import replies, risks, waiting
from backend.gateway.hub import Hub
from backend.gateway.rasa import Bot, BotFailed
from backend.gateway.wire import BotTurn
from backend.infra.work import Work, Works
from backend.kernel.actors import BOT, SYSTEM, customer_actor
from backend.kernel.errors import Invalid, TooMany
from backend.kernel.ids import new_id
from backend.scripts import service as scripts

log = structlog.get_logger(__name__)

# A lease is short and renewed while the bot thinks: a slow answer is not asked for twice, and what a killed
# process held is free again in seconds.
LEASE = timedelta(seconds=6)
RENEW_SECONDS = 2.0

# Buttons of the interface itself, accepted without having been issued in a message.
STANDING_BUTTONS = {
    "request_human": {"title": "转人工", "action": "request_human"},
    "cancel_queue": {"title": "取消排队", "action": "cancel_queue"},
    "stay_in_queue": {"title": "继续排队", "action": "stay_in_queue"},
    "bot_meanwhile": {"title": "先问小知", "action": "bot_meanwhile"},
    "leave_message": {"title": "留言", "action": "leave_message"},
    "call_back": {"title": "请回电", "action": "call_back"},
}


@dataclass(frozen=True)
class Inbound:
    """A customer's message as any channel hands it over."""

    channel: str
    conversation_id: str
    customer_id: str
    client_id: str
    text: str = ""
    button_id: str | None = None
    attachment_id: str | None = None


async def in_thread[**P, R](function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The one bridge from the event loop to the synchronous rooms."""
    return await asyncio.to_thread(partial(function, *args, **kwargs))


def _person_wanted(message: Message) -> RiskFinding | None:
    """By the button, or by the words alone; the bot is not asked for this."""
    if message.button is None:
        return risks.in_words(message.text)
    return risks.BUTTON if message.button.get("action") == "request_human" else None


def _passing(error: DBAPIError) -> bool:
    """A refusal that a second try need not meet: a dead-lock, a lock waited for too long, words just replaced."""
    return isinstance(error, OperationalError) or "script_version_not_effective" in str(error.orig)


class Intake:
    """Takes customers' messages in and sees each one through."""

    def __init__(self, works: Works, bot: Bot, hub: Hub, per_minute: int) -> None:
        self.works = works
        self.bot = bot
        self.hub = hub
        self.owner = new_id()  # this process, in leases
        self._per_minute = per_minute
        self._recent: dict[str, deque[float]] = defaultdict(deque)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._fetching: set[asyncio.Task[None]] = set()

    # --- transaction one ------------------------------------------------------------------------

    async def accept(self, inbound: Inbound) -> Message:
        """Store one message and set its turn going; gives the stored row. Raises Invalid, Conflict, TooMany."""
        self._limit(inbound.conversation_id)
        message, state = await in_thread(self._store, inbound)
        if state == State.BOT and message.pending and (finding := _person_wanted(message)) is not None:
            self._fetch_at_once(inbound.conversation_id, message, finding)
        if message.pending:
            self.schedule(inbound.conversation_id)
        return message

    def _limit(self, conversation_id: str) -> None:
        now = time.monotonic()
        recent = self._recent[conversation_id]
        while recent and recent[0] < now - 60:
            recent.popleft()
        if len(recent) >= self._per_minute:
            raise TooMany("too_many_messages", "发得有点快，请过一分钟再发，前面的话都已经收到。", retry_after=60)
        recent.append(now)
        if len(self._recent) > 10_000:
            self._recent = defaultdict(deque, {key: times for key, times in self._recent.items()
                                               if times and times[-1] > now - 60})

    def _store(self, inbound: Inbound) -> tuple[Message, str]:
        with self.works.begin(customer_actor(inbound.customer_id)) as work:
            conversation = conversations.lock(work, inbound.conversation_id)
            button = self._button(work, inbound)
            cut = False
            if button is not None:
                text = str(button["title"])
            elif inbound.attachment_id is not None:
                text = inbound.text or "[附件]"
            else:
                clean = clean_text(inbound.text)
                text, cut = clean.text, clean.cut
            message = conversations.receive(
                work, conversation, client_id=inbound.client_id, text=text, button=button,
                attachment_id=inbound.attachment_id,
                for_house=inbound.attachment_id is None and waiting.wanted(work, conversation, text, button))
            if cut and message.at == work.now:  # not on a repeated send
                spoken = scripts.speak(work, "system.too_long", {}, conversation.channel)
                conversations.say(work, conversation, spoken, sender="system")
            if conversation.state != State.BOT:
                work.hint("queue")
            return message, conversation.state

    @staticmethod
    def _button(work: Work, inbound: Inbound) -> dict[str, Any] | None:
        if inbound.button_id is None:
            return None
        if inbound.button_id in STANDING_BUTTONS:
            return STANDING_BUTTONS[inbound.button_id]
        issued = conversations.issued_button(work.session, inbound.conversation_id, inbound.button_id)
        if issued is None:
            raise Invalid("unknown_button", "这个按钮已经失效，请直接用文字告诉我们。")
        return {name: issued[name] for name in ("title", "say", "action", "script") if name in issued}

    # --- the turn -------------------------------------------------------------------------------

    def schedule(self, conversation_id: str) -> None:
        """See to a conversation's waiting messages, soon and one after the other."""
        if conversation_id in self._running:
            self._again.add(conversation_id)
            return
        task = asyncio.create_task(self._see_to(conversation_id), name=f"turns:{conversation_id}")
        self._running[conversation_id] = task
        task.add_done_callback(partial(self._done, conversation_id))

    def _done(self, conversation_id: str, task: asyncio.Task[None]) -> None:
        self._running.pop(conversation_id, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("turn_crashed", conversation=conversation_id, exc_info=task.exception())
        if conversation_id in self._again and not task.cancelled():
            self._again.discard(conversation_id)
            self.schedule(conversation_id)

    async def resume(self) -> int:
        """Pick up what was left unanswered (a restart, a lost lease); returns how many conversations."""
        waiting = await in_thread(self._unanswered)
        left = [conversation_id for conversation_id in waiting if conversation_id not in self._running]
        for conversation_id in left:
            self.schedule(conversation_id)
        return len(left)

    def _unanswered(self) -> list[str]:
        with self.works.read(SYSTEM) as work:
            return list(conversations.unanswered(work.session))

    def _fetch_at_once(self, conversation_id: str, message: Message, finding: RiskFinding) -> None:
        """Who asks for a person does not wait until the bot has thought about earlier words; its answer to them is
        void from here. Should this fail, the message's own turn fetches the person."""
        task = asyncio.create_task(in_thread(self._fetch_person, conversation_id, message, finding))
        self._fetching.add(task)
        task.add_done_callback(self._fetched)

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._fetching.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("person_not_fetched_at_once", exc_info=task.exception())

    async def finish(self) -> None:
        """Wait for turns under way, then stop those that take too long: their words are stored and resumed."""
        if under_way := [*self._running.values(), *self._fetching]:
            _, late = await asyncio.wait(under_way, timeout=5)
            for task in late:
                task.cancel()

    async def _see_to(self, conversation_id: str) -> None:
        before: tuple[str, int] | None = None
        while (claimed := await in_thread(self._claim, conversation_id)) is not None:
            conversation, message, epoch, said_last, ours = claimed
            if before == (message.id, epoch):
                # Round and round without a pause would help nobody; ``resume`` tries again in a moment.
                await in_thread(self._release, conversation_id)
                raise RuntimeError(f"the turn of message {message.id} left it unanswered")
            before = (message.id, epoch)
            renewing = asyncio.create_task(self._keep_lease(conversation_id))
            try:
                if not (ours and await in_thread(self._act, conversation.id, message)):
                    await self._turn(conversation, message, epoch, said_last)
            except BaseException:
                await in_thread(self._release, conversation_id)
                raise
            finally:
                renewing.cancel()

    async def _keep_lease(self, conversation_id: str) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await in_thread(self._renew, conversation_id)
            except Exception:  # the next renewal may succeed; if none does, the lease ends, which is its purpose
                log.exception("lease_not_renewed", conversation=conversation_id)

    def _renew(self, conversation_id: str) -> None:
        with self.works.begin(BOT) as work:
            conversations.renew_turn(work, conversation_id, self.owner, work.now + LEASE)

    def _claim(self, conversation_id: str) -> tuple[Conversation, Message, int, str | None, bool] | None:
        with self.works.begin(BOT) as work:
            claimed = conversations.claim_turn(work, conversation_id, self.owner, work.now + LEASE)
            if claimed is None:
                return None
            # What the customer saw last, whoever said it: 好的 may answer the house's words, which the bot has not heard.
            return (*claimed, claimed[0].epoch, conversations.last_script(work.session, conversation_id),
                    waiting.concerns(work, *claimed))

    def _act(self, conversation_id: str, message: Message) -> bool:
        """The house's own part of a turn; True when nothing is left for the bot."""
        with self.works.begin(BOT) as work:
            return waiting.see_to(work, conversation_id, message)

    def _release(self, conversation_id: str) -> None:
        with self.works.begin(BOT) as work:
            conversations.release_turn(work, conversation_id, self.owner)

    async def _turn(self, conversation: Conversation, message: Message, epoch: int, said_last: str | None) -> None:
        finding = _person_wanted(message)
        if finding is not None:
            await in_thread(self._fetch_person, conversation.id, message, finding)
            return
        if not conversations.bot_answers(conversation):  # taken meanwhile, or nothing for the house after all
            await in_thread(self._note, message)
            return
        if message.attachment_id is not None:
            await in_thread(self._thank_for_attachment, conversation, message, epoch)
            return
        self.works.publish([f"typing:{conversation.id}"])
        try:
            turn = await self.bot.ask(conversation_id=conversation.id, message_id=message.id,
                                      text=harmless(message.text), button=message.button,
                                      channel=conversation.channel, said_last=said_last)
        except BotFailed as failure:
            log.warning("bot_failed", code=failure.code, conversation=conversation.id)
            await in_thread(self._apologise, conversation, message, failure, epoch)
            return
        await in_thread(self._settle, conversation, message, turn, epoch)

    def _fetch_person(self, conversation_id: str, message: Message, finding: RiskFinding) -> None:
        with self.works.begin(BOT) as work:
            conversations.lock(work, conversation_id)
            # Else it is done already, at once or by the turn: whoever was fetched then has the words before them.
            if progress.is_pending(work.session, message.id):
                risks.fetch(work, conversation_id, message, finding)

    def _note(self, message: Message) -> None:
        with self.works.begin(BOT) as work:
            conversations.note_understanding(work, message.id, None, None)

    def _thank_for_attachment(self, conversation: Conversation, message: Message, epoch: int) -> None:
        with self.works.begin(BOT) as work:
            conversations.note_understanding(work, message.id, None, None)
            spoken = scripts.speak(work, "system.attachment_received", {}, conversation.channel)
            conversations.say(work, conversation, spoken, epoch=epoch)

    def _apologise(self, conversation: Conversation, message: Message, failure: BotFailed, epoch: int) -> None:
        with self.works.begin(BOT) as work:
            replies.apologise(work, conversation, message, failure, epoch)

    def _say(self, conversation: Conversation, message: Message, turn: BotTurn, epoch: int) -> None:
        with self.works.begin(BOT) as work:
            replies.settle(work, conversation, message, turn, epoch)

    def _settle(self, conversation: Conversation, message: Message, turn: BotTurn, epoch: int) -> None:
        try:
            try:
                self._say(conversation, message, turn, epoch)
            except DBAPIError as error:
                if not _passing(error):
                    raise
                # The words were replaced under our hands, or a lock was lost: a second look says what holds now.
                log.warning("settled_again", conversation=conversation.id, reason=str(error.orig)[:200])
                self._say(conversation, message, turn, epoch)
        except BotFailed as failure:
            self._apologise(conversation, message, failure, epoch)
        except Exception:
            # Whatever went wrong on our side, the customer is not left without a word.
            log.exception("settling_failed", conversation=conversation.id)
            self._apologise(conversation, message, BotFailed("settling_failed", "机器人的答复没能处理。"), epoch)
