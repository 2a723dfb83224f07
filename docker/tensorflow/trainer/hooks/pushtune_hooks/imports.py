"""Watches what the script imports, to add to a module right after it was loaded or to find one that is gone."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, TracebackType
from typing import Any, Callable

from . import events, notebook, seeds

Patch = Callable[[ModuleType], None]

# Where a `CallbackList` is defined: Keras 3, tf-keras, Keras 2 from 2.13 on, Keras 2 before, TensorFlow up to 2.5.
CALLBACK_MODULES = (
    "keras.src.callbacks.callback_list",
    "tf_keras.src.callbacks",
    "keras.src.callbacks",
    "keras.callbacks",
    "tensorflow.python.keras.callbacks",
)
# Packages of which Keras 2 had modules that are gone.
CHANGED_PACKAGES = {"keras", "tensorflow", "keras_preprocessing", "sklearn"}


def install(folder: str) -> None:
    events.claim()
    notebook.install()
    patches: dict[str, Patch] = {
        "keras": late("keras2", "after_keras"),
        "tensorflow": late("keras2", "after_tensorflow"),
        "numpy": late("old_numpy", "patch"),
        "IPython": late("notebook", "after_ipython"),
        "yaml": late("old_training", "teach_yaml"),
    }
    patches.update(dict.fromkeys(CALLBACK_MODULES, late("autolog", "patch")))
    for name, seeder in seeds.SEEDERS.items():
        patches[name] = both(patches.get(name), seeder)
    seeds.seed_python()
    sys.meta_path.insert(0, Watcher(patches))
    sys.meta_path.append(GoneModules())
    show_only_frames_outside(folder)


def late(module: str, function: str) -> Patch:
    """A patch whose own module is imported when it is needed."""

    @events.harmless
    def patch(loaded: ModuleType) -> None:
        getattr(importlib.import_module(f"pushtune_hooks.{module}"), function)(loaded)

    return patch


def both(first: Patch | None, second: Patch) -> Patch:
    def patch(loaded: ModuleType) -> None:
        if first is not None:
            first(loaded)
        second(loaded)

    return patch


class Watcher:
    """Stands before Python's own finders and lets them do the work."""

    def __init__(self, patches: dict[str, Patch]) -> None:
        self.patches = patches

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.startswith("tensorflow.python.keras") and "pushtune_hooks.keras2" in sys.modules:
            return find_gone(name)
        patch = self.patches.get(name)
        if patch is None and name.startswith(("tensorflow.keras", "keras._tf_keras.keras")):
            patch = late("keras2", "after_part_of_keras")
        # A target is given when a module is loaded again, which has been patched then.
        if patch is None or target is not None:
            return None
        spec = self.find_elsewhere(name, path)
        if spec is not None and spec.loader is not None:
            call_after_loading(spec, patch)
        return spec

    def find_elsewhere(self, name: str, path: Any) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is not self:
                spec = finder.find_spec(name, path, None)
                if spec is not None:
                    return spec
        return None


def call_after_loading(spec: ModuleSpec, patch: Patch) -> None:
    """The loader stays the module's own, so that nobody who asks for the source sees a difference."""
    loader: Any = spec.loader
    load = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        state = seeds.python_state()
        try:
            load(module)
        finally:
            del loader.exec_module
            seeds.restore_python(state)
        patch(module)

    loader.exec_module = exec_module


class GoneModules:
    """Stands behind all finders: is asked only for what does not exist."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, dot, _ = name.partition(".")
        if package not in CHANGED_PACKAGES or not (dot or package == "keras_preprocessing"):
            return None
        return find_gone(name)


@events.harmless
def find_gone(name: str) -> ModuleSpec | None:
    from . import keras2

    return keras2.find_gone_module(name)


def show_only_frames_outside(folder: str) -> None:
    """The traceback with which a script ends shows the script's frames and its libraries', as in a plain run."""
    show = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        strip_chain(error, folder)
        show(kind, error, error.__traceback__)

    sys.excepthook = excepthook


def strip_chain(error: BaseException, folder: str) -> None:
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.__traceback__ = without_frames_of(current.__traceback__, folder)
        pending += [current.__cause__, current.__context__]


def without_frames_of(trace: TracebackType | None, folder: str) -> TracebackType | None:
    entries: list[tuple[str, TracebackType]] = []
    current = trace
    while current is not None:
        entries.append((current.tb_frame.f_code.co_filename, current))
        current = current.tb_next
    if not any(name.startswith(folder) for name, _ in entries):
        return trace
    kept: TracebackType | None = None
    for name, entry in reversed(entries):
        # Python drops the frames of its own import machinery only where none of ours stands between them.
        if not name.startswith((folder, "<frozen importlib")):
            kept = TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return kept
