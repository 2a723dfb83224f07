"""Interpreters that have imported a script's frameworks before the script is there.

One of them is kept. Where a fork is safe it is a zygote: it forks a process for every run that imports the same. Where
it is not (a GPU, threads of Python's, JAX) it is a spare: it becomes the next run itself, and another is warmed
meanwhile. Whenever anything is not as it should be, the run gets a cold interpreter instead.
"""

from __future__ import annotations

import glob
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional

from children import Children, end_group
from preload import Plan, interpreter_environment, read_plan

ZYGOTE = Path(__file__).resolve().parent / "zygote.py"
# `fork`, `spare` or `cold`: what is used instead of what is found to be best.
WAY = "PUSHTUNE_WARM"
# How long frameworks may take to be imported; a cold disk and a busy machine make it a minute.
PRELOAD_SECONDS = 180.0
# How long an interpreter may take to become a run.
START_SECONDS = 10.0
# Any of these is a GPU, whose driver does not survive a fork once it is opened.
GPUS = ("/dev/nvidia[0-9]*", "/dev/kfd", "/dev/dxg")
OLDEST_PYTHON = (3, 10)


@dataclass
class Interpreter:
    pid: int
    requests: int
    replies: int
    key: str
    plan: Plan
    began: float
    buffer: bytearray = field(default_factory=bytearray)
    # What it answered when it had imported everything.
    ready: Optional[Dict[str, Any]] = None
    # What the imports took.
    seconds: float = 0.0


@dataclass
class Choice:
    """How a run is started: `fork`, `spare` or `cold`, and why it is no better."""

    way: str
    reason: Optional[str] = None
    modules: List[str] = field(default_factory=list)

    def details(self) -> Dict[str, Any]:
        found: Dict[str, Any] = {"warm": self.way}
        if self.modules:
            found["modules"] = self.modules
        if self.reason is not None:
            found["reason"] = self.reason
        return found


class Warm:
    def __init__(self, children: Children, folder: Path) -> None:
        """:param folder: where it says which interpreter is kept, for whoever measures it"""
        self.children = children
        self.folder = folder
        self.way = os.environ.get(WAY, "")
        self.interpreter: Optional[Interpreter] = None
        # Plan and environment of the spare that is to be warmed, and from when on.
        self.next_spare: Optional[Callable[[], Interpreter]] = None
        self.next_spare_at = 0.0
        # Why an interpreter with that key can't be warmed.
        self.failures: Dict[str, str] = {}

    def pids(self) -> List[int]:
        return [] if self.interpreter is None else [self.interpreter.pid]

    def choose(
        self, workspace: Path, main: str, environment: Dict[str, str], is_unwanted: Callable[[], bool]
    ) -> Choice:
        """Has an interpreter ready for the script.

        :param is_unwanted: asked meanwhile; true ends the waiting
        """
        if self.way == "cold":
            return Choice("cold", f"{WAY} says so")
        if sys.version_info < OLDEST_PYTHON or not self.children.adopts:
            return Choice("cold", "this needs Python 3.10 and Linux 3.4")
        plan = read_plan(workspace, main)
        if not plan.modules:
            return Choice("cold", plan.ends)
        variables = interpreter_environment(os.environ, environment)
        key = json.dumps([plan.steps, variables], sort_keys=True)
        if key in self.failures:
            return Choice("cold", self.failures[key])
        if self.interpreter is not None and (self.interpreter.key != key or not self.is_alive()):
            self.end()
        if self.interpreter is None:
            self.interpreter = self.start(key, plan, variables)
        problem = self.wait_until_ready(self.interpreter, is_unwanted)
        if problem is not None:
            self.end()
            if not is_unwanted():
                self.failures[key] = problem
            return Choice("cold", problem)
        return self.choice_of(self.interpreter)

    def choice_of(self, interpreter: Interpreter) -> Choice:
        ready = interpreter.ready or {}
        modules = interpreter.plan.modules
        obstacle = None
        if ready.get("threads"):
            obstacle = "a module has started a thread"
        elif ready.get("jax"):
            obstacle = "JAX has threads that do not survive a fork"
        elif any(glob.glob(pattern) for pattern in GPUS):
            obstacle = "there is a GPU"
        if self.way == "spare" or (obstacle is not None and self.way != "fork"):
            return Choice("spare", obstacle, modules)
        return Choice("fork", ready.get("ends") or interpreter.plan.ends, modules)

    def begin(self, choice: Choice, run: Mapping[str, Any]) -> "int | str":
        """Makes a process the run. Returns its id, or why there is none."""
        interpreter = self.interpreter
        assert interpreter is not None
        is_fork = choice.way == "fork"
        try:
            os.write(interpreter.requests, json.dumps({**run, "fork": is_fork}).encode() + b"\n")
        except OSError as error:
            self.end()
            return f"the warm interpreter has ended: {error}"
        answer = self.receive(interpreter, time.monotonic() + START_SECONDS, lambda: False)
        if "refused" in answer:
            return str(answer["refused"])
        if "pid" not in answer:
            self.end()
            # A fork of it may be on its way to the script's first line.
            self.children.kill_all_but([])
            return str(answer.get("error", "the warm interpreter gave no process"))
        if not is_fork:
            self.let_go(interpreter)
            self.next_spare = lambda: self.start(interpreter.key, interpreter.plan, json.loads(interpreter.key)[1])
            # A training that is shorter than the imports would only be held up by them.
            self.next_spare_at = time.monotonic() + interpreter.seconds
        return int(answer["pid"])

    def warm_next(self, is_idle: bool) -> None:
        """Starts the spare for the next run, when it is time for that."""
        if self.interpreter is None and self.next_spare is not None:
            if is_idle or time.monotonic() >= self.next_spare_at:
                self.interpreter = self.next_spare()
                self.next_spare = None

    def start(self, key: str, plan: Plan, variables: Dict[str, str]) -> Interpreter:
        requests_read, requests = os.pipe()
        replies, replies_write = os.pipe()
        said = self.folder / "preload.log"
        said.unlink(missing_ok=True)
        with open(said, "ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-u", str(ZYGOTE), str(requests_read), str(replies_write), json.dumps(plan.steps)],
                cwd="/",
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(requests_read, replies_write),
            )
        # It is waited for by `Children`.
        process.returncode = 0
        os.close(requests_read)
        os.close(replies_write)
        os.set_blocking(replies, False)
        interpreter = Interpreter(process.pid, requests, replies, key, plan, time.monotonic())
        self.tell(interpreter)
        return interpreter

    def tell(self, interpreter: Interpreter, is_kept: bool = True) -> None:
        """Writes down what is kept, and how it was made, for the next start of the container."""
        content: Dict[str, Any] = {"agent": os.getpid()}
        if is_kept:
            content["interpreter"] = interpreter.pid
            content["modules"] = interpreter.plan.modules
            if interpreter.ready is not None:
                content["importSeconds"] = round(interpreter.seconds, 3)
        content["key"] = interpreter.key
        temporary = self.folder / "warm.json.new"
        temporary.write_text(json.dumps(content), encoding="utf-8")
        os.replace(temporary, self.folder / "warm.json")

    def start_as_before(self) -> None:
        """Warms what was last warm in this container: its next run will most probably be of the same script."""
        if self.way == "cold" or sys.version_info < OLDEST_PYTHON:
            return
        try:
            key = json.loads((self.folder / "warm.json").read_text(encoding="utf-8"))["key"]
            steps, variables = json.loads(key)
            self.interpreter = self.start(key, Plan(steps), variables)
        except (OSError, ValueError, TypeError, KeyError):
            pass  # There was none, or the file is no longer what it was.

    def is_alive(self) -> bool:
        self.children.reap()
        return self.interpreter is not None and self.interpreter.pid not in self.children.ended

    def wait_until_ready(self, interpreter: Interpreter, is_unwanted: Callable[[], bool]) -> Optional[str]:
        """Returns why it will never be."""
        if interpreter.ready is not None:
            return None
        answer = self.receive(interpreter, interpreter.began + PRELOAD_SECONDS, is_unwanted)
        if "ready" not in answer:
            return f"the imports ahead failed: {answer.get('error', answer)}"
        interpreter.ready = answer
        interpreter.seconds = time.monotonic() - interpreter.began
        self.tell(interpreter)
        return None

    def receive(self, interpreter: Interpreter, deadline: float, is_unwanted: Callable[[], bool]) -> Dict[str, Any]:
        """The next message. A process that was forked holds the pipe until it has told its id or is dead."""
        while b"\n" not in interpreter.buffer:
            try:
                chunk = os.read(interpreter.replies, 65536)
                if not chunk:
                    return {"error": "the interpreter has ended"}
                interpreter.buffer += chunk
                continue
            except BlockingIOError:
                pass
            if time.monotonic() > deadline:
                return {"error": "the interpreter takes too long"}
            if is_unwanted():
                return {"error": "the run is not wanted any more"}
            self.children.rest(0.05, interpreter.replies)
        line, _, rest = bytes(interpreter.buffer).partition(b"\n")
        interpreter.buffer[:] = rest
        answer = json.loads(line)
        return answer if isinstance(answer, dict) else {"error": f"the interpreter says {answer!r}"}

    def end(self) -> None:
        """Ends the interpreter that is kept; runs that were forked off it have sessions of their own."""
        if self.interpreter is not None:
            if self.is_alive():
                end_group(self.interpreter.pid, signal.SIGKILL)
            self.let_go(self.interpreter)

    def let_go(self, interpreter: Interpreter) -> None:
        os.close(interpreter.requests)
        os.close(interpreter.replies)
        self.interpreter = None
        self.tell(interpreter, is_kept=False)
