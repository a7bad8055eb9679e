"""Strict JSON ↔ the generated messages: an unknown, missing or mistyped field is a failure, not a surprise later."""

import json
import math
import types
import typing
from dataclasses import asdict, fields, is_dataclass
from typing import Any, Literal

from . import contract
from .contract import CancelTask, ConvertTask, ImportTask, ParityTask, TuneTask
from .failure import Failure

Task = ImportTask | ConvertTask | ParityTask | TuneTask
ToWorker = Task | CancelTask
FromWorker = (
    contract.Hello | contract.Progress | contract.Imported | contract.Converted | contract.Parity | contract.Tuned | contract.Cancelled | contract.Failed
)

(PROTOCOL,) = typing.get_args(typing.get_type_hints(contract.Contract)["protocol"])
_BY_TYPE = {typing.get_args(typing.get_type_hints(message)["type"])[0]: message for message in typing.get_args(ToWorker)}


def parse(line: str | bytes) -> ToWorker:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise Failure("bad-input", f"a message to the worker is not JSON ({error}); the trainer and the worker are of different versions") from None
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _BY_TYPE:
        raise Failure("bad-input", f"the worker knows no message of type {kind!r}; the trainer and the worker are of different versions")
    return _checked(value, _BY_TYPE[kind], kind)


def serialize(message: FromWorker) -> bytes:
    return json.dumps(asdict(message), allow_nan=False).encode() + b"\n"


def _checked(value: Any, expected: Any, path: str) -> Any:
    """`value` as an instance of the type hint `expected`."""
    if is_dataclass(expected):
        return _object(value, expected, path)
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin is types.UnionType:
        if value is None and type(None) in arguments:
            return None
        (expected,) = (argument for argument in arguments if argument is not type(None))
        return _checked(value, expected, path)
    if origin is list and isinstance(value, list):
        return [_checked(item, arguments[0], f"{path}[{index}]") for index, item in enumerate(value)]
    if origin is Literal and value in arguments and not isinstance(value, bool):
        return value
    if expected is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if type(value) is expected:
        return value
    raise _unexpected(f"{path} is {json.dumps(value)[:80]}")


def _object(value: Any, expected: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise _unexpected(f"{path} is {json.dumps(value)[:80]}")
    hints = typing.get_type_hints(expected)
    names = [field.name for field in fields(expected)]
    if missing := set(names) - value.keys():
        raise _unexpected(f"{path} lacks {', '.join(sorted(missing))}")
    if unknown := value.keys() - set(names):
        raise _unexpected(f"{path} has the unknown field {', '.join(sorted(unknown))}")
    return expected(**{name: _checked(value[name], hints[name], f"{path}.{name}") for name in names})


def _unexpected(problem: str) -> Failure:
    return Failure("bad-input", f"in a message to the worker {problem}; the trainer and the worker are of different versions")
