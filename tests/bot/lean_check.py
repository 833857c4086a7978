"""Run in the bot's environment: Rasa with our savings does what Rasa does. Prints OK."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from rasa.engine.exceptions import GraphRunError
from rasa.engine.graph import ExecutionContext, GraphComponent, GraphSchema, SchemaNode
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.core.domain import Domain

from bot import lean


class Step(GraphComponent):
    """Notes that it ran, and puts its word behind what it was given."""

    ran: list[str] = []

    def __init__(self, word: str) -> None:
        self.word = word

    @classmethod
    def create(cls, config: dict[str, Any], *_: Any, **__: Any) -> Step:
        return cls(config["word"])

    def first(self, text: str) -> str:
        return self.joined(text, "")

    def joined(self, left: str, right: str) -> str:
        Step.ran.append(self.word)
        if self.word == "stumbles":
            raise RuntimeError("no")
        return f"{left}{right}{self.word}"


def node(needs: dict[str, str], word: str, fn: str) -> SchemaNode:
    return SchemaNode(needs=needs, uses=Step, constructor_name="create", fn=fn, config={"word": word},
                      resource=Resource(word))


def answers(runner: DaskGraphRunner) -> list[Any]:
    found: list[Any] = []
    for targets in (["d"], ["b"], ["b", "d"], None):
        for given in ("x", "y"):
            Step.ran = []
            found.append((runner.run(inputs={"text": given}, targets=targets), sorted(Step.ran)))
    try:
        runner.run(inputs={"text": "x"}, targets=["e"])
    except Exception as error:
        found.append(type(error).__name__)
    return found


def a_planned_run_gives_what_dask_gives_and_runs_only_what_is_needed() -> None:
    schema = GraphSchema({
        "d": node({"left": "b", "right": "c"}, "d", "joined"),
        "a": node({"text": "text"}, "a", "first"),
        "c": node({"text": "a"}, "c", "first"),
        "b": node({"text": "a"}, "b", "first"),
        "e": node({"text": "a"}, "stumbles", "first"),
    })  # fmt: skip
    schema.nodes["d"].is_target = True
    storage = LocalModelStorage(Path(tempfile.mkdtemp()))
    runner = DaskGraphRunner(schema, storage, ExecutionContext(schema))
    as_it_comes, empty = answers(runner), Domain.empty().is_empty()
    lean.apply()
    assert answers(runner) == as_it_comes and len(as_it_comes) == 9
    assert as_it_comes[0] == ({"d": "xabxacd"}, ["a", "b", "c", "d"])
    assert as_it_comes[2] == ({"b": "xab"}, ["a", "b"]), "what is not needed does not run"
    assert empty and Domain.empty().is_empty()
    assert not Domain.from_yaml("version: '3.1'\nintents: [greet]").is_empty()
    assert issubclass(GraphRunError, Exception)


if __name__ == "__main__":
    a_planned_run_gives_what_dask_gives_and_runs_only_what_is_needed()
    print("OK")
