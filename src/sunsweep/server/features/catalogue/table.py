"""What may be ordered from a machine model: the built-in commands, and over them its company's own. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, json

from sunsweep.contract.built_in import DESCRIPTIONS, PARAMETERS
from sunsweep.contract.commands import STOP_RANK, Order, is_stop_like
from sunsweep.contract.parameters import BadParameter, Parameter, Parameters, check
from sunsweep.server.errors import InvalidError
from sunsweep.server.features.catalogue.effects import BUILT_IN, Effects, effects, plain

MAX_DOCUMENT_BYTES: Final = 64 * 1024
_STARTS: Final = (Order.START_CLEANING, Order.RESUME)


class OwnCommand(Struct, frozen=True, omit_defaults=True):
    """What a company says of a command. None leaves what is built in; a command of its own then has none."""

    description: str = ""
    params: dict[str, Parameter] | None = None
    proved_by: tuple[str, ...] | None = None


Own = Mapping[str, OwnCommand]
"""By name, all that a company says of one machine model."""


class Known(Struct, frozen=True):
    """A command as it may be ordered."""

    description: str
    params: Parameters
    proved_by: tuple[str, ...]
    built_in: bool


def known(command: str, own: Own) -> Known | None:
    """None for a command that neither we nor the company name."""
    built_in = command in set(Order)
    if not built_in and command not in own:
        return None
    said = own.get(command, OwnCommand())
    return Known(
        said.description or (DESCRIPTIONS[Order(command)] if built_in else ""),
        (PARAMETERS[Order(command)] if built_in else {}) if said.params is None else said.params,
        BUILT_IN.get(command, ()) if said.proved_by is None else said.proved_by,
        built_in,
    )


def all_known(own: Own) -> dict[str, Known]:
    """The built-in ones first."""
    names = dict.fromkeys([*map(str, Order), *own])
    return {name: found for name in names if (found := known(name, own)) is not None}


def effects_for(own: Own) -> Effects:
    """Which states prove what, for this model."""
    return effects(BUILT_IN, {name: said.proved_by for name, said in own.items() if said.proved_by is not None})


def check_order(command: str, params: Mapping[str, Any], own: Own, *, custom: bool) -> None:
    """Raises `InvalidError` naming the field; `custom`: what nobody names may be ordered too."""
    found = known(command, own)
    if found is None and custom:
        return
    if found is None:
        names = ", ".join(all_known(own))
        raise InvalidError(f"{command} is not known for this machine; known are {names}", field="command")
    try:
        check(found.params, params, command=command)
    except BadParameter as error:
        raise InvalidError(f"params.{error}", field=f"params.{error.field}") from error


def check_own(own: Own) -> None:
    """What a company may not say of its commands; raises `InvalidError` naming the field."""
    for name, said in own.items():
        if is_stop_like(name) and any(parameter.required for parameter in (said.params or {}).values()):
            raise InvalidError(f"{name} is a stop: none of its parameters may be required", field=f"commands.{name}")
        for state in said.proved_by or ():
            if plain(state) is None:
                where = f"commands.{name}.proved_by"
                raise InvalidError(f"{where}: {state!r} says only that nobody hears it, or nothing", field=where)
    _check_proofs(effects_for(own))


def encoded(own: Own) -> str:
    """As it is kept; raises `InvalidError` where it is too long."""
    text = json.encode(own)
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidError(f"commands: together they have at most {MAX_DOCUMENT_BYTES} bytes", field="commands")
    return text.decode()


def decoded(text: str | None) -> dict[str, OwnCommand]:
    """What `encoded` made, or nothing."""
    return {} if text is None else json.decode(text, type=dict[str, OwnCommand])


def _check_proofs(proofs: Effects) -> None:
    """No state proves that a machine has stopped and that it has started."""
    working = {state for order in _STARTS for state in proofs.proved_by[order]}
    for stop in STOP_RANK:
        if both := sorted(working & proofs.proved_by[stop]):
            where = f"commands.{stop}.proved_by"
            raise InvalidError(f"{where}: {both[0]} also proves a start; it cannot prove both", field=where)
