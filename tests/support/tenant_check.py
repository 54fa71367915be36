"""Reads the code for queries that go around the tenant filter (`sunsweep.server.db.tenancy`)."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeGuard

import sunsweep
from sunsweep.server.db.models import Base
from sunsweep.server.db.tenancy import OWNED

SOURCE: Final = Path(sunsweep.__file__).parent
PLATFORM_ROOMS: Final = ("server/ingest", "server/jobs", "server/dispatch", "server/broker", "server/db")
"""They work for all companies and answer nobody."""

PLATFORM_TABLES: Final = frozenset(
    {"BrokerSync", "FailedLogin", "Lease", "LoginToKick", "PlatformState", "ServiceAccount", "ServiceRule"}
)
"""Tables with nothing in them that is a company's."""

REACHED: Final = frozenset({"CommandEvent"})
"""Tables that hang on a row which hangs on a machine: their queries join it."""

MODELS: Final = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
OWNED_NAMES: Final = frozenset(model.__name__ for model in OWNED)
VERBS: Final = frozenset({"select", "update", "delete", "text"})
KEYS: Final = ("machine_id", "user_id")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def unclassified() -> list[str]:
    """Tables of which nobody has said whose their rows are."""
    return [
        name
        for name, model in MODELS.items()
        if name not in OWNED_NAMES | PLATFORM_TABLES | REACHED and not any(hasattr(model, key) for key in KEYS)
    ]


def violations() -> list[str]:
    """Of all code but the rooms that work for the whole platform."""
    found = []
    for file in sorted(SOURCE.rglob("*.py")):
        where = file.relative_to(SOURCE).as_posix()
        # The app cannot reach the database: the law of the rooms keeps it from that.
        if not where.startswith((*PLATFORM_ROOMS, "app/")):
            found += violations_in(file.read_text(), where)
    return found


def violations_in(source: str, where: str) -> list[str]:
    """What goes around the filter, each with its line and a word on the remedy."""
    tree = ast.parse(source)
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
    inner = {id(node) for function in functions.values() for node in _inside(function)}
    found = [
        f"{where}:{node.lineno}: a query outside of any function names no company"
        for node in ast.walk(tree)
        if _is_query(node) and id(node) not in inner
    ]
    for function in functions.values():
        if any(map(_is_query, _inside(function))) and not _is_platform_wide(function):
            found += [f"{where}:{function.lineno}: {function.name}: {why}" for why in _wrong(function, functions)]
    return found


def _wrong(function: Function, functions: dict[str, Function]) -> Iterator[str]:
    remedy = "; or say why it may see every company: @platform_wide(...)"
    names = {node.id for node in _inside(function) if isinstance(node, ast.Name) and node.id in MODELS}
    if names and names <= PLATFORM_TABLES:
        return
    if any(_called(node) == "text" for node in _inside(function)):
        yield f"a query in words cannot be checked{remedy}"
    facts = _facts(function, functions, set())
    for name in sorted(names & OWNED_NAMES):
        by_machine = (name == "Machine" and "Machine.id" in facts) or (
            hasattr(MODELS[name], "machine_id") and "machine_id" in facts
        )
        if f"owned {name}" not in facts and not by_machine:
            yield f"{name} without owned({name}, company_id){remedy}"
    if not names & OWNED_NAMES and not facts:
        yield f"neither a company nor a machine is named{remedy}"


def _facts(function: Function, functions: dict[str, Function], seen: set[str]) -> set[str]:
    """By what the function's queries are bound, those of the functions of its module that it calls among them."""
    seen.add(function.name)
    facts = set[str]()
    for node in _inside(function):
        called = _called(node)
        if isinstance(node, ast.Compare):
            facts |= _keys(node.left) | {key for side in node.comparators for key in _keys(side)}
        elif isinstance(node, ast.Call) and called == "in_" and isinstance(node.func, ast.Attribute):
            facts |= _keys(node.func.value)
        elif isinstance(node, ast.Call) and called == "owned" and isinstance(node.args[0], ast.Name):
            facts.add(f"owned {node.args[0].id}")
        elif isinstance(node, ast.Call) and _is_get(node) and ast.unparse(node.args[1]) == "machine_id":
            facts.add("machine_id")
        if called in functions and called not in seen:
            facts |= _facts(functions[called], functions, seen)
    return facts


def _keys(side: ast.expr) -> set[str]:
    """The columns that bind a query to what the filter gave out."""
    if not isinstance(side, ast.Attribute):
        return set()
    keys = {side.attr} & set(KEYS)
    return keys | ({"Machine.id"} if ast.unparse(side) == "Machine.id" else set())


def _is_query(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ((isinstance(node.func, ast.Name) and node.func.id in VERBS) or _is_get(node))


def _is_get(node: ast.Call) -> bool:
    """`session.get(Model, key)`."""
    args = node.args
    return _called(node) in ("get", "get_one") and bool(args) and isinstance(args[0], ast.Name) and args[0].id in MODELS


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _is_platform_wide(function: Function) -> bool:
    return any(_called(decorator) == "platform_wide" for decorator in function.decorator_list)


def _inside(function: Function) -> Iterator[ast.AST]:
    """The body, without the types that stand in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.AnnAssign):
            waiting += [part for part in (node.target, node.value) if part is not None]
        elif isinstance(node, Function):
            waiting += node.body
        else:
            waiting += ast.iter_child_nodes(node)
