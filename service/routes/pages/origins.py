"""Where kilograms came from as a picture: the steps of a walk as nodes and bands, few enough to be read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unicodedata import category

from fastapi import Request

from service.domain.ledger import AccountKind
from service.routes.pages.languages import language_of, translations
from service.routes.pages.rendering import number_of_tonnes
from service.routes.pages.words import word
from service.routes.provenance import ProvenanceOut, StepOut
from service.threads import in_thread

STEPS_DRAWN = 20_000
MOST_IN_A_COLUMN = 12
DOCUMENTS_NAMED = 3
FROM_NOWHERE = frozenset({AccountKind.ISSUE, AccountKind.SUSPENSE, AccountKind.GAINED})
# Marks that turn the direction of writing, or cannot be seen: a drawing has no element of its own for each name.
UNSEEN = frozenset({"Cc", "Cf"})

Key = tuple[object, ...]


@dataclass(slots=True)
class Node:
    """A box of the picture: one account, one tranche, or several loads that go the same way."""

    kind: str
    name: str | None = None
    documents: set[str] = field(default_factory=set)
    members: int = 1


@dataclass(slots=True)
class Graph:
    """Boxes and the bands between them, in kilograms."""

    nodes: dict[Key, Node] = field(default_factory=dict)
    links: defaultdict[tuple[Key, Key], int] = field(default_factory=lambda: defaultdict(int))
    papers: defaultdict[tuple[Key, Key], set[str]] = field(default_factory=lambda: defaultdict(set))

    def join(self, source: Key, target: Key, kg: int, document: str | None = None) -> None:
        """Widen the band between two boxes."""
        self.links[source, target] += kg
        if document:
            self.papers[source, target].add(document)

    def renamed(self, names: Mapping[Key, Key], nodes: Mapping[Key, Node]) -> "Graph":
        """The graph with boxes put together."""
        joined = Graph(dict(nodes))
        for (source, target), kg in self.links.items():
            joined.join(names.get(source, source), names.get(target, target), kg)
            joined.papers[names.get(source, source), names.get(target, target)] |= self.papers[source, target]
        return joined


async def picture_of(found: ProvenanceOut, request: Request) -> dict[str, Any] | None:
    """What the picture's script draws; None where there is nothing to draw, or not all of it, or it runs in a circle."""
    return None if found.steps_left_out else await in_thread(partial(_picture, found, request))


def _picture(found: ProvenanceOut, request: Request) -> dict[str, Any] | None:
    graph = _together(_graph(found.steps), _same_way)
    _name_what_came_from_nowhere(graph)
    depths = _depths(graph)
    if not depths:
        return None
    graph = _together(graph, lambda graph: _smallest(graph, depths))
    depths = _depths(graph)
    gettext = translations(language_of(request)).gettext
    through = _through(graph)
    names = {key: f"{number}" for number, key in enumerate(graph.nodes)}
    return {
        "nodes": [
            {
                "name": names[key],
                "kind": node.kind,
                "label": _label(node, gettext),
                "tonnes": number_of_tonnes(through[key]),
                "depth": depths[key],
            }
            for key, node in graph.nodes.items()
        ],
        "links": [
            {
                "source": names[source],
                "target": names[target],
                "value": kg,
                "tonnes": number_of_tonnes(kg),
                "papers": _some(graph.papers[source, target]),
            }
            for (source, target), kg in graph.links.items()
        ],
        "rows": max(list(depths.values()).count(depth) for depth in set(depths.values())),
        "unit": gettext("t"),
    }


def _graph(steps: Iterable[StepOut]) -> Graph:
    """One box for each account; between a pool and a holder's quota stands the tranche, with its document."""
    graph = Graph()
    for step in steps:
        source, target = _box(graph, step.source_kind, step.source_account, step.source), None
        if step.source_kind is AccountKind.POOL and step.target_kind is AccountKind.QUOTA:
            tranche: Key = ("tranche", step.target_account, step.document)
            graph.nodes.setdefault(tranche, Node("tranche", step.document))
            graph.join(source, tranche, step.kg, step.document)
            source = tranche
        target = _box(graph, step.target_kind, step.target_account, step.target)
        for kind, box in ((step.source_kind, source), (step.target_kind, target)):
            if kind is AccountKind.LOAD and step.document:
                graph.nodes[box].documents.add(step.document)
        graph.join(source, target, step.kg, step.document)
    return graph


def _box(graph: Graph, kind: AccountKind, account: int, name: str | None) -> Key:
    key: Key = (kind.value, account)
    graph.nodes.setdefault(key, Node(kind.value, name))
    return key


def _together(graph: Graph, choose: Any) -> Graph:
    """The graph with the boxes put together that a choice gives one key."""
    names: dict[Key, Key] = choose(graph)
    nodes: dict[Key, Node] = {}
    for key, node in graph.nodes.items():
        joined = names.get(key, key)
        if joined in nodes:
            nodes[joined].members += node.members
            nodes[joined].documents |= node.documents
            nodes[joined].name = None if joined != key and nodes[joined].name != node.name else node.name
        else:
            nodes[joined] = node
    return graph.renamed(names, nodes)


def _same_way(graph: Graph) -> dict[Key, Key]:
    """Loads between the same accounts are one box; what was lost of them on the way does not part them."""
    sources: defaultdict[Key, set[Key]] = defaultdict(set)
    targets: defaultdict[Key, set[Key]] = defaultdict(set)
    for source, target in graph.links:
        targets[source].add(target)
        sources[target].add(source)
    return {
        key: ("loads", frozenset(sources[key]), frozenset(at for at in targets[key] if at[0] != AccountKind.LOST))
        for key, node in graph.nodes.items()
        if node.kind == AccountKind.LOAD
    }


def _smallest(graph: Graph, depths: Mapping[Key, int]) -> dict[Key, Key]:
    """In each column the smallest boxes beyond what can be read are one."""
    through = _through(graph)
    columns: defaultdict[tuple[int, str], list[Key]] = defaultdict(list)
    for key, depth in depths.items():
        columns[depth, graph.nodes[key].kind].append(key)
    return {
        key: ("rest", *column)
        for column, keys in columns.items()
        if len(keys) > MOST_IN_A_COLUMN
        for key in sorted(keys, key=lambda key: -through[key])[MOST_IN_A_COLUMN - 1 :]
    }


def _name_what_came_from_nowhere(graph: Graph) -> None:
    """A box that more goes out of than came in gets the rest from a box that says so."""
    came: defaultdict[Key, int] = defaultdict(int)
    went: defaultdict[Key, int] = defaultdict(int)
    for (source, target), kg in graph.links.items():
        went[source] += kg
        came[target] += kg
    for key, node in list(graph.nodes.items()):
        if node.kind not in FROM_NOWHERE and went[key] > came[key]:
            nowhere: Key = ("unproven", key)
            graph.nodes[nowhere] = Node("unproven")
            graph.join(nowhere, key, went[key] - came[key])


def _depths(graph: Graph) -> dict[Key, int]:
    """The column of each box: after all that flows into it; what has no inflow stands just before what it feeds.

    Empty where the bands run in a circle.
    """
    waiting: defaultdict[Key, int] = defaultdict(int)
    targets: defaultdict[Key, list[Key]] = defaultdict(list)
    for source, target in graph.links:
        waiting[target] += 1
        targets[source].append(target)
    depths = {key: 0 for key in graph.nodes if not waiting[key]}
    ready = list(depths)
    while ready:
        key = ready.pop()
        for target in targets[key]:
            depths[target] = max(depths.get(target, 0), depths[key] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    if any(waiting.values()):
        return {}
    fed = {target for _, target in graph.links}
    return {
        key: depth if key in fed or not targets[key] else min(depths[target] for target in targets[key]) - 1
        for key, depth in depths.items()
    }


def _through(graph: Graph) -> dict[Key, int]:
    came: defaultdict[Key, int] = defaultdict(int)
    went: defaultdict[Key, int] = defaultdict(int)
    for (source, target), kg in graph.links.items():
        went[source] += kg
        came[target] += kg
    return {key: max(came[key], went[key]) for key in graph.nodes}


def _label(node: Node, gettext: Any) -> str:
    kind: str = gettext(word(node.kind, "account"))
    if node.kind == AccountKind.LOAD:
        count = node.members
        return f"{kind} {_plain(next(iter(node.documents), ''))}" if count == 1 else f"{kind} × {count}"
    if node.members > 1:
        return f"{kind} × {node.members}"
    return f"{kind}\n{_plain(node.name)}" if node.name else kind


def _plain(name: str) -> str:
    return "".join(character for character in name if category(character) not in UNSEEN)


def _some(documents: set[str]) -> list[str]:
    named = [_plain(document) for document in sorted(documents)]
    return named[:DOCUMENTS_NAMED] + (["…"] if len(named) > DOCUMENTS_NAMED else [])
