"""The agent of a long-lived container: trains what a worker asks for, through files alone.

The worker and the agent share two folders. In ``/agent`` a file ``requests/<run>`` says that a run is to be trained,
and ``heartbeat`` is touched every second. In ``/runs/<run>`` stand ``request.json``, ``workspace/``, and what the agent
writes: ``log``, ``events.jsonl``, ``state.json`` and, last of all, ``result.json``. Nothing is kept in memory that a
restart of the container would lose.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import causes
from hooked import with_hooks

POLL_SECONDS = 0.1
HEARTBEAT_SECONDS = 1.0
# Between SIGTERM and SIGKILL, as long as a script may take to clean up.
GRACE_SECONDS = 3.0


def serve(runs: str, agent: str) -> int:
    """Trains one request after the other until the container is stopped."""
    requests = Path(agent) / "requests"
    requests.mkdir(parents=True, exist_ok=True)
    threading.Thread(target=beat, args=(Path(agent) / "heartbeat",), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    causes.adopt_orphans()
    temporary = causes.TemporaryFolders()
    while True:
        for request in sorted(requests.iterdir()):
            if not request.name.startswith("."):
                serve_request(Path(runs) / request.name, request)
                temporary.empty()
        time.sleep(POLL_SECONDS)


def beat(path: Path) -> None:
    """Shows the monitor that this process lives; a thread of its own, since trainings take hours."""
    while True:
        path.touch()
        time.sleep(HEARTBEAT_SECONDS)


def serve_request(run: Path, request: Path) -> None:
    """Trains the run; the agent outlives whatever a script does to the run's folder."""
    try:
        if not (run / "result.json").exists():
            train(run)
    except Exception as error:  # noqa: BLE001
        print(f"agent: {run} could not be trained: {error!r}", file=sys.stderr, flush=True)
        report_failure(run, error)
    request.unlink(missing_ok=True)


def report_failure(run: Path, error: Exception) -> None:
    def write() -> None:
        write_event(run, "failed", error=repr(error))
        cause = causes.cause_of(error)
        write_result(run, exit_code=None, reason="crashed_too_often", seconds=0.0, starts=0, cause=cause)

    causes.kill_everything_else()
    try:
        causes.when_there_is_space(write)
    except OSError as problem:
        print(f"agent: {run} can't be written: {problem!r}", file=sys.stderr, flush=True)


def train(run: Path) -> None:
    settings = json.loads((run / "request.json").read_text(encoding="utf-8"))
    starts = count_start(run)
    if starts > settings["maximumStarts"]:
        write_event(run, "crashed_too_often", starts=starts - 1)
        write_result(run, exit_code=None, reason="crashed_too_often", seconds=0.0, starts=starts - 1)
        return
    write_event(run, "started", start=starts)
    began = time.monotonic()
    watch = causes.Watch(run, settings.get("limits", {}))
    with open(run / "log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-u", settings["main"], *settings["arguments"]],
            cwd=run / "workspace",
            env=script_environment(settings, run),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A session of its own: the script and all its children are ended together.
            start_new_session=True,
        )
    causes.sacrifice_first(process.pid)
    reason, usage = follow(process, run, began + settings["timeoutSeconds"], watch)
    causes.kill_everything_else()
    code = process.returncode
    seconds = time.monotonic() - began
    cause = watch.cause(failed=code != 0 and reason in ("exited", "timeout"))

    def write() -> None:
        write_event(run, "exited", exitCode=code, reason=reason)
        write_result(run, exit_code=code, reason=reason, seconds=seconds, starts=starts, usage=usage, cause=cause)

    causes.when_there_is_space(write)


def script_environment(settings: dict[str, Any], run: Path) -> dict[str, str]:
    """The image's environment, without what only concerns the agent, and with the hooks, which report to the run."""
    own = {"PUSHTUNE_RUNS", "PUSHTUNE_AGENT", "PUSHTUNE_TEMPORARY", "PUSHTUNE_CACHES"}
    inherited = {name: value for name, value in os.environ.items() if name not in own}
    wanted = {**inherited, **settings.get("environment", {})}
    return {**with_hooks(wanted), "PUSHTUNE_EVENTS": str(run / "events.jsonl")}


def follow(
    process: subprocess.Popen[bytes], run: Path, deadline: float, watch: causes.Watch
) -> tuple[str, os.struct_rusage | None]:
    """Waits for the end of the script. Returns why it ended and what it used."""
    reason = "exited"
    kill_at = float("inf")
    while True:
        usage = reap(process)
        if usage is not None:
            return reason, usage
        if reason == "exited":
            reason = reason_to_end(run, deadline, watch)
            if reason == "exceeded":
                # At once: what it would do in its time of grace is more of the same.
                kill_at = 0.0
            elif reason != "exited":
                kill_at = time.monotonic() + GRACE_SECONDS
                end_group(process.pid, signal.SIGTERM)
        if time.monotonic() > kill_at:
            causes.kill_everything_else(awaited=[process.pid])
        causes.reap_orphans([process.pid])
        time.sleep(POLL_SECONDS / 2)


def reason_to_end(run: Path, deadline: float, watch: causes.Watch) -> str:
    if (run / "stop").exists():
        return "stopped"
    if (run / "prune").exists():
        return "pruned"
    if time.monotonic() > deadline:
        return "timeout"
    return "exited" if watch.exceeded() is None else "exceeded"


def reap(process: subprocess.Popen[bytes]) -> os.struct_rusage | None:
    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if pid == 0:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def end_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        pass


def count_start(run: Path) -> int:
    """Counts the starts of a run across restarts of the container."""
    path = run / "state.json"
    starts = 1
    if path.exists():
        starts += int(json.loads(path.read_text(encoding="utf-8"))["starts"])
    write_whole(path, {"starts": starts})
    return starts


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
    usage: os.struct_rusage | None = None,
    cause: causes.Cause | None = None,
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
    write_whole(run / "result.json", result)


def write_whole(path: Path, content: dict[str, Any]) -> None:
    """Readers see the old file or the new one, also after a power cut."""
    temporary = path.with_name(path.name + ".new")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
