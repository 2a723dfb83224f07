"""Lets scripts for Keras 1 and 2 train under Keras 3: finds the modules and names that are gone.

Where they are now stands in `old_names`. What is called otherwise now is the matter of `old_calls`, `old_training` and
`old_saving`. What can't be said in Keras 3 is left alone, so that Keras' own error explains it.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from importlib import metadata
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable

from . import old_calls, old_names
from .events import harmless, used

# The same API under each of its names. The second one also has what Keras 3 keeps of Keras 2 for `tf.keras` alone.
FULL = "keras._tf_keras.keras"
ROOTS = (FULL, "tensorflow.python.keras", "tensorflow.keras", "keras")
INTERNAL = "tensorflow.python.keras"

# TensorFlow's own remains of Keras 2, with which nothing can be trained any more. TensorFlow holds on to what it uses.
internal: dict[str, ModuleType] = {}


@functools.cache
def is_keras_3() -> bool:
    """Asked of the package's files, since this may be called while Keras is being imported."""
    if os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True"):
        return False
    try:
        return metadata.version("keras").startswith("3.")
    except metadata.PackageNotFoundError:
        return False


@harmless
def after_keras(keras: ModuleType) -> None:
    if not is_keras_3():
        return
    old_calls.install()
    for name in [name for name in sys.modules if name == "keras" or name.startswith("keras.")]:
        complete(sys.modules[name])


@harmless
def after_part_of_keras(module: ModuleType) -> None:
    """`tensorflow.keras.layers` is a module of its own, though it is made of a file of Keras."""
    if is_keras_3() and old_calls.installed:
        complete(module)


@harmless
def after_tensorflow(tensorflow: ModuleType) -> None:
    if not is_keras_3():
        return
    for name in [name for name in sys.modules if name == INTERNAL or name.startswith(INTERNAL + ".")]:
        internal[name] = sys.modules.pop(name)
    vars(sys.modules["tensorflow.python"]).pop("keras", None)
    answer_missing(tensorflow, functools.partial(find_tensorflow_1, tensorflow))
    answer_missing(tensorflow.train, find_tensorflow_1_optimizer)


def find_tensorflow_1(tensorflow: ModuleType, name: str) -> Any:
    if name not in old_names.TENSORFLOW_1:
        raise AttributeError(name)
    used(f"tensorflow.{name}")
    return getattr(tensorflow.compat.v1, name)


def find_tensorflow_1_optimizer(name: str) -> Any:
    """The optimizers that TensorFlow 1 had for its own models and `tf.keras` took too."""
    if name not in old_names.TENSORFLOW_1_OPTIMIZERS:
        raise AttributeError(name)
    used(f"tensorflow.train.{name}")
    return old_names.TENSORFLOW_1_OPTIMIZERS[name]


def complete(module: ModuleType) -> None:
    """Puts the changed names into a module of the API, and answers for the missing ones."""
    root, path = split(module.__name__)
    if isinstance(module, Alias) or root is None or path.startswith(("src.", "_tf_keras")) or path == "src":
        return
    for name, replacement in old_calls.replacements(path).items():
        if name in vars(module):
            setattr(module, name, replacement)
    for name in old_names.ATTRIBUTES.get(path, {}):
        vars(module).pop(name, None)
    answer_missing(module, functools.partial(find_attribute, module.__name__, root, path))


def answer_missing(module: ModuleType, find: Callable[[str], Any]) -> None:
    """Python asks a module's `__getattr__` for names that the module does not have."""
    before = vars(module).get("__getattr__")

    def find_missing(name: str) -> Any:
        if not name.startswith("__"):
            try:
                return find(name)
            except (AttributeError, ImportError):
                pass
        if before is not None:
            return before(name)
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    module.__getattr__ = find_missing


def find_attribute(module: str, root: str, path: str, name: str) -> Any:
    """
    :raises AttributeError: neither Keras 2 nor Keras 3 has it there
    """
    target = old_names.ATTRIBUTES.get(path, {}).get(name)
    if target is not None:
        found = find_path(target)
    elif name in old_names.FUNCTIONS.get(path, {}):
        found = old_names.FUNCTIONS[path][name]
    elif gone(f"{path}.{name}".lstrip(".")) is not None:
        return importlib.import_module(f"{module}.{name}")
    elif root != FULL and hasattr(find_module(path), name):
        found = getattr(find_module(path), name)
        if path == "backend":
            name = "*"
    else:
        raise AttributeError(name)
    used(f"{module}.{name}".replace(FULL, "tf.keras"))
    return found


def find_gone_module(name: str) -> ModuleSpec | None:
    """How to load a module that does not exist any more; None when Keras never had it."""
    if name in old_names.OTHER_MODULES:
        now, names = old_names.OTHER_MODULES[name]
        return Alias.spec(name, [lambda: importlib.import_module(now)], names)
    if not is_keras_3():
        return None
    root, path = split(name)
    if root == INTERNAL:
        return find_internal(name, path)
    if root is None:
        return None
    targets = (path,) if root == "keras_preprocessing" else gone(path)
    if targets is None:
        return None
    return Alias.spec(name, [functools.partial(find_module, target) for target in targets])


def find_internal(name: str, path: str) -> ModuleSpec | None:
    if not internal:
        return None  # TensorFlow itself is being imported.
    targets = gone(path)
    if targets is None and importable(path):
        targets = (path,)
    finders: list[Callable[[], ModuleType]] = [functools.partial(find_module, target) for target in targets or ()]
    if name in internal:
        # Some libraries use TensorFlow's own parts of it.
        finders.append(lambda: internal[name])
    if not finders:
        return None
    spec = Alias.spec(name, finders)
    spec.submodule_search_locations = list(getattr(internal.get(name), "__path__", []))
    return spec


def importable(path: str) -> bool:
    try:
        find_module(path)
    except ImportError:
        return False
    return True


def gone(path: str) -> tuple[str, ...] | None:
    """Where the names of a module that is gone are now."""
    parts = path.split(".")
    if parts[0] == "api":
        # An intermediate package that editors liked to write: `keras.api._v2.keras.layers`.
        rest = [part for part in parts[1:] if part not in ("_v1", "_v2", "keras")]
        return (".".join(rest),) if importable(".".join(rest)) else gone(".".join(rest))
    if path == "wrappers.scikit_learn":
        return ("wrappers.scikit_learn",)
    for length in range(len(parts), 0, -1):
        targets = old_names.MODULES.get(".".join(parts[:length]))
        if targets is not None:
            return targets
    return None


def split(name: str) -> tuple[str | None, str]:
    """The name of the API that a module's name begins with, and the rest."""
    if name == "keras_preprocessing" or name.startswith("keras_preprocessing."):
        return "keras_preprocessing", name.replace("keras_preprocessing", "preprocessing", 1)
    for root in ROOTS:
        if name == root or name.startswith(root + "."):
            return root, name[len(root) + 1 :]
    return None, name


def find_module(path: str) -> ModuleType:
    if path == "wrappers.scikit_learn":
        return importlib.import_module("pushtune_hooks.scikit_learn")
    return importlib.import_module(f"{FULL}.{path}" if path else FULL)


def find_path(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(find_module(module), name)


class Alias(ModuleType):
    """A module that is gone; its names are looked up where they are now."""

    def __init__(self, name: str, finders: list[Callable[[], ModuleType]], names: tuple[str, ...]) -> None:
        super().__init__(name)
        self.__dict__["_finders"] = finders
        self.__dict__["_names"] = names

    @staticmethod
    def spec(name: str, finders: list[Callable[[], ModuleType]], names: tuple[str, ...] = ()) -> ModuleSpec:
        spec = ModuleSpec(name, AliasLoader(finders, names), is_package=True)
        spec.submodule_search_locations = []
        return spec

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return list(self._names) or sorted({name for module in self._modules() for name in public_names(module)})
        if not name.startswith("__") and (not self._names or name in self._names):
            for module in self._modules():
                try:
                    return getattr(module, name)
                except AttributeError:
                    continue
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`keras.layers.merge` was a function before it was a module."""
        if not self.__name__.endswith(".layers.merge"):
            raise TypeError("'module' object is not callable")
        return old_calls.merge(*args, **kwargs)

    def _modules(self) -> list[ModuleType]:
        return [find() for find in self._finders]


def public_names(module: ModuleType) -> list[str]:
    listed = getattr(module, "__all__", None)
    return list(listed) if listed is not None else [name for name in dir(module) if not name.startswith("_")]


class AliasLoader(Loader):
    def __init__(self, finders: list[Callable[[], ModuleType]], names: tuple[str, ...]) -> None:
        self.finders = finders
        self.names = names

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Alias(spec.name, self.finders, self.names)

    def exec_module(self, module: ModuleType) -> None:
        used(module.__name__)
