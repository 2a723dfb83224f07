"""Finds out which frameworks a script imports first, so that they can be imported before the script is there.

Only what surely happens in a plain run is taken, in its order: imports at the top of the script and of the modules of
its own that it imports, and constant settings of the environment between them. The reading ends at the first statement
that might do something else to a later import; what follows, the script imports itself.
"""

from __future__ import annotations

import ast
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Optional, Tuple

# Packages that may be imported ahead. None of them does anything but define things when it is imported.
FRAMEWORKS = frozenset(
    "tensorflow keras tf_keras tensorflow_datasets tensorflow_hub tensorflow_addons keras_cv keras_nlp keras_hub "
    "keras_tuner torch torchvision torchaudio pytorch_lightning lightning jax flax optax numpy pandas scipy sklearn "
    "matplotlib mpl_toolkits seaborn plotly cv2 PIL skimage imageio h5py yaml tqdm joblib statsmodels xgboost lightgbm "
    "catboost nltk transformers datasets imblearn requests six packaging absl numba sympy pyarrow".split()
)
# Variables that frameworks, their libraries and Python read when they are loaded or initialised. Of a request only
# these make another interpreter; a variable that a trial tunes does not.
READ_BY_FRAMEWORKS = (
    "KERAS TF_ TF2_ TENSORFLOW CUDA CUDNN NVIDIA NCCL ROCR HIP_ XLA JAX TORCH PYTORCH OMP_ KMP_ GOMP MKL OPENBLAS GOTO_ "
    "BLIS VECLIB NUMEXPR NUMBA MPL MATPLOTLIB SKLEARN SCIPY NPY_ NUMPY PANDAS OPENCV CV_ ONEDNN DNNL PYTHON LD_ MALLOC_ "
    "GLIBC LC_ LANG TZ HOME PATH TMP TEMP XDG_ ABSL GRPC PROTOCOL_BUFFERS HF_ TRANSFORMERS TOKENIZERS JOBLIB LOKY ARROW "
    "QT_ DISPLAY SDL"
).split()
# Files of the working directory that a framework reads when it is imported.
READ_ON_IMPORT = ("matplotlibrc", ".numba_config.yaml")
# Calls between imports that change nothing for those which follow. A name stands for all that begins with it.
HARMLESS_CALLS = tuple(
    "print len range int float str bool list dict set tuple min max sum abs round sorted isinstance zip enumerate "
    "warnings. logging. random. time. math. datetime. os.path. os.getcwd os.getenv os.environ.get environ.get os.makedirs "
    "sys.path.append Path pathlib.Path np.random.seed numpy.random.seed tf.random.set_seed tensorflow.random.set_seed "
    "tf.get_logger tf.config. tf.compat.v1.logging. tf.keras.utils.set_random_seed keras.utils.set_random_seed "
    "torch.manual_seed matplotlib.use mpl.use get_ipython.run_line_magic get_ipython".split()
)
PLAIN_DECORATORS = {"property", "staticmethod", "classmethod", "abstractmethod", "dataclass", "setter"}
ENVIRON = ("os.environ", "environ")
# A script of which more than this is its own modules is read no further.
MOST_FILES = 200


@dataclass
class Plan:
    """What an interpreter does before it gets the script."""

    # ["import", module, names], ["set" | "default" | "putenv", variable, value], ["unset", variable]
    steps: List[List[Any]] = field(default_factory=list)
    # Why nothing more is imported ahead.
    ends: Optional[str] = None

    @property
    def modules(self) -> List[str]:
        return [step[1] for step in self.steps if step[0] == "import"]


class CannotFollow(Exception):
    """The statement may change what a later import does."""


def read_plan(workspace: Path, main: str) -> Plan:
    """The plan of a script; one without steps when there is nothing to import ahead."""
    for name in READ_ON_IMPORT:
        if (workspace / name).exists():
            return Plan(ends=f"{name} is read when a framework is imported")
    script = (workspace / main).resolve()
    plan = Plan()
    try:
        reader = Reader(script.parent, plan.steps)
        reader.read_file(script, None)
    except CannotFollow as problem:
        plan.ends = str(problem)
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        plan.ends = f"{main} can't be read: {error}"
    # A setting behind the last import is the script's alone.
    while plan.steps and plan.steps[-1][0] != "import":
        plan.steps.pop()
    if not plan.steps and plan.ends is None:
        plan.ends = f"{main} imports no framework at its top"
    return plan


def is_read_by_frameworks(variable: str) -> bool:
    return variable.startswith(tuple(READ_BY_FRAMEWORKS))


class Reader:
    def __init__(self, folder: Path, steps: List[List[Any]]) -> None:
        # The first entry of the script's `sys.path`.
        self.folder = folder
        self.steps = steps
        self.seen: set[str] = set()
        self.known: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())

    def read_file(self, path: Path, module: Optional[str]) -> None:
        """:param module: the file's name as a module; None for the main script"""
        if len(self.seen) >= MOST_FILES:
            raise CannotFollow("the script has too many modules of its own")
        self.seen.add(str(path))
        source = path.read_bytes()
        self.read_body(ast.parse(source, str(path)).body, module, path.name == "__init__.py")

    def read_body(self, body: Iterable[ast.stmt], module: Optional[str], is_package: bool) -> None:
        for statement in body:
            if isinstance(statement, ast.Import):
                for alias in statement.names:
                    self.import_module(alias.name, [])
            elif isinstance(statement, ast.ImportFrom):
                name = absolute_name(statement, module, is_package)
                self.import_module(name, [alias.name for alias in statement.names])
            elif isinstance(statement, ast.If) and is_main_test(statement.test):
                if module is None:
                    self.read_body(statement.body, module, is_package)
            elif isinstance(statement, ast.Try):
                self.read_body([*statement.body, *statement.orelse, *statement.finalbody], module, is_package)
            elif module is None and notebook_cells(statement) is not None:
                self.read_cells(statement)
            elif not self.set_environment(statement) and not is_harmless(statement):
                raise CannotFollow(f"line {statement.lineno} of {module or 'the script'} may change what follows")

    def read_cells(self, statement: ast.stmt) -> None:
        self.steps.append(["import", "pushtune_hooks.cells", []])
        for source in notebook_cells(statement) or []:
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            self.read_body(compile(source, "<cell>", "exec", flags, True).body, None, False)

    def import_module(self, name: str, names: List[str]) -> None:
        top = name.partition(".")[0]
        files = list(self.own_files(name, names))
        if files and (top in FRAMEWORKS or top in self.known):
            raise CannotFollow(f"the script has a module of its own called {top}")
        if files:
            for path, module in files:
                if str(path) not in self.seen:
                    self.read_file(path, module)
        elif top in FRAMEWORKS:
            self.steps.append(["import", name, names])
        elif top not in self.known:
            raise CannotFollow(f"what {top} does when it is imported is not known")

    def own_files(self, name: str, names: List[str]) -> Iterator[Tuple[Path, str]]:
        """Files of the script's own that an import runs, in their order."""
        folder = self.folder
        parts = name.split(".")
        for depth, part in enumerate(parts, start=1):
            module = ".".join(parts[:depth])
            if (folder / part / "__init__.py").is_file():
                yield folder / part / "__init__.py", module
            elif (folder / f"{part}.py").is_file():
                yield folder / f"{part}.py", module
                return
            folder = folder / part
        for part in names:
            if (folder / f"{part}.py").is_file():
                yield folder / f"{part}.py", f"{name}.{part}"
            elif (folder / part / "__init__.py").is_file():
                yield folder / part / "__init__.py", f"{name}.{part}"

    def set_environment(self, statement: ast.stmt) -> bool:
        """Takes a statement that does nothing but set variables to constants."""
        found = list(changes_of_environment(statement))
        for action, name, value in found:
            text = constant_text(name)
            if text is None:
                raise CannotFollow(f"line {statement.lineno} sets a variable whose name is computed")
            if not is_read_by_frameworks(text):
                if value is not None and not is_harmless(value):
                    raise CannotFollow(f"line {statement.lineno} may change what follows")
            elif action == "unset":
                self.steps.append([action, text])
            elif value is None or constant_text(value) is None:
                raise CannotFollow(f"line {statement.lineno} sets {text} to a computed value")
            else:
                self.steps.append([action, text, constant_text(value)])
        return bool(found)


def changes_of_environment(
    statement: ast.stmt,
) -> Iterator[Tuple[str, Optional[ast.expr], Optional[ast.expr]]]:
    """What the statement does to variables: the action, the variable's name, its value."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Subscript) and dotted(target.value) in ENVIRON:
            yield "set", target.slice, statement.value
    elif isinstance(statement, ast.Delete) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Subscript) and dotted(target.value) in ENVIRON:
            yield "unset", target.slice, None
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        yield from changes_by_call(statement.value)


def changes_by_call(call: ast.Call) -> Iterator[Tuple[str, Optional[ast.expr], Optional[ast.expr]]]:
    owner, _, method = dotted(call.func).rpartition(".")
    values = call.args
    if owner in ENVIRON and method == "setdefault" and len(values) == 2:
        yield "default", values[0], values[1]
    elif owner in ENVIRON and method == "pop" and values:
        yield "unset", values[0], None
    elif owner == "os" and method == "putenv" and len(values) == 2:
        yield "putenv", values[0], values[1]
    elif owner == "os" and method == "unsetenv" and values:
        yield "putenv", values[0], None
    elif owner in ENVIRON and method == "update":
        for value in values:
            if not isinstance(value, ast.Dict):
                yield "set", None, None
                return
            for key, item in zip(value.keys, value.values):
                yield "set", key, item
        for keyword in call.keywords:
            yield "set", None if keyword.arg is None else ast.Constant(keyword.arg), keyword.value


def is_harmless(node: ast.AST) -> bool:
    """Whether running it leaves everything as it was that an import could depend on."""
    parts: List[ast.AST]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        parts = [*node.args.defaults, *(value for value in node.args.kw_defaults if value)]
        return has_plain_decorators(node) and all(is_harmless(part) for part in parts)
    if isinstance(node, ast.ClassDef):
        parts = [*node.bases, *(keyword.value for keyword in node.keywords), *node.body]
        return has_plain_decorators(node) and all(is_harmless(part) for part in parts)
    for part in ast.walk(node):
        if isinstance(part, (ast.Import, ast.ImportFrom, ast.Await, ast.Raise, ast.Global)):
            return False
        if isinstance(part, ast.Call) and not is_harmless_call(part):
            return False
        if isinstance(part, (ast.Attribute, ast.Subscript)) and not isinstance(part.ctx, ast.Load):
            return False
    return True


def has_plain_decorators(node: Any) -> bool:
    """Any other than Python's own is a call of what is not known."""
    return all(dotted(decorator).rpartition(".")[2] in PLAIN_DECORATORS for decorator in node.decorator_list)


def is_harmless_call(call: ast.Call) -> bool:
    name = dotted(call.func)
    # Some magics run Python code.
    if name.startswith("get_ipython.") and call.args and constant_text(call.args[0]) in (None, "time", "run", "env"):
        return False
    return any(name == known or (known.endswith(".") and name.startswith(known)) for known in HARMLESS_CALLS) or (
        name.startswith(("tf.get_logger.", "logging.getLogger."))
    )


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an expression; a call in it counts as what is called; empty for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        return dotted(node.func)
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def constant_text(node: Optional[ast.AST]) -> Optional[str]:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def is_main_test(test: ast.expr) -> bool:
    return ast.dump(test) == ast.dump(ast.parse('__name__ == "__main__"', mode="eval").body)


def absolute_name(statement: ast.ImportFrom, module: Optional[str], is_package: bool) -> str:
    if statement.level == 0:
        return statement.module or ""
    package = (module or "").split(".")
    kept = len(package) - statement.level + (1 if is_package else 0)
    if module is None or kept < 1:
        raise CannotFollow("a relative import has no package")
    return ".".join([*package[:kept], *filter(None, [statement.module])])


def notebook_cells(statement: ast.stmt) -> Optional[List[str]]:
    """Sources of the cells, when the statement runs a notebook."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return None
    call = statement.value
    if dotted(call.func) != "__import__.cells.run" or len(call.args) != 2 or not isinstance(call.args[1], ast.List):
        return None
    cells = [cell.elts[1] for cell in call.args[1].elts if isinstance(cell, ast.Tuple) and len(cell.elts) == 2]
    return [source for source in map(constant_text, cells) if source is not None]


def interpreter_environment(inherited: "os._Environ[str] | dict[str, str]", wanted: "dict[str, str]") -> "dict[str, str]":
    """What an interpreter that is warmed has of a run's environment.

    :param inherited: the container's own variables
    :param wanted: the run's variables, the container's among them
    """
    return {
        name: value
        for name, value in wanted.items()
        # The hooks read theirs when they are needed, and these say which run it is.
        if not name.startswith("PUSHTUNE_") and (inherited.get(name) == value or is_read_by_frameworks(name))
    }
