"""Conversations of the invented month: asked, answered, misunderstood, handed to a person, rated."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from backend.complaints import service as complaints
from backend.conversations import service as conversations
from backend.conversations import understanding
from backend.customers import service as customers
from backend.demo.agenda import Flow, Part, pick
from backend.demo.cases import handled
from backend.demo.house import House, somebody_is_there
from backend.demo.material import Case
from backend.handoffs import service as handoffs
from backend.infra.work import Work
from backend.kernel.actors import BOT, SYSTEM, Actor, customer_actor
from backend.kernel.clock import zh_datetime
from backend.kernel.ids import new_id
from backend.scripts import service as scripts
from backend.surveys import service as surveys

REMINDED, LEFT = timedelta(minutes=10), timedelta(minutes=20)
RATES = 0.45  # of those who are asked


class Talk:
    """One conversation as a flow. Everything that chance decides comes from ``rng``."""

    def __init__(self, house: House, rng: Random, visitor: str, case: Case | None = None) -> None:
        self.house, self.rng, self.visitor, self.case = house, rng, visitor, case
        self.id = ""
        self.customer: Actor = SYSTEM

    def flow(self, start: datetime) -> Flow:
        at = yield start
        self._open(at)
        at = yield self._soon(at, 4, 30)
        if self.case is not None:
            at = yield from self._complains(at, self.case)
        else:
            at = yield from self._asks(at)
        yield from self._ends(at)

    # --- what happens -----------------------------------------------------------------------------

    def _asks(self, at: datetime) -> Part:
        """One to three questions; some are beyond the bot, some end with a person."""
        material = self.house.material
        last = ""
        for _ in range(self.rng.choices((1, 2, 3), (5, 4, 2))[0]):
            chance = self.rng.random()
            if chance < 0.13:
                at, fetched = yield from self._beyond(at)
                if fetched:
                    return at
                continue
            general = [key for key in material.general if key in self.house.topics]
            if chance < 0.19 and general:
                key = self.rng.choice(general)
                at = yield from self._turn(at, pick(self.rng, material.general[key]), key, self.house.topics[key],
                                           sure=self.rng.uniform(0.72, 0.99), fits=False)
                continue
            key = self._another(last)
            last = key
            wrong = self._neighbour(key) if chance > 0.95 else None
            at = yield from self._turn(at, pick(self.rng, material.questions[key]), wrong or key,
                                       self.house.topics[key], sure=self.rng.uniform(0.72, 0.99))
            if (wrong or self.rng.random() < 0.06) and somebody_is_there(at):
                at = yield from self._turn(at, pick(self.rng, material.asks_for_person), None, "request_human", sure=0.97)
                return (yield from self._person(at, "customer_request", self.house.topics[key]))
        if self.rng.random() < 0.3 and "chat.thank" in self.house.topics:
            at = yield from self._turn(at, pick(self.rng, material.customer["thanks"]), "chat.thank", "thank", sure=0.95)
        return at

    def _beyond(self, at: datetime) -> Any:
        """Something for which there are no words, once or twice; gives the instant and whether a person came."""
        kind = self.rng.choice(self.house.material.unanswerable)
        first = pick(self.rng, kind)
        at = yield from self._turn(at, first, "system.fallback", None, sure=self.rng.uniform(0.15, 0.4))
        if self.rng.random() < 0.5:
            return at, False
        again = pick(self.rng, [text for text in kind if text != first] or kind)
        at = yield from self._turn(at, again, "system.fallback_again", None, sure=self.rng.uniform(0.15, 0.4))
        if self.rng.random() < 0.6 and somebody_is_there(at):
            return (yield from self._person(at, "repeated_failure", None)), True
        return at, False

    def _turn(self, at: datetime, text: str, key: str | None, intent: str | None, *, sure: float,
              fits: bool = True) -> Part:
        """The customer says something, the bot answers with ``key`` (None: somebody else does).

        Where it does not fit, it is the default script of the topic, said for want of a better one.
        """
        with self.house.works.begin(self.customer, at) as work:
            message = self._hear(work, text)
            fallback = key is not None and key.startswith("system.")
            # Settled in the same transaction: a running house must find nothing left to answer.
            answers = key in self.house.material.questions or not fits
            conversations.note_understanding(
                work, message.id, intent, round(sure, 3), match_key=key if answers else None,
                match_score=round(sure * (0.97 if fits else 0.3), 3) if answers else None, understood=not fallback)
            if not fits:
                understanding.note_default(work, message.id)
            understanding.note_mood(work, message.id)
        self.house.made["questions"] += 1
        self.house.made["unanswered"] += fallback
        self.house.made["general"] += not fits
        if key is not None:
            at = yield self._soon(at, 1, 3)
            self._bot_says(at, key)
        at = yield self._soon(at, 15, 90)
        return at

    def _person(self, at: datetime, reason: str, intent: str | None) -> Part:
        """Into the queue, taken by an agent, talked with, wrapped up."""
        for agent in self.house.agents:
            with self.house.works.begin(agent, at) as work:
                handoffs.beat(work)
        with self.house.works.begin(BOT, at) as work:
            handoffs.request(work, self.id, reason, {"intent": intent} if intent else {}, "")
        with self.house.works.read(BOT, at) as work:
            asked = handoffs.offers.addressee(work.session, self.id)
        self.house.made["handoffs"] += 1
        # Whom it was offered to takes it before the offer goes on to the next.
        at = yield self._soon(at, 15, 55 if asked else 200)
        agent = next((one for one in self.house.agents if one.id == asked), None) or self.house.anyone(self.rng)
        words, theirs = self.house.material.agent, self.house.material.customer
        with self.house.works.begin(agent, at) as work:
            handoffs.take(work, self.id)
        for ours, answer in (("opening", "explains"), ("working", None), ("closing", "thanks")):
            at = yield self._soon(at, 15, 80)
            with self.house.works.begin(agent, at) as work:
                handoffs.reply(work, self.id, pick(self.rng, words[ours]), new_id())
            if answer:
                at = yield self._soon(at, 15, 90)
                with self.house.works.begin(self.customer, at) as work:
                    self._hear(work, pick(self.rng, theirs[answer]))
        at = yield self._soon(at, 20, 90)
        with self.house.works.begin(agent, at) as work:
            outcome = self.rng.choices(("solved", "passed_on", "unsolved"), (16, 3, 2))[0]
            handoffs.wrap_up(work, self.id, outcome, "")
        return at

    def _complains(self, at: datetime, case: Case) -> Part:
        """The form, as the bot asks it, up to the number."""
        contact = f"kehu{self.rng.randrange(1000, 9999)}@example.com"
        shown = {"description": case.text, "remedy": case.remedy, "order_no": case.order_no or "没有填",
                 "contact_masked": f"{contact[:1]}***@example.com"}
        for text, key in (("我要投诉", "complaint.ask_description"), (case.text, "complaint.ask_remedy"),
                          (case.remedy, "complaint.ask_order_no"), (case.order_no or "没有订单号", "complaint.ask_contact"),
                          (contact, "complaint.confirm")):
            with self.house.works.begin(self.customer, at) as work:
                message = self._hear(work, text)
                conversations.note_understanding(work, message.id, "file_complaint", 0.97, understood=True)
                understanding.note_mood(work, message.id)
            at = yield self._soon(at, 1, 3)
            self._bot_says(at, key, shown)
            at = yield self._soon(at, 10, 60)
        with self.house.works.begin(self.customer, at) as work:
            conversations.note_understanding(work, self._hear(work, "确认提交").id, "affirm", 0.99, understood=True)
        with self.house.works.begin(BOT, at) as work:
            filed = complaints.file(work, idempotency_key=new_id(), customer_id=self.customer.id, conversation_id=self.id,
                                    channel="web", description=case.text, remedy=case.remedy, order_no=case.order_no,
                                    contact=contact)
            work.flush()
            slip = complaints.summary(work.session, filed, at)
            promised = slip["promised_text"] or zh_datetime(at, at)
            self._say(work, "complaint.filed", {"complaint_no": filed.number, "promised_at": promised,
                                                "receipt_url": slip["receipt_url"]},
                      {"kind": "complaint_filed", "complaint_id": filed.id})
        self.house.made["complaints"] += 1
        self.house.agenda.add(handled(self.house, self.rng, filed.number, case, at), at)
        return at

    def _ends(self, at: datetime) -> Flow:
        """Closed by the customer, or by silence; then some rate it."""
        if self._state() != "closed":
            if self.rng.random() < 0.5:
                at = yield self._soon(at, 20, 120)
                self._close(at, self.customer, "customer")
            else:
                at = yield at + REMINDED
                if self._state() == "bot":
                    with self.house.works.begin(SYSTEM, at) as work:
                        self._say(work, "system.still_there", {}, sender="system")
                at = yield at + LEFT
                self._close(at, SYSTEM, "idle")
        if self.rng.random() < RATES:
            at = yield self._soon(at, 20, 900)
            self._rates(at)

    def _rates(self, at: datetime) -> None:
        with self.house.works.begin(self.customer, at) as work:
            asked = [view.card["invitation_id"] for view in conversations.thread(work.session, self.id)
                     if view.card and view.card.get("kind") == "survey"]
            if not asked:
                return
            score = self.rng.choices((5, 4, 3, 2, 1), (44, 27, 13, 9, 7))[0]
            kind = "good" if score > 3 else "bad"
            chips = surveys.card(work.session, asked[0])["reasons"][kind]
            surveys.answer(work, surveys.token_of(asked[0]), score, [pick(self.rng, chips)] if score != 3 else [],
                           pick(self.rng, self.house.material.ratings[kind]))
        self.house.made["ratings"] += 1

    # --- small things -----------------------------------------------------------------------------

    def _open(self, at: datetime) -> None:
        with self.house.works.begin(SYSTEM, at) as work:
            customer = customers.recognise(work, "web", self.visitor)
            conversation, _ = conversations.start(work, "web", customer.id)
            self.id, self.customer = conversation.id, customer_actor(customer.id)
            self._say(work, "system.welcome", {}, sender="system")
        self.house.made["conversations"] += 1

    def _close(self, at: datetime, actor: Actor, by: str) -> None:
        with self.house.works.begin(actor, at) as work:
            conversations.close(work, conversations.get(work.session, self.id), by)

    def _state(self) -> str:
        with self.house.works.read(SYSTEM) as work:
            return str(conversations.get(work.session, self.id).state)

    def _hear(self, work: Work, text: str) -> conversations.Message:
        return conversations.receive(work, conversations.get(work.session, self.id), client_id=new_id(), text=text)

    def _bot_says(self, at: datetime, key: str, variables: dict[str, str] | None = None) -> None:
        with self.house.works.begin(BOT, at) as work:
            self._say(work, key, variables or {})

    def _say(self, work: Work, key: str, variables: dict[str, str], card: dict[str, Any] | None = None,
             sender: str = "bot") -> None:
        conversation = conversations.get(work.session, self.id)
        spoken = scripts.speak(work, key, variables, conversation.channel)
        conversations.say(work, conversation, spoken, sender=sender, card=card)

    def _soon(self, at: datetime, least: int, most: int) -> datetime:
        return at + timedelta(seconds=self.rng.randint(least, most))

    def _another(self, last: str) -> str:
        """What is asked: some things far more often than others, as in life."""
        keys = [key for key in self.house.material.questions if key in self.house.topics and not key.startswith("chat.")]
        topic = self.house.topics.get(last)
        near = [key for key in keys if key != last and self.house.topics[key] == topic]
        if near and self.rng.random() < 0.5:
            return self.rng.choice(near)
        return self.rng.choices(keys, [1 / (1 + place / 8) for place in range(len(keys))])[0]

    def _neighbour(self, key: str) -> str | None:
        """Another answer of the same topic: what a bot says when it is nearly right."""
        near = [one for one in self.house.material.questions
                if one != key and self.house.topics.get(one) == self.house.topics[key]]
        return self.rng.choice(near) if near else None
