"""Savings inside Rasa 3.6.21, which is pinned: what it works out anew for every message is worked out once.

Each keeps Rasa's behaviour and raises AttributeError on another Rasa, which stops the start instead of going unnoticed.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any, Dict, List, Optional, Text, Tuple
from weakref import WeakKeyDictionary

#: Nodes of a run in an order that suits their needs, each with what it needs.
_Plan = List[Tuple[Text, Tuple[Text, ...]]]


def apply() -> None:
    """All of them; for a process that serves or measures, not for one that trains."""
    check_schema_once()
    plan_runs_once()
    know_the_empty_domain()


def plan_runs_once() -> None:
    """Rasa cuts its graph to the run's targets and lets dask order it, 1.5 ms for every understanding and prediction.

    Neither changes while a model is loaded. Nodes run one after the other, as dask's `get` runs them too.
    """
    from rasa.engine.exceptions import GraphRunError
    from rasa.engine.runner.dask import DaskGraphRunner

    plans: WeakKeyDictionary[DaskGraphRunner, Dict[Tuple[Text, ...], _Plan]] = WeakKeyDictionary()
    _ = DaskGraphRunner._build_dask_graph

    def planned(self: DaskGraphRunner, targets: Tuple[Text, ...]) -> _Plan:
        mine = plans.setdefault(self, {})
        if targets not in mine:
            nodes = self._graph_schema.minimal_graph_schema(list(targets)).nodes
            order = TopologicalSorter({name: list(node.needs.values()) for name, node in nodes.items()}).static_order()
            mine[targets] = [(name, tuple(nodes[name].needs.values())) for name in order if name in nodes]
        return mine[targets]

    def run(
        self: DaskGraphRunner, inputs: Optional[Dict[Text, Any]] = None, targets: Optional[List[Text]] = None
    ) -> Dict[Text, Any]:
        wanted = tuple(targets or self._graph_schema.target_names)
        # A node gives its name with its output; an input that nobody gave is told to the node by its bare name.
        given: Dict[Text, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
        try:
            for name, needs in planned(self, wanted):
                given[name] = self._instantiated_nodes[name](*(given.get(need, need) for need in needs))
        except RuntimeError as error:
            raise GraphRunError("Error running runner.") from error
        return dict(given[name] for name in wanted)

    DaskGraphRunner.run = run  # type: ignore[method-assign]


def know_the_empty_domain() -> None:
    """Every message asks whether the domain is empty, and Rasa builds an empty one each time to compare with."""
    from rasa.shared.core.domain import Domain

    empty = Domain.empty().as_dict()
    _ = Domain.is_empty

    def is_empty(self: Domain) -> bool:
        return bool(self.as_dict() == empty)

    Domain.is_empty = is_empty  # type: ignore[method-assign]


def check_schema_once() -> None:
    """Rasa builds an answer's JSON schema anew and proves the schema itself valid on every action call, about 7 ms.

    The schema never changes; the answers are checked as strictly as before.
    """
    from jsonschema.validators import validator_for
    from rasa.core.actions.action import RemoteAction

    schema = RemoteAction.action_response_format_spec()
    kind = validator_for(schema)
    kind.check_schema(schema)
    validator = kind(schema)

    def validated(self: RemoteAction, result: Dict[str, Any]) -> bool:
        validator.validate(result)
        return True

    # Named, so that another version that lost the method stops the start instead of silently going unchecked.
    _ = RemoteAction._validate_action_result
    RemoteAction._validate_action_result = validated  # type: ignore[method-assign]
