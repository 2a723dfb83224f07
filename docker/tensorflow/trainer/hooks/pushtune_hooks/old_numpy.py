"""NumPy's names that are gone since 1.24 and 2.0, for scripts that still use them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .events import used

# Old name → what it was: a builtin, or another name of NumPy.
BUILTINS = {"float": float, "int": int, "object": object, "str": str, "complex": complex, "unicode": str, "bool": bool}
RENAMED = {
    "float_": "float64",
    "complex_": "complex128",
    "bool8": "bool_",
    "unicode_": "str_",
    "string_": "bytes_",
    "Inf": "inf",
    "Infinity": "inf",
    "infty": "inf",
    "NaN": "nan",
    "product": "prod",
    "cumproduct": "cumprod",
    "sometrue": "any",
    "alltrue": "all",
    "in1d": "isin",
    "trapz": "trapezoid",
    "row_stack": "vstack",
    "round_": "round",
}


def patch(numpy: ModuleType) -> None:
    """Called by Python for names that NumPy does not have; NumPy's own function explains the others."""
    explain = vars(numpy).get("__getattr__")

    def find_old(name: str) -> Any:
        if name in BUILTINS or name in RENAMED:
            used(f"numpy.{name}")
            return BUILTINS[name] if name in BUILTINS else getattr(numpy, RENAMED[name])
        if explain is not None:
            return explain(name)
        raise AttributeError(f"module 'numpy' has no attribute {name!r}")

    numpy.__getattr__ = find_old
