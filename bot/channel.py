"""The bot's only door: one JSON message in, the whole answer out, on loopback with a shared secret."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import OrderedDict
from typing import Any, Awaitable, Callable, Dict, List, Optional, Text

from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from rasa.shared.exceptions import RasaException
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot import settings as bot_settings
from bot.components.encoder import shared_encoder
from bot.context import (
    CHOOSE,
    WITHDRAWS,
    both_clear,
    corrected,
    halves,
    interpret,
    must_ask_again,
    names_other_order,
    no_answer,
    pressed,
    wants_of,
)
from bot.dialogue import context_of
from bot.scripts import shared_cache
from bot.study import register, shared_study
from bot.text import UNDERSTOOD_CHARS, has_meaning, neutralise
from bot.thresholds import shared_thresholds
from bot.understanding import shared_understanding

logger = logging.getLogger(__name__)

#: The backend keeps every word; the tracker needs no more than a long complaint.
KEPT_CHARS = 4000
REMEMBERED_ANSWERS = 5000
RANKING = 5

#: A pressed button is certain. What it means inside a form stands in `button_action`.
ACTION_INTENTS = {
    "request_human": "request_human",
    "file_complaint": "file_complaint",
    "confirm": "affirm",
    "edit": "deny",
    "cancel": "deny",
    "skip": "deny",
    "none_of_these": "nlu_fallback",
}


class Refused(Exception):
    """A request that is not a message; becomes a coded answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class WholeMessages(OutputChannel):
    """Collects each bot message undivided, with script key, version and variables."""

    def __init__(self) -> None:
        self.messages: List[Dict[str, Any]] = []
        #: The script chosen for the customer's words and its score; None where an action or a form spoke.
        self.chosen: Optional[Dict[str, Any]] = None
        self.understood = True

    @classmethod
    def name(cls) -> Text:
        return "zhike"

    async def send_response(self, recipient_id: Text, message: Dict[Text, Any]) -> None:
        custom = message.get("custom")
        if custom:
            if custom.get("reason") == "repeated_failure":
                self.understood = False
            self.messages.append(dict(custom))
            return
        script = message.get("script")
        if not script:
            # Nothing but approved scripts leaves this house.
            logger.error("dropped a message without a script (%s)", message.get("utter_action"))
            return
        if message.get("match_score") is not None and self.chosen is None:
            self.chosen = {
                "key": script["key"],
                "score": message["match_score"],
                "by_default": bool(message.get("by_default")),
            }
        if message.get("not_understood"):
            self.understood = False
        said = {
            "script": script,
            "variables": message.get("variables") or {},
            "text": (message.get("text") or "").strip(),
            "buttons": message.get("said_buttons") or [],
        }
        if message.get("options"):
            said["options"] = list(message["options"])
        self.messages.append(said)


class AnswerMemory:
    """The same message id gets the same answer, also while the first is still being made."""

    def __init__(self, size: int = REMEMBERED_ANSWERS) -> None:
        self._size = size
        self._answers: OrderedDict[tuple[str, str], asyncio.Future[Dict[str, Any]]] = OrderedDict()

    async def once(self, key: tuple[str, str], make: Callable[[], Awaitable[Dict[str, Any]]]) -> Dict[str, Any]:
        known = self._answers.get(key)
        if known is not None:
            return await asyncio.shield(known)
        future: asyncio.Future[Dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[key] = future
        while len(self._answers) > self._size:
            self._answers.popitem(last=False)
        try:
            answer = await make()
        except BaseException as error:
            self._answers.pop(key, None)  # a failure may be tried again
            future.set_exception(error if isinstance(error, Exception) else Refused(503, "stopped", "已中断"))
            future.exception()  # retrieved: no "never retrieved" noise when nobody else waited
            raise
        future.set_result(answer)
        return answer


class ZhikeInput(InputChannel):
    """`POST /webhooks/zhike/webhook`, `GET /webhooks/zhike/health`."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._memory = AnswerMemory()

    @classmethod
    def name(cls) -> Text:
        return "zhike"

    @classmethod
    def from_credentials(cls, credentials: Optional[Dict[Text, Any]]) -> ZhikeInput:
        secret = str((credentials or {}).get("secret") or "")
        if not secret:
            raise RasaException("缺少 ZHIKE_BOT_SECRET：机器人与后台之间的共享密钥没有设置。")
        return cls(secret)

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        blueprint = Blueprint("zhike_channel")

        @blueprint.listener("after_server_start")
        async def start(app: Sanic, loop: Any) -> None:
            settings = bot_settings.load()
            cache = shared_cache()
            cache.restore()
            shared_understanding()
            app.ctx.follow = asyncio.ensure_future(cache.follow(settings.backend_url, settings.secret))

        @blueprint.listener("before_server_stop")
        async def stop(app: Sanic, loop: Any) -> None:
            app.ctx.follow.cancel()

        @blueprint.route("/health", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            return json(_health(request.app))

        @blueprint.route("/webhook", methods=["POST"])
        async def receive(request: Request) -> HTTPResponse:
            try:
                self._check_secret(request)
                body = _body(request)
                key = (body["sender"], body["message_id"])
                return json(await self._memory.once(key, lambda: self._turn(request.app, body, on_new_message)))
            except Refused as refused:
                return json({"code": refused.code, "message": refused.message}, status=refused.status)
            except Exception:
                logger.exception("a turn failed")
                return json({"code": "bot_failed", "message": "机器人处理这条消息时出错。"}, status=500)

        register(blueprint, self._secret, shared_study)
        return blueprint

    def _check_secret(self, request: Request) -> None:
        given = request.headers.get("X-Zhike-Secret", "")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            raise Refused(401, "wrong_secret", "共享密钥不对。")

    async def _turn(
        self,
        app: Sanic,
        body: Dict[str, Any],
        on_new_message: Callable[[UserMessage], Awaitable[Any]],
    ) -> Dict[str, Any]:
        agent = getattr(app.ctx, "agent", None)
        if agent is None or not agent.is_ready():
            raise Refused(503, "bot_not_ready", "机器人模型还没有加载好。")
        wants = await _parse(agent, body)
        output = WholeMessages()
        for number, parsed in enumerate(wants):
            await on_new_message(
                UserMessage(
                    text=parsed["text"],
                    output_channel=output,
                    sender_id=body["sender"],
                    parse_data=parsed,
                    input_channel=body["channel"],
                    message_id=body["message_id"] if number == 0 else f"{body['message_id']}:{number + 1}",
                )
            )
        if not output.messages:
            # Rasa answers 200 whatever failed inside; silence is a failure here.
            raise Refused(502, "no_reply", "机器人没有给出回答。")
        return {"messages": output.messages, "nlu": _nlu(wants, output)}


def _body(request: Request) -> Dict[str, Any]:
    try:
        body = request.json
    except Exception as error:
        raise Refused(400, "bad_json", "请求不是合法的 JSON。") from error
    if not isinstance(body, dict):
        raise Refused(400, "bad_json", "请求应为 JSON 对象。")
    for name in ("sender", "message_id"):
        if not isinstance(body.get(name), str) or not body[name].strip():
            raise Refused(422, f"missing_{name}", f"缺少 {name}。")
    button = body.get("button")
    button = button if isinstance(button, dict) else {}
    text = body.get("text")
    if not isinstance(text, str) or not text.strip():
        text = str(button.get("say") or button.get("action") or "")
    if not text.strip():
        raise Refused(422, "missing_text", "缺少 text。")
    action = button.get("action")
    if action is not None and action not in ACTION_INTENTS:
        raise Refused(422, "unknown_action", "不认识的按钮动作。")
    return {
        "sender": body["sender"],
        "message_id": body["message_id"],
        "text": str(button["say"]) if button.get("say") else text,
        "action": action,
        "script": str(button["script"]) if button.get("script") else None,
        "said_last": str(body["said_last"]) if isinstance(body.get("said_last"), str) else None,
        "channel": str(body.get("channel") or "web"),
    }


async def _parse(agent: Any, body: Dict[str, Any]) -> List[Dict[str, Any]]:
    """Understanding happens here, not in Rasa's handler, so that no text is ever read as a command.

    Two results where one sentence clearly asks for two things, else one.
    """
    text = neutralise(body["text"])[:KEPT_CHARS]
    if body["script"] is not None:
        return [_certain(text or "…", CHOOSE, None, script=body["script"])]
    if body["action"] is not None:
        context = await context_of(agent, body["sender"], body["said_last"])
        meant = pressed(body["action"], text, context)
        intent = meant.intent if meant else ACTION_INTENTS[body["action"]]
        known = {"said_last": context.said_last}
        return [_certain(text or body["action"], intent, body["action"]) | known]
    context = await context_of(agent, body["sender"], body["said_last"])
    answer = interpret(text, context)
    if answer is not None:
        certain = _certain(text or "…", answer.intent, answer.action, script=answer.script)
        return [certain | {"said_last": context.said_last}]
    if not has_meaning(text):
        return [_certain(text or "…", "nlu_fallback", None)]
    meant = corrected(text, context)
    two = halves(meant) if context.form is None else None
    whole = await _understand(agent, meant)
    if two is not None:
        parts = [await _understand(agent, half) for half in two]
        if both_clear([wants_of(part) for part in parts], shared_thresholds().sure):
            return [part | {"part": True} for part in parts]
    if names_other_order(meant, context) and context.form is None:
        whole["intent"] = {"name": "inform", "confidence": 1.0}
    if no_answer(text, context) and wants_of(whole)[0] in ("affirm", "deny"):
        whole["intent"] = {"name": "nlu_fallback", "confidence": 1.0}
    if must_ask_again(wants_of(whole)[0], context):
        whole["intent"] = {"name": WITHDRAWS, "confidence": 1.0}
    return [whole | {"said_last": context.said_last}]


async def _understand(agent: Any, text: str) -> Dict[str, Any]:
    # The encoder is most of a message's cost and lets go of the interpreter: other conversations go on meanwhile, and
    # the pipeline finds the vector remembered.
    await asyncio.to_thread(shared_encoder().one, text[:UNDERSTOOD_CHARS])
    parsed: Dict[str, Any] = await agent.processor.parse_message(UserMessage(text[:UNDERSTOOD_CHARS]))
    parsed = {name: parsed[name] for name in ("intent", "entities", "intent_ranking") if name in parsed}
    # Remembered by the matcher: the answer asks for the same sentence again.
    matches = await asyncio.to_thread(shared_understanding().matcher.match, text, None, 1)
    best = {"key": matches[0].key, "topic": matches[0].topic, "score": matches[0].score} if matches else None
    return {**parsed, "text": text, "script_match": best, "button_action": None}


def _certain(text: str, intent: str, action: Optional[str], script: Optional[str] = None) -> Dict[str, Any]:
    sure = {"name": intent, "confidence": 1.0}
    return {
        "text": text,
        "intent": sure,
        "entities": [],
        "intent_ranking": [sure],
        "script_match": None,
        "button_action": action,
        "chosen_script": script,
    }


def _nlu(wants: List[Dict[str, Any]], output: WholeMessages) -> Dict[str, Any]:
    parsed = wants[0]
    intent = parsed.get("intent") or {}
    match = parsed.get("script_match")
    asked_back = any(message.get("options") for message in output.messages)
    return {
        "intent": intent.get("name"),
        "confidence": intent.get("confidence"),
        "ranking": [[r["name"], r["confidence"]] for r in parsed.get("intent_ranking", [])[:RANKING]],
        "entities": [{"entity": e["entity"], "value": e["value"]} for want in wants for e in want.get("entities", [])],
        "script_match": {"key": match["key"], "score": match["score"]} if match else None,
        "answer": output.chosen,
        # Asking back is neither: the next message tells.
        "understood": None if asked_back else output.understood,
        # Of the choices that were offered none was meant, pressed or typed: what lacks an answer is the question before.
        "refused_all": parsed.get("button_action") == "none_of_these",
        "wants": [(want.get("intent") or {}).get("name") for want in wants],
    }


def _health(app: Sanic) -> Dict[str, Any]:
    agent = getattr(app.ctx, "agent", None)
    cache = shared_cache()
    ready = bool(agent is not None and agent.is_ready())
    return {
        "ready": ready and len(cache) > 0 and shared_understanding().ready,
        "model": agent.model_id if ready and agent is not None else None,
        "scripts": {"revision": cache.revision, "count": len(cache), "age_seconds": cache.age_seconds()},
    }
