"""An interpreter that has imported a script's frameworks and then becomes the script, or forks processes that do.

usage: python3 -u zygote.py REQUESTS REPLIES STEPS

REQUESTS and REPLIES are descriptors of pipes with a line of JSON for each message; STEPS is what `preload.py` found.
Nothing of ours may be left for the script to see: no module that a plain run would not have, no thread, no open file.
The script runs at the end of this file, on top of this file's one frame; Python itself does all that comes after it
(exit codes, `sys.exit`, threads that are waited for, `atexit`) as it does after any script.
"""

import sys

# Of a module `__main__`, whatever this version of Python puts there.
MAIN_NAMES = [name for name in globals() if name.startswith("__")]
AT_START = set(sys.modules)
if not getattr(sys.flags, "safe_path", False):
    # The folder of this file.
    del sys.path[0]

import _thread  # noqa: E402
import atexit  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402

# Whoever imports one of these later gets a module of his own.
for name in set(sys.modules) - AT_START:
    del sys.modules[name]
# High numbers, so that the script's own files get those that they would have in a plain run.
REQUESTS, REPLIES = 900, 901
SHIM = b"pushtune: Keras 2 compatibility: "


class Missing:
    """Stands behind all finders and notes what was looked for in vain: a file of the script's may have that name."""

    def __init__(self):
        self.names = set()

    def find_spec(self, name, path=None, target=None):
        self.names.add(name.partition(".")[0])
        return None


def take_descriptors():
    for number, (given, kept) in enumerate(zip(sys.argv[1:3], (REQUESTS, REPLIES))):
        os.dup2(int(given), kept, inheritable=False)
        os.close(int(given))


def preload(steps):
    """Imports what the steps say. Returns what is to be known of it."""
    missing = Missing()
    sys.meta_path.append(missing)
    put = set()
    ends = None
    for action, name, *rest in steps:
        if action == "import":
            try:
                module = __import__(name, {}, {}, rest[0], 0)
            except ModuleNotFoundError as error:
                # Nothing of it was run, so the script finds the same when it tries.
                if error.name == name.partition(".")[0]:
                    ends = "there is no " + error.name
                    break
                raise
            for attribute in rest[0]:
                # As `from … import …` does, which some packages answer by importing more.
                getattr(module, attribute, None)
        elif action == "set":
            os.environ[name] = rest[0]
        elif action == "default":
            os.environ.setdefault(name, rest[0])
        elif action == "unset":
            os.environ.pop(name, None)
        elif action == "putenv":
            put.add(name)
            os.putenv(name, rest[0])
    sys.meta_path.remove(missing)
    return missing.names, put, ends


LOADED = {}


def keep_loaded():
    """Has what was imported ahead outlive the run, as far as it is the same for all of them.

    To take the modules of TensorFlow apart takes Python longer than all else at the end of a short script, and the memory
    is given back anyway. Python does so with what is in `sys.modules` at its end and with what nothing refers to any more;
    garbage that is frozen is not looked for.
    """
    LOADED.update({name: sys.modules[name] for name in set(sys.modules) - AT_START})
    kept = list(LOADED.values())
    kept.append(kept)


def forget_loaded():
    for name, module in LOADED.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]


# The first that is registered is called last, behind all that frameworks and scripts do at their end.
atexit.register(forget_loaded)


def set_oom_score(text):
    """How soon the kernel ends this process when memory is short. Returns what it was."""
    try:
        with open("/proc/self/oom_score_adj", "r+") as file:
            before = file.read()
            file.write(text)
            return before
    except OSError:
        return None


def send(message):
    os.write(REPLIES, json.dumps(message).encode() + b"\n")


def receive(rest=bytearray()):
    """The next request; ends the process when there will be none."""
    while b"\n" not in rest:
        chunk = os.read(REQUESTS, 65536)
        if not chunk:
            os._exit(0)
        rest += chunk
    line, _, left = bytes(rest).partition(b"\n")
    rest[:] = left
    return json.loads(line)


def shadowed(folder, missing):
    """A name in the script's folder that an import would have found there instead of what is loaded."""
    loaded = {name.partition(".")[0] for name in set(sys.modules) - AT_START}
    for entry in sorted(os.listdir(folder)):
        name, dot, _ = entry.partition(".")
        path = os.path.join(folder, entry)
        if name in missing and (dot or os.path.isdir(path)):
            return name
        if name in loaded and (dot or os.path.exists(os.path.join(path, "__init__.py"))):
            return name
    return None


def fork_run():
    """Forks twice, so that the agent, which adopts orphans, is the parent of the run. True in the new process."""
    if "warnings" in sys.modules:
        # Python 3.12 warns of a fork beside threads of libraries, which are prepared for it.
        warnings = sys.modules["warnings"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            between = os.fork()
    else:
        between = os.fork()
    if between:
        os.waitpid(between, 0)
        return False
    between = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == between:
        time.sleep(0.0002)
    os.setsid()
    return True


def become(run, put, oom_score):
    """Makes this process what it would be at the script's first line. Returns path and source of the script."""
    if oom_score is not None:
        set_oom_score(oom_score)
    send({"pid": os.getpid()})
    os.close(REQUESTS)
    os.close(REPLIES)
    with open("/proc/self/fd/1", "rb") as said:
        output = b"".join(line for line in said if not line.startswith(SHIM))
    log = os.open(run["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(log, output)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    for name in put:
        os.unsetenv(name)
    os.environ.clear()
    os.environ.update(run["environment"])
    os.chdir(run["workspace"])
    sys.argv[:] = [run["main"], *run["arguments"]]
    sys.orig_argv[:] = [sys.orig_argv[0], "-u", *sys.argv]
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, os.path.dirname(os.path.realpath(run["main"])))
    path = os.path.join(os.getcwd(), run["main"])
    with open(path, "rb") as file:
        source = file.read()
    start_libraries_anew()
    begin_hooks()
    return path, source


def start_libraries_anew():
    """What libraries remember of the process in which they were imported. (Python's `random` seeds itself in a fork.)"""
    loaded = sys.modules
    if "numpy.random" in loaded:
        loaded["numpy.random"].seed()
    if "multiprocessing.process" in loaded:
        process = loaded["multiprocessing.process"]
        process.ORIGINAL_DIR = os.getcwd()
        process.current_process().authkey = os.urandom(32)
    if "threading" in loaded:
        loaded["threading"].main_thread()._set_native_id()


def begin_hooks():
    """As in an interpreter that was started for the run, except that what was noted is told now."""
    events = sys.modules.get("pushtune_hooks.events")
    if events is None:
        return
    shims = sorted(events.shims)
    if "pushtune_hooks.run" in sys.modules:
        sys.modules["pushtune_hooks.run"].begin()
    else:
        events.shims.clear()
        events.claim()
        sys.modules["pushtune_hooks.seeds"].seed_loaded()
    for name in shims:
        events.used(name)


def main_module(path):
    """A new `__main__` with all that Python puts into it before a script's first line."""
    module = type(sys)("__main__")
    values = {
        "__loader__": type(__loader__)("__main__", path),
        "__annotations__": {},
        "__builtins__": sys.modules["builtins"],
        "__file__": path,
    }
    for name in MAIN_NAMES:
        if name != "__name__":
            module.__dict__[name] = values.get(name)
    sys.modules["__main__"] = module
    return module.__dict__


def wait_for_run():
    """Serves requests until this process, or one forked off it, is to be a run."""
    take_descriptors()
    steps = json.loads(sys.argv[3])
    sys.argv[:] = ["train.py"]
    try:
        missing, put, ends = preload(steps)
    except BaseException as error:  # noqa: BLE001  a module may end the process when it is imported
        send({"error": repr(error)[:500]})
        os._exit(1)
    gc.collect()
    keep_loaded()
    # What is never collected is never written to either, and so stays shared with the forks.
    gc.freeze()
    # Before a training it is rather this process that is to be ended, which can be made again.
    oom_score = set_oom_score("1000")
    send({"ready": True, "ends": ends, "threads": _thread._count(), "jax": "jax" in sys.modules})
    while True:
        request = receive()
        folder = os.path.dirname(os.path.realpath(os.path.join(request["workspace"], request["main"])))
        name = shadowed(folder, missing)
        if name is not None:
            send({"refused": "the script has a file called %s, as a module that is loaded" % name})
        elif not request["fork"] or fork_run():
            return become(request, put, oom_score)


def without_this_file(trace):
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def hide_this_file():
    """Python shows the error with which a script ends through `sys.excepthook`, whoever's that is."""
    hook = sys.excepthook

    def excepthook(kind, error, trace):
        sys.excepthook = hook
        trace = without_this_file(trace)
        hook(kind, error.with_traceback(trace), trace)

    sys.excepthook = excepthook


path, source = wait_for_run()
try:
    # No name of this file may hold the script's: what it made is to be deleted when Python ends.
    exec(compile(source, path, "exec", dont_inherit=True), main_module(path))
except BaseException:
    hide_this_file()
    raise
