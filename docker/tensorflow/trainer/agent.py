"""The agent of a long-lived container: trains what a worker asks for, through files alone.

The worker and the agent share two folders. In ``/agent`` a file ``requests/<run>`` says that a run is to be trained,
and ``heartbeat`` is touched every second. In ``/runs/<run>`` stand ``request.json``, ``workspace/``, ``checkpoint/``,
``artifacts/``, and what the agent writes: ``log``, ``events.jsonl``, ``state.json`` and, last of all, ``result.json``.
The worker ends a run by a file ``stop``, or by a file ``prune`` at the end of the epoch. Nothing is kept in memory that
a restart of the container would lose.

A run is never trained twice at once. The agent trains one after the other, and everything below it dies with it: it is
the main process of the container, or the child of the container's init, which ends when its child does, and the kernel
ends all processes of a container whose first process has ended. So when the agent starts, nothing of an earlier one
lives in its container. A second container could only be asked for the same run when the worker made it anew with other
limits; against that, the agent holds a lock on the run's folder while it trains, which the kernel gives back whatever
kills the agent.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Tuple

import causes
from children import Children, end_group, exit_code
from gpu import GpuCheck, GpuMemory
from hooked import with_hooks
from warm import WAY, Warm

# Of the requests: what a new one waits for at most. Looking at a folder takes some microseconds.
POLL_SECONDS = 0.02
# The same while a run that ended a moment ago may be followed by the next trial of its study.
EAGER_POLL_SECONDS = 0.002
EAGER_SECONDS = 2.0
# Of `stop` and `prune` while a script runs; its end is noticed at once.
FOLLOW_SECONDS = 0.05
HEARTBEAT_SECONDS = 1.0
# Between SIGTERM and SIGKILL, as long as a script may take to clean up.
GRACE_SECONDS = 3.0
# How long a script may take to end its epoch, where the worker does not say.
PRUNE_SECONDS = 10.0


def serve(runs: str, agent: str) -> int:
    """Trains one request after the other until the container is stopped."""
    folder = Path(agent)
    (folder / "requests").mkdir(parents=True, exist_ok=True)
    threading.Thread(target=beat, args=(folder / "heartbeat",), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    children = Children()
    trainer = Trainer(children, Warm(children, folder))
    temporary = causes.TemporaryFolders()
    trainer.warm.start_as_before()
    eager_until = 0.0
    while True:
        for request in sorted((folder / "requests").iterdir()):
            if not request.name.startswith("."):
                trainer.serve_request(Path(runs) / request.name, request)
                temporary.empty()
                eager_until = time.monotonic() + EAGER_SECONDS
        trainer.warm.warm_next(is_idle=True)
        children.rest(EAGER_POLL_SECONDS if time.monotonic() < eager_until else POLL_SECONDS)


def beat(path: Path) -> None:
    """Shows the monitor that this process lives; a thread of its own, since trainings take hours."""
    while True:
        path.touch()
        time.sleep(HEARTBEAT_SECONDS)


class Trainer:
    def __init__(self, children: Children, warm: Warm) -> None:
        self.children = children
        self.warm = warm
        self.gpus = GpuCheck()

    def serve_request(self, run: Path, request: Path) -> None:
        """Trains the run; the agent outlives whatever a script does to the run's folder."""
        try:
            with locked(run):
                if not (run / "result.json").exists():
                    self.train(run)
        except Exception as error:  # noqa: BLE001
            print(f"agent: {run} could not be trained: {error!r}", file=sys.stderr, flush=True)
            self.children.kill_all_but(self.warm.pids())
            report_failure(run, error)
        request.unlink(missing_ok=True)

    def train(self, run: Path) -> None:
        settings = json.loads((run / "request.json").read_text(encoding="utf-8"))
        began = time.monotonic()
        deadline = began + settings["timeoutSeconds"]
        blind = self.gpus.blind()
        if blind is not None:
            seconds = time.monotonic() - began
            cause = {"kind": "no_gpu", "place": blind}
            write_result(run, exit_code=None, reason="refused", seconds=seconds, starts=0, cause=cause)
            return
        while True:
            starts, fruitless = count_start(run)
            if fruitless > settings["maximumStarts"]:
                write_event(run, "crashed_too_often", starts=starts - 1)
                write_result(run, exit_code=None, reason="crashed_too_often", seconds=0.0, starts=starts - 1)
                return
            for reason, name in (("stopped", "stop"), ("pruned", "prune")):
                # It was asked for before the container died; what would be trained now nobody wants.
                if (run / name).exists():
                    write_result(run, exit_code=None, reason=reason, seconds=0.0, starts=starts - 1)
                    return
            end = self.run_script(run, settings, starts, deadline)
            if end.was_killed() and fruitless < settings["maximumStarts"]:
                write_event(run, "killed", start=starts)
                continue
            causes.when_there_is_space(lambda: end.write(run, starts, time.monotonic() - began))
            return

    def run_script(self, run: Path, settings: Any, starts: int, deadline: float) -> End:
        watch = causes.Watch(run, settings.get("limits", {}))
        with GpuMemory() as gpu:
            pid = self.start_script(run, settings, starts, lambda: (run / "stop").exists() or time.monotonic() > deadline)
            causes.sacrifice_first(pid)
            reason = self.follow(pid, run, deadline, watch)
        status, usage = self.children.ended[pid]
        self.children.kill_all_but(self.warm.pids())
        self.children.forget_all_but(self.warm.pids())
        code = exit_code(status)
        cause = watch.cause(failed=code != 0 and reason in ("exited", "timeout"))
        return End(code, reason, usage, gpu.peak, cause)

    def start_script(self, run: Path, settings: Any, starts: int, is_unwanted: Callable[[], bool]) -> int:
        """Returns the id of the process, which leads a session of its own: the script and its children end together."""
        main, arguments = settings["main"], settings["arguments"]
        environment = script_environment(settings, run)
        choice = self.warm.choose(run / "workspace", main, environment, is_unwanted)
        # Written before the script can write any.
        write_event(run, "started", start=starts, **choice.details())
        if choice.way != "cold":
            request = {
                "main": main,
                "arguments": arguments,
                "workspace": str(run / "workspace"),
                "environment": environment,
                "log": str(run / "log"),
            }
            found = self.warm.begin(choice, request)
            if isinstance(found, int):
                return found
            write_event(run, "cold", reason=found)
        return start_cold(run, main, arguments, environment)

    def follow(self, pid: int, run: Path, deadline: float, watch: causes.Watch) -> str:
        """Waits for the end of the script. Returns why it ended."""
        reason = "exited"
        terminate_at: Optional[float] = None
        kill_at: Optional[float] = None
        self.children.reap()
        while pid not in self.children.ended:
            now = time.monotonic()
            if reason in ("exited", "pruned") and (run / "stop").exists():
                reason, terminate_at = "stopped", now
            elif reason == "exited" and now > deadline:
                reason, terminate_at = "timeout", now
            elif reason == "exited" and (run / "prune").exists():
                # The hooks have seen it too and end the training after its epoch.
                reason, terminate_at = "pruned", min(deadline, now + prune_grace(run / "prune"))
            elif reason in ("exited", "pruned") and watch.exceeded() is not None:
                # At once: what it would do in its time of grace is more of the same.
                reason, kill_at = "exceeded", now
            if kill_at is None and terminate_at is not None and now >= terminate_at:
                end_group(pid, signal.SIGTERM)
                kill_at = now + GRACE_SECONDS
            elif kill_at is not None and now >= kill_at:
                self.children.kill_all_but(self.warm.pids())
            self.warm.warm_next(is_idle=False)
            self.children.rest(FOLLOW_SECONDS)
        return "pruned" if reason == "exited" and (run / "prune").exists() else reason


@dataclass
class End:
    """How a script ended."""

    exit_code: int
    reason: str
    usage: resource.struct_rusage
    gpu_memory: Optional[int]
    cause: Optional[causes.Cause]

    def was_killed(self) -> bool:
        """By somebody else, for no fault that is known: then it is trained again, from its checkpoint on."""
        return self.exit_code == -signal.SIGKILL and self.reason == "exited" and self.cause is None

    def write(self, run: Path, starts: int, seconds: float) -> None:
        write_event(run, "exited", exitCode=self.exit_code, reason=self.reason)
        write_result(
            run,
            exit_code=self.exit_code,
            reason=self.reason,
            seconds=seconds,
            starts=starts,
            usage=self.usage,
            gpu_memory=self.gpu_memory,
            cause=self.cause,
        )


def prune_grace(path: Path) -> float:
    """Seconds that the script may take to end by itself."""
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["graceSeconds"])
    except (OSError, ValueError, TypeError, KeyError):
        return PRUNE_SECONDS


@contextmanager
def locked(run: Path) -> Iterator[None]:
    with open(run / "lock", "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # A file system without locks; no other agent is to be expected anyway.
        yield


def start_cold(run: Path, main: str, arguments: List[str], environment: "dict[str, str]") -> int:
    with open(run / "log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-u", main, *arguments],
            cwd=run / "workspace",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # It is waited for by `Children`.
    process.returncode = 0
    return process.pid


def script_environment(settings: dict[str, Any], run: Path) -> dict[str, str]:
    """The image's environment, without what only concerns the agent, and with the hooks, which report to the run."""
    own = {"PUSHTUNE_RUNS", "PUSHTUNE_AGENT", "PUSHTUNE_TEMPORARY", "PUSHTUNE_CACHES", WAY}
    inherited = {name: value for name, value in os.environ.items() if name not in own}
    wanted = {**inherited, **settings.get("environment", {})}
    folders = {"PUSHTUNE_CHECKPOINT": run / "checkpoint", "PUSHTUNE_ARTIFACTS": run / "artifacts"}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    files = {"PUSHTUNE_EVENTS": run / "events.jsonl", "PUSHTUNE_PRUNE": run / "prune"}
    return {**with_hooks(wanted), **{name: str(path) for name, path in {**folders, **files}.items()}}


def report_failure(run: Path, error: Exception) -> None:
    def write() -> None:
        write_event(run, "failed", error=repr(error))
        cause = causes.cause_of(error)
        write_result(run, exit_code=None, reason="crashed_too_often", seconds=0.0, starts=0, cause=cause)

    try:
        causes.when_there_is_space(write)
    except OSError as problem:
        print(f"agent: {run} can't be written: {problem!r}", file=sys.stderr, flush=True)


def count_start(run: Path) -> Tuple[int, int]:
    """Counts the starts of a run across restarts of the container: all of them, and those since it last got further.

    A training that goes on from its checkpoint may lose its container often; one that takes its container down again
    and again, at the same epoch, is given up.
    """
    path = run / "state.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    furthest = furthest_epoch(run / "events.jsonl")
    has_got_further = furthest > before.get("furthest", [0, 0])
    starts = before.get("starts", 0) + 1
    fruitless = 1 if has_got_further else before.get("fruitless", 0) + 1
    write_whole(path, {"starts": starts, "fruitless": fruitless, "furthest": furthest})
    return starts, fruitless


def furthest_epoch(events: Path) -> List[int]:
    """Fit and epoch of the furthest that was reported."""
    furthest = [0, 0]
    if not events.exists():
        return furthest
    with open(events, "rb") as lines:
        for line in lines:
            if b'"epoch"' not in line:
                continue
            try:
                event = json.loads(line)
                if event["type"] == "epoch":
                    furthest = max(furthest, [int(event["fit"]), int(event["epoch"])])
            except (ValueError, TypeError, KeyError):
                pass  # Torn by a kill, or not of the hooks.
    return furthest


def write_event(run: Path, kind: str, **details: Any) -> None:
    line = json.dumps({"at": time.time(), "type": kind, **details})
    with open(run / "events.jsonl", "a", encoding="utf-8") as events:
        events.write(line + "\n")


def write_result(
    run: Path,
    *,
    exit_code: int | None,
    reason: str,
    seconds: float,
    starts: int,
    usage: Optional[resource.struct_rusage] = None,
    gpu_memory: Optional[int] = None,
    cause: Optional[causes.Cause] = None,
) -> None:
    by_signal = exit_code is not None and exit_code < 0
    result: dict[str, Any] = {
        "exitCode": None if by_signal else exit_code,
        "signal": -exit_code if by_signal and exit_code is not None else None,
        "reason": reason,
        "seconds": round(seconds, 3),
        "starts": starts,
    }
    if cause is not None:
        result["cause"] = cause
    if usage is not None:
        result["cpuSeconds"] = round(usage.ru_utime + usage.ru_stime, 3)
        result["peakMemoryBytes"] = usage.ru_maxrss * 1024
    if gpu_memory is not None:
        result["peakGpuMemoryBytes"] = gpu_memory
    write_whole(run / "result.json", result)


def write_whole(path: Path, content: dict[str, Any]) -> None:
    """Readers see the old file or the new one, also after a power cut."""
    temporary = path.with_name(path.name + ".new")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
