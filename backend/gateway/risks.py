"""Risk first: what the rules find before the bot is asked and after it has answered, and what follows from it."""

from datetime import timedelta

from backend.conversations import risk, understanding
from backend.conversations import service as conversations
from backend.conversations.risk import Effect, RiskFinding
from backend.conversations.service import Conversation, Message
from backend.handoffs import fetching
from backend.handoffs import service as handoffs
from backend.infra.work import Work
from backend.scripts import service as scripts

# What a message was about, where a rule saw it and the bot was not asked.
INTENTS = {"emergency": "report_emergency", "fraud": "report_fraud", "info_security": "report_fraud",
           "escalation": "threaten_escalation", "refuses_bot": "request_human", "customer_request": "request_human"}
# Words that offer a person already: a second offer beneath them would be one too many.
OFFERS_A_PERSON = frozenset({"risk.anger_offer", "feedback.express_anger", "feedback.dispute_outcome", "handoff.offer",
                             "system.fallback_again", "system.person_only", "system.apology",
                             "complaint.withdraw_not_possible", "complaint.file_failed"})
A_DAY = timedelta(hours=24)
# A declined offer is not repeated at once: so many messages (theirs and ours) it stays unsaid.
QUIET_FOR = 8

BUTTON = RiskFinding("button", "customer_request", "客户按了「转人工」。")


# What was offered last says what the button confirms.
CONFIRMED = {
    "risk.anger_offer": RiskFinding("anger_confirmed", "anger", "客户情绪激动，问过本人，同意转人工。"),
    "system.person_only": RiskFinding("person_only_confirmed", "only_a_person", "价格、退款、赔付的决定只能由人作，客户同意转人工。"),
    "complaint.withdraw_not_possible": RiskFinding("withdrawal_too_late", "only_a_person", "投诉到了这一步不能再撤回，客户要跟人说。"),
    "system.fallback_again": RiskFinding("failure_confirmed", "repeated_failure", "机器人连续没听懂，客户按了「转人工」。"),
    "system.apology": RiskFinding("bot_failure_confirmed", "bot_failure", "机器人没有答上，客户按了「转人工」。"),
}


def in_words(text: str) -> RiskFinding | None:
    """What the words alone tell, before the bot is asked: risk first, then the organisation's own rules."""
    return risk.in_words(text) or _by_rule(fetching.met_by_words(text))


def _by_rule(rule: fetching.FetchRule | None) -> RiskFinding | None:
    return None if rule is None else RiskFinding(rule.key[:40], "approved_rule", rule.explanation)


def _confirmed(work: Work, conversation_id: str, finding: RiskFinding) -> RiskFinding:
    """Pressed beneath an offer, the button has the offer's reason: a mood, a decision, a failure, a time-out."""
    if finding is not BUTTON:
        return finding
    offered = conversations.last_script(work.session, conversation_id)
    if offered == "system.apology" and any(
            one.rule == "bot_time_out" for one in understanding.findings(work.session, conversation_id)[-1:]):
        return RiskFinding("time_out_confirmed", "bot_slow", "机器人没有及时答复，客户按了「转人工」。")
    return CONFIRMED.get(offered or "", BUTTON)


def fetch(work: Work, conversation_id: str, message: Message, finding: RiskFinding) -> None:
    """A person is fetched before the bot says another word; the reason stays on the conversation."""
    finding = _confirmed(work, conversation_id, finding)
    intent = "request_human" if message.button else INTENTS.get(finding.reason)
    conversations.note_understanding(work, message.id, intent, None, understood=True)
    understanding.note_mood(work, message.id)
    if finding is not BUTTON:
        understanding.note_finding(work, conversation_id, message.seq, finding)
    work.journal("person_fetched", "conversation", conversation_id, reason=finding.reason, rule=finding.rule)
    # A secret is told in the finding's own words only: the summary travels further than the thread.
    summary = finding.explanation if finding.reason == "info_security" else ""
    handoffs.request(work, conversation_id, finding.reason, {"rule": finding.rule}, summary)


def handed_over(work: Work, conversation_id: str, message: Message, reason: str, intent: str | None,
                confidence: float | None) -> None:
    """The bot hands over: why, for staff."""
    if reason != "customer_request":
        understanding.note_finding(work, conversation_id, message.seq, risk.asked_by_bot(reason, intent, confidence))


def before_answer(work: Work, conversation: Conversation, message: Message, mood: int,
                  keys: list[str]) -> RiskFinding | None:
    """With the mood known and the bot's answer (``keys``) not said yet: whether a person should come instead."""
    if any(key.startswith("complaint.") for key in keys):
        return None  # a complaint is being filed: that is the way out already
    visits = conversations.visits(work.session, conversation.customer_id, work.now - A_DAY)
    finding = _by_rule(fetching.met_by_intent(message.intent)) or risk.repeated_visits(visits, mood)
    if finding is None or any(one.rule == finding.rule for one in understanding.findings(work.session, conversation.id)):
        return None  # once a talk: whoever left the queue does not want it again
    return finding


def after_answer(work: Work, conversation: Conversation, message: Message, words: tuple[str, ...], keys: list[str],
                 epoch: int) -> None:
    """The bot has answered: offer a person where the mood or the matter asks for one."""
    if message.button is not None:
        return
    moods = understanding.moods(work.session, conversation.id, message.seq)
    finding = risk.displeasure(moods, words) or risk.only_a_person(message.text, message.intent)
    if finding is None or finding.script is None:
        return
    lately = [one for one in understanding.findings(work.session, conversation.id)
              if one.reason == finding.reason and one.seq > message.seq - QUIET_FOR]
    understanding.note_finding(work, conversation.id, message.seq, finding)
    busy = any(key in OFFERS_A_PERSON or key.startswith("complaint.") for key in keys)
    if finding.effect is Effect.OFFER and not lately and not busy:
        conversations.say(work, conversation, scripts.speak(work, finding.script, {}, conversation.channel), epoch=epoch)
