"""Translates arguments that a function or class of Keras does not take any more."""

from __future__ import annotations

import functools
import inspect
import os
from typing import Any, Callable, Mapping, Union

from .events import used

# What is said instead: another keyword, or a function of the value that returns the keywords to pass (`{}` for none).
# It returns None when the value can't be said in Keras 3; then Keras' own error stands.
Rule = Union[str, Callable[[Any], Union["dict[str, Any]", None]]]
Rules = Mapping[str, Rule]
# Changes arguments as a whole: takes and returns the positional ones, and changes the others in place.
Step = Callable[[Any, "tuple[Any, ...]", "dict[str, Any]"], "tuple[Any, ...]"]


def drop(_value: Any) -> dict[str, Any]:
    return {}


def drop_if(*values: Any) -> Rule:
    return lambda value: {} if any(value is known or value == known for known in values) else None


def renamed(name: str, convert: Callable[[Any], Any]) -> Rule:
    return lambda value: {name: convert(value)}


def translate(label: str, rules: Rules, arguments: dict[str, Any]) -> None:
    """Changes keyword arguments in place and tells which."""
    for old in [name for name in arguments if name in rules]:
        rule = rules[old]
        value = arguments[old]
        instead = {rule: value} if isinstance(rule, str) else rule(value)
        if instead is None or any(name in arguments and name != old for name in instead):
            continue
        del arguments[old]
        arguments.update(instead)
        if list(instead) != [old] or instead[old] is not value:
            used(f"{label}({old}=)")


def adapt(owner: Any, name: str, rules: Rules, step: Step | None = None, label: str | None = None) -> None:
    """Has a method of a class, or a function of a module, take the old arguments too."""
    if name != "__init__":
        # Where it is defined, so that Keras does not take a class of its own for one that overrides it.
        owner = next((base for base in getattr(owner, "__mro__", ()) if name in vars(base)), owner)
    whole = getattr(owner, name)
    # Keras takes its own frames out of a traceback that leaves such a method, and ours with them.
    filtered = getattr(getattr(whole, "__code__", None), "co_name", "") == "error_handler"
    original = whole.__wrapped__ if filtered else whole
    shown = label or (owner.__name__ if name == "__init__" else name)

    @functools.wraps(original)
    def adapted(*arguments: Any, **keywords: Any) -> Any:
        if step is not None:
            arguments = (arguments[0], *step(arguments[0], arguments[1:], keywords))
        if not rules.keys().isdisjoint(keywords):
            translate(shown, rules, keywords)
        return original(*arguments, **keywords)

    # Keras keeps a layer's arguments by the names that it sees in the signature.
    adapted.__signature__ = inspect.signature(original)
    setattr(owner, name, filter_traceback(adapted) if filtered else adapted)


def filter_traceback(function: Any) -> Any:
    from keras.src.utils import traceback_utils

    folder = os.path.dirname(__file__)
    if folder not in traceback_utils._EXCLUDED_PATHS:
        traceback_utils._EXCLUDED_PATHS += (folder,)
    return traceback_utils.filter_traceback(function)
