/** Runs off a warm interpreter against plain `python3 -u`, in a real container. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { packageRoot } from '../../src/package-root.js';
import { type AgentContainer, removeAgent, startAgent } from '../support/agent-container.js';
import { appears, eventsOf, logOf, requestRun, resultOf, runFolder } from '../support/agent-runs.js';

const docker = new Docker();
const dataDirectory = join(tmpdir(), 'pushtune-warm');
const agents: AgentContainer[] = [];
let image: string;
let forking: AgentContainer;
let sparing: AgentContainer;

before(async () => {
  const options = { environment: 'tensorflow', dataDirectory, onProgress: () => {} } as const;
  image = (await ensureEnvironmentImage(docker, options)).tag;
  forking = await start();
  sparing = await start(['PUSHTUNE_WARM=spare']);
});

after(async () => {
  for (const agent of agents) await removeAgent(agent);
  await rm(dataDirectory, { recursive: true, force: true });
});

async function start(variables: readonly string[] = [], binds: readonly string[] = []): Promise<AgentContainer> {
  const agent = await startAgent(docker, image, {
    Entrypoint: ['python3', '/opt/pushtune/trainer'],
    Env: ['PUSHTUNE_RUNS=/runs', 'PUSHTUNE_AGENT=/agent', ...variables],
    binds: [`${join(packageRoot(), 'docker', 'tensorflow', 'trainer')}:/opt/pushtune/trainer:ro`, ...binds],
  });
  agents.push(agent);
  return agent;
}

interface Settings {
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutSeconds?: number;
  readonly maximumStarts?: number;
}

/** How a script ended, and all that it wrote. */
interface Ended {
  readonly code: number | null;
  readonly log: string;
}

let runs = 0;

function nextRun(): string {
  runs += 1;
  return `r${runs}`;
}

async function train(
  agent: AgentContainer,
  files: Readonly<Record<string, string>>,
  settings: Settings = {},
  run = nextRun(),
): Promise<Ended & { readonly run: string; readonly warm: string }> {
  await requestRun(agent, run, files, { ...settings });
  const { exitCode, signal } = await resultOf(agent, run);
  return {
    code: signal === null ? exitCode : -signal,
    log: await logOf(agent, run),
    run,
    warm: await wayOf(agent, run),
  };
}

async function wayOf(agent: AgentContainer, run: string): Promise<string> {
  const events = await eventsOf(agent, run);
  if (events.some(({ type }) => type === 'cold')) return 'cold';
  return events.find(({ type }) => type === 'started')?.warm ?? '';
}

/** The same script at the same place in a plain interpreter, which has the hooks as every run does. */
function trainPlainly(agent: AgentContainer, run: string, settings: Settings = {}): Ended {
  const environment = {
    PYTHONPATH: '/opt/pushtune/trainer/hooks',
    PUSHTUNE_EVENTS: `/runs/${run}/plain-events.jsonl`,
    PUSHTUNE_PRUNE: `/runs/${run}/prune`,
    PUSHTUNE_CHECKPOINT: `/runs/${run}/plain-checkpoint`,
    PUSHTUNE_ARTIFACTS: `/runs/${run}/plain-artifacts`,
    ...settings.environment,
  };
  const program = [
    'import os, sys',
    'log = os.open("../plain-log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)',
    'null = os.open("/dev/null", os.O_RDWR)',
    '[os.dup2(source, number) for source, number in ((null, 0), (log, 1), (log, 2))]',
    'os.closerange(3, 20)',
    'python = os.path.join(os.environ.pop("VENV"), "python3")',
    '[os.environ.pop(name, None) for name in ("PUSHTUNE_RUNS", "PUSHTUNE_AGENT", "PUSHTUNE_WARM")]',
    'pid = os.fork()',
    'if not pid: os.setsid(); os.execv(python, [python, "-u", "train.py", *sys.argv[1:]])',
    'code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])',
    'os._exit(code if code >= 0 else 100 - code)',
  ].join('\n');
  const variables = Object.entries({ ...environment, VENV: '/opt/venv/bin' }).flatMap(([name, value]) => [
    '-e',
    `${name}=${value}`,
  ]);
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const where = ['exec', '-u', user, '-w', `/runs/${run}/workspace`, ...variables, agent.container.id];
  const { status, stderr } = spawnSync('docker', [
    ...where,
    '/usr/bin/python3',
    '-ISc',
    program,
    ...(settings.arguments ?? []),
  ]);
  assert.equal(stderr.toString(), '');
  const log = execFileSync('docker', ['exec', '-u', user, agent.container.id, 'cat', `/runs/${run}/plain-log`]);
  return { code: status !== null && status > 100 ? 100 - status : status, log: log.toString('latin1') };
}

async function assertLikePlain(
  agent: AgentContainer,
  way: string,
  script: readonly string[],
  settings: Settings = {},
): Promise<string> {
  const { code, log, run, warm } = await train(agent, { 'train.py': script.join('\n') }, settings);
  assert.equal(warm, way, JSON.stringify(await eventsOf(agent, run)));
  assert.deepEqual({ code, log }, trainPlainly(agent, run, settings));
  return log;
}

function processes(agent: AgentContainer): string {
  return execFileSync('docker', ['top', agent.container.id, '-eo', 'pid,args']).toString();
}

interface WarmFile {
  readonly agent: number;
  readonly interpreter?: number;
}

async function kept(agent: AgentContainer): Promise<WarmFile> {
  return JSON.parse(await readFile(join(agent.folder, 'agent', 'warm.json'), 'utf8'));
}

function kill(agent: AgentContainer, pid: number | undefined): void {
  execFileSync('docker', ['exec', agent.container.id, 'python3', '-c', `import os; os.kill(${pid}, 9)`]);
}

/** A package that is imported ahead and writes down each import of it, with a variable that a framework would read. */
async function installMarker(agent: AgentContainer, name: string, ...lines: readonly string[]): Promise<void> {
  const folder = join(agent.folder, 'runs', 'packages', name);
  await mkdir(folder, { recursive: true });
  const mark = `import os\nopen("/runs/${name}.log", "a").write(os.environ.get("KERAS_MARK", "-") + "\\n")\n`;
  await writeFile(join(folder, '__init__.py'), mark + lines.join('\n'));
}

const withMarkers = { environment: { PYTHONPATH: '/runs/packages' } };

async function marks(agent: AgentContainer, name: string): Promise<string[]> {
  const text = await readFile(join(agent.folder, 'runs', `${name}.log`), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

const surroundings = [
  'import numpy as np',
  'import os, resource, signal, sys, threading, __main__',
  'print(sys.argv, sys.orig_argv, __name__, __file__, __spec__, __package__, __doc__, __builtins__, __annotations__)',
  'print(type(__loader__).__name__, __loader__.name, __loader__.path, sorted(globals()), list(globals())[:9])',
  'print(__main__.__dict__ is globals(), sys.path, sys.flags, sys.executable, sys.warnoptions, os.getcwd())',
  'print(list(sys.modules))',
  'print(sorted((name, value) for name, value in os.environ.items() if not name.startswith("PUSHTUNE_")))',
  'print(sorted(name for name in os.environ if name.startswith("PUSHTUNE_")))',
  'print(os.environ["PUSHTUNE_PROCESS"] == str(os.getpid()))',
  'print([(number, signal.getsignal(number)) for number in sorted(signal.valid_signals())])',
  'print(signal.pthread_sigmask(signal.SIG_BLOCK, []), os.umask(0o22), os.nice(0), resource.getrlimit(7))',
  'print(sorted(os.listdir("/proc/self/fd")), os.open("/dev/null", os.O_RDONLY))',
  'print(os.readlink("/proc/self/fd/0"), os.get_inheritable(1), os.get_inheritable(2))',
  'for stream in (sys.stdin, sys.stdout, sys.stderr):',
  '  print(stream.encoding, stream.errors, stream.line_buffering, stream.write_through, stream.isatty(), stream.mode)',
  '  print(stream.fileno(), stream.name, stream.seekable(), type(stream.buffer).__name__, stream.newlines)',
  'main = threading.main_thread()',
  'print(threading.enumerate() == [main], threading.current_thread() is main, main.native_id == os.getpid())',
  'print(os.getsid(0) == os.getpid() == os.getpgrp(), threading._active.keys() == {main.ident})',
  'print(sys.meta_path[0].__class__, len(sys.meta_path), sys.excepthook.__qualname__, sys.getrecursionlimit())',
];

const fidelity: Readonly<Record<string, readonly string[]>> = {
  'the surroundings': surroundings,
  'sys.exit with a text': ['import numpy', 'import sys', 'print("a", end="")', 'sys.exit("ended: äöü")'],
  'sys.exit with a number': ['import numpy', 'raise SystemExit(77)'],
  'sys.exit with an object': ['import numpy', 'raise SystemExit((1, 2))'],
  'an uncaught exception with its causes': [
    'import numpy',
    'def inner():',
    '  numpy.zeros(3).reshape(2, 2)',
    'class OwnError(Exception): pass',
    'try:',
    '  inner()',
    'except ValueError as error:',
    '  raise OwnError("own") from error',
  ],
  'an excepthook of its own': [
    'import numpy, sys, traceback',
    'def hook(kind, error, trace):',
    '  print("hook", kind, error, traceback.extract_tb(trace), trace is error.__traceback__)',
    'sys.excepthook = hook',
    '1 / 0',
  ],
  'an error of syntax at run time': ['import numpy', 'exec("x =")'],
  'an interrupt': ['import numpy', 'raise KeyboardInterrupt("stop")'],
  'an interrupt from outside': ['import numpy, os, signal, time', 'os.kill(os.getpid(), 2)', 'time.sleep(9)'],
  'an end by signal': ['import numpy, os', 'print("before")', 'os.kill(os.getpid(), 15)'],
  'a crash': ['import numpy, os', 'os.abort()'],
  'no input': [
    'import numpy, sys',
    'print(repr(sys.stdin.read()))',
    'try:',
    '  input("name? ")',
    'except EOFError as error:',
    '  print(error)',
    'input()',
  ],
  'threads and atexit': [
    'import numpy, atexit, threading, time',
    'atexit.register(print, "at exit")',
    'class Last:',
    '  def __del__(self): print("deleted")',
    'last = Last()',
    'def late():',
    '  threading.main_thread().join()',
    '  print("thread")',
    'threading.Thread(target=late).start()',
    'threading.Thread(target=time.sleep, args=(99,), daemon=True).start()',
    'print("end of script")',
  ],
  'output that can no longer be written': ['import numpy, os', 'print("before")', 'os.close(1)', 'print("after")'],
  'what a thread starts at the end': [
    'import numpy, threading, time, sys',
    'def late():',
    '  time.sleep(0.05)',
    '  print("late")',
    '  sys.exit(3)',
    'threading.Thread(target=late).start()',
    'sys.exit(4)',
  ],
  multiprocessing: [
    'import joblib, multiprocessing, os',
    'def double(number): return 2 * number, os.getcwd(), __name__',
    'if __name__ == "__main__":',
    '  print(multiprocessing.process.ORIGINAL_DIR, multiprocessing.parent_process())',
    '  for method in ("fork", "spawn", "forkserver"):',
    '    with multiprocessing.get_context(method).Pool(1) as pool:',
    '      print(method, pool.map(double, range(3)))',
  ],
  'what a script asks of itself': [
    'import numpy, inspect, pickle, sys',
    'class Own:',
    '  "one line"',
    '  x = 1',
    'print(inspect.getsource(Own), inspect.getsourcefile(Own), Own.__module__, Own)',
    'print(pickle.dumps(Own()), pickle.loads(pickle.dumps(Own())).x, inspect.getmodule(Own))',
  ],
  warnings: [
    'import numpy, warnings',
    'warnings.warn("plain")',
    'warnings.warn("old", DeprecationWarning)',
    'for _ in range(2): numpy.float64(1) / 0',
    'print(warnings.filters)',
  ],
  'output in order, as bytes': [
    'import numpy, os, subprocess, sys',
    'print("out", end=" ")',
    'print("err", end=" ", file=sys.stderr)',
    'sys.stdout.buffer.write(b"\\xff\\x00\\r")',
    'os.write(1, b"raw ")',
    'subprocess.run(["echo", "child"])',
    'print("ä")',
    'os.write(2, b"no newline")',
  ],
  'a seed of the request': [
    'import random, numpy as np, numpy.random',
    'print(random.random(), np.random.rand(), np.random.RandomState(3).rand())',
  ],
};

describe('A forked run is like a plain one:', () => {
  for (const [what, script] of Object.entries(fidelity)) {
    test(what, async () => {
      const environment = { LEARNING_RATE: '0.1', ...(what.includes('seed') ? { PUSHTUNE_SEED: '11' } : {}) };
      await assertLikePlain(forking, 'fork', script, { arguments: ['--epochs', '2', 'ä'], environment });
    });
  }
});

describe('A run that a spare interpreter becomes is like a plain one:', () => {
  for (const what of [
    'the surroundings',
    'an uncaught exception with its causes',
    'threads and atexit',
    'multiprocessing',
  ]) {
    test(what, async () => {
      await assertLikePlain(sparing, 'spare', fidelity[what] ?? [], { arguments: ['1'] });
    });
  }

  test('the next spare is warmed when the run has ended', async () => {
    await train(sparing, { 'train.py': 'import numpy\n' });
    const path = join(sparing.folder, 'agent', 'warm.json');
    while ((JSON.parse(await appears(sparing, path)) as WarmFile).interpreter === undefined) await delay(20);
  });
});

test('nothing is imported twice, and the variables are those of a plain run', async () => {
  await installMarker(forking, 'plotly');
  const script = [
    'import os',
    'os.environ["KERAS_MARK"] = "first"',
    'os.environ.setdefault("KERAS_MARK", "never")',
    'import plotly',
    'os.environ["KERAS_MARK"] = "second"',
    'print(plotly.__name__)',
  ].join('\n');
  for (let run = 0; run < 3; run += 1) {
    const { log, warm } = await train(forking, { 'train.py': script }, withMarkers);
    assert.deepEqual({ log, warm }, { log: 'plotly\n', warm: 'fork' });
  }
  assert.deepEqual(await marks(forking, 'plotly'), ['first']);
  const look = 'import plotly, os\nprint(os.environ.get("KERAS_MARK"))\n';
  assert.equal((await train(forking, { 'train.py': look }, withMarkers)).log, 'None\n');
  assert.deepEqual(await marks(forking, 'plotly'), ['first', '-'], 'other variables, another interpreter');
});

test('no state goes from one run to the next', async () => {
  const first = [
    'import numpy as np',
    'import builtins, os, random, sys, json, warnings',
    'np.random.seed(1); random.seed(1); np.set_printoptions(precision=1); np.own = 1; builtins.own = 1; json.own = 1',
    'np.seterr(all="raise"); warnings.simplefilter("error"); os.environ["OWN"] = "1"; sys.path.append("/own")',
    'os.putenv("OWN2", "1"); sys.argv.append("own"); os.umask(0o77); os.chdir("/"); sys.setrecursionlimit(5000)',
  ].join('\n');
  const second = [
    'import numpy as np',
    'import builtins, os, sys, json, warnings, subprocess',
    'print(np.array([1.23456]), np.geterr(), warnings.filters, sys.path, sys.argv, os.getcwd(), os.umask(0o22))',
    'print([hasattr(place, "own") for place in (np, builtins, json)], "OWN" in os.environ, sys.getrecursionlimit())',
    'print(subprocess.run(["env"], capture_output=True, text=True).stdout.count("OWN"))',
  ];
  assert.equal((await train(forking, { 'train.py': first })).warm, 'fork');
  await assertLikePlain(forking, 'fork', second);
});

test('without a seed every run has random numbers of its own', async () => {
  const script = 'import numpy.random as generator, random\nprint(generator.rand())\nprint(random.random())\n';
  const logs = [];
  for (let run = 0; run < 2; run += 1) logs.push((await train(forking, { 'train.py': script })).log);
  const numbers = logs.join('').trimEnd().split('\n');
  assert.equal(new Set(numbers).size, 4, numbers.join());
});

test('a script whose file has the name of a module, or whose variables are computed, gets a cold interpreter', async () => {
  const script = 'import numpy\nprint("ok")\n';
  const shadow = await train(forking, { 'train.py': script, 'textwrap.py': 'dedent = indent = str\nprint("own")\n' });
  assert.deepEqual([shadow.warm, shadow.log], ['cold', 'own\nok\n']);
  const computed = 'import os\nos.environ["OMP_NUM_THREADS"] = str(1 + 1)\nimport numpy\nprint("ok")\n';
  const { run, warm, log } = await train(forking, { 'train.py': computed });
  assert.deepEqual([warm, log], ['cold', 'ok\n']);
  assert.match((await eventsOf(forking, run))[0]?.reason ?? '', /OMP_NUM_THREADS to a computed value/);
});

test('a module that fails, ends its process or starts a thread when it is imported costs no run', async () => {
  await installMarker(forking, 'nltk', 'raise RuntimeError("broken")');
  const script = ['try:', '  import nltk', 'except RuntimeError as error:', '  print(error)'].join('\n');
  const failing = await train(forking, { 'train.py': script }, withMarkers);
  assert.deepEqual([failing.code, failing.warm, failing.log], [0, 'cold', 'broken\n']);
  await installMarker(forking, 'numba', 'os._exit(5)');
  const ending = await train(forking, { 'train.py': 'import numba\n' }, withMarkers);
  assert.deepEqual([ending.code, ending.warm], [5, 'cold']);
  await installMarker(forking, 'seaborn', 'import threading, time');
  await installMarker(
    forking,
    'imblearn',
    'import threading',
    'threading.Thread(target=threading.Event().wait, daemon=True).start()',
  );
  const threaded = await train(forking, { 'train.py': 'import imblearn\nprint("ok")\n' }, withMarkers);
  assert.deepEqual([threaded.code, threaded.warm, threaded.log], [0, 'spare', 'ok\n']);
});

test('a module that never ends its import costs the run no more than its own time', async () => {
  await installMarker(forking, 'catboost', 'import time', 'time.sleep(600)');
  const run = nextRun();
  await requestRun(forking, run, { 'train.py': 'import catboost\n' }, { ...withMarkers, timeoutSeconds: 1 });
  assert.equal((await resultOf(forking, run)).reason, 'timeout');
  assert.equal((await train(forking, { 'train.py': 'import numpy\nprint("next")\n' })).log, 'next\n');
});

test('an interpreter that is killed disturbs no training, and the next run has another', async () => {
  const run = nextRun();
  const script = 'import numpy, os, time\nopen("ready", "w").close()\n'.concat(
    'while not os.path.exists("go"): time.sleep(0.01)\nprint("done")\n',
  );
  await requestRun(forking, run, { 'train.py': script });
  await appears(forking, join(runFolder(forking, run), 'workspace', 'ready'));
  const { interpreter } = await kept(forking);
  kill(forking, interpreter);
  await writeFile(join(runFolder(forking, run), 'workspace', 'go'), '');
  assert.equal((await resultOf(forking, run)).exitCode, 0);
  assert.equal(await logOf(forking, run), 'done\n');
  const next = await train(forking, { 'train.py': 'import numpy\nprint("next")\n' });
  assert.deepEqual([next.warm, next.log], ['fork', 'next\n']);
  assert.notEqual((await kept(forking)).interpreter, interpreter);
});

test('processes that leave their script’s session end with it', async () => {
  const script = 'import numpy, subprocess\nsubprocess.Popen(["setsid", "sh", "-c", "setsid sleep 989 & sleep 989"])\n';
  const { code } = await train(forking, { 'train.py': script.concat('import time; time.sleep(0.3)\n') });
  assert.equal(code, 0);
  assert.doesNotMatch(processes(forking), /sleep 989/);
});

test('an agent that is killed takes its training with it; it goes on, as often as it gets further', async () => {
  const agent = await start();
  const script = [
    'import numpy, os, signal, json',
    'state = "epoch"; epoch = int(open(state).read()) if os.path.exists(state) else 0',
    'print("epoch", epoch + 1)',
    'open(state, "w").write(str(epoch + 1))',
    'with open(os.environ["PUSHTUNE_EVENTS"], "a") as events:',
    '  events.write(json.dumps({"type": "epoch", "fit": 1, "epoch": epoch + 1}) + "\\n")',
    'if epoch < 3: os.kill(os.getppid(), signal.SIGKILL); signal.pause()',
  ].join('\n');
  await requestRun(agent, 'killed', { 'train.py': script }, { maximumStarts: 1 });
  for (let death = 0; death < 3; death += 1) {
    await agent.container.wait();
    await agent.container.start();
  }
  const { exitCode, starts } = await resultOf(agent, 'killed');
  assert.deepEqual({ exitCode, starts }, { exitCode: 0, starts: 4 });
  assert.equal(await logOf(agent, 'killed'), 'epoch 1\nepoch 2\nepoch 3\nepoch 4\n');
});

test('a container that is started again warms what was warm before', async () => {
  const agent = await start();
  await installMarker(agent, 'plotly');
  const script = 'import plotly\nprint("ok")\n';
  await train(agent, { 'train.py': script }, withMarkers);
  await agent.container.restart({ t: 0 });
  while ((await marks(agent, 'plotly')).length < 2) await delay(20);
  const { warm, log } = await train(agent, { 'train.py': script }, withMarkers);
  assert.deepEqual([warm, log], ['fork', 'ok\n']);
  assert.equal((await marks(agent, 'plotly')).length, 2);
});

test('an interpreter that waits is what the kernel ends first when memory is short', async () => {
  await train(forking, { 'train.py': 'import numpy\n' });
  const { interpreter } = await kept(forking);
  const score = execFileSync('docker', ['exec', forking.container.id, 'cat', `/proc/${interpreter}/oom_score_adj`]);
  assert.equal(score.toString(), '1000\n');
});

test('old names that were met ahead are told in every run', async () => {
  const script = 'from keras.utils.np_utils import to_categorical\nprint(to_categorical([1], 2).tolist())\n';
  for (let run = 0; run < 2; run += 1) {
    const { log, run: name, warm } = await train(forking, { 'train.py': script });
    assert.equal(warm, 'fork');
    assert.match(log, /^pushtune: Keras 2 compatibility: keras\.utils\.np_utils\n\[\[0\.0, 1\.0\]\]\n$/);
    const shims = (await eventsOf(forking, name)).filter(({ type }) => type === 'shim');
    assert.deepEqual(
      shims.map(({ name: shim }) => shim),
      ['keras.utils.np_utils'],
    );
  }
});

test('TensorFlow trains to the same figures as in a plain run, whatever the run before did to Keras', async () => {
  const settings = { environment: { PUSHTUNE_SEED: '5' } };
  const untidy = [
    'import keras',
    'import numpy as np',
    'keras.config.set_floatx("float64"); keras.utils.set_random_seed(1)',
    'keras.mixed_precision.set_global_policy("mixed_float16")',
    'keras.Sequential([keras.layers.Dense(1)]).build((1, 3))',
  ].join('\n');
  assert.equal((await train(forking, { 'train.py': untidy })).warm, 'fork');
  const script = [
    'import keras',
    'import numpy as np',
    'x = np.random.rand(256, 8); y = (x.sum(1) > 4).astype("int32")',
    'model = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(2, "softmax")])',
    'model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])',
    'print(model.fit(x, y, epochs=3, verbose=0, validation_split=0.2).history, keras.config.floatx())',
  ];
  await assertLikePlain(forking, 'fork', script, settings);
});

test('the memory of a GPU is part of the result where nvidia-smi tells it', async () => {
  const folder = join(dataDirectory, 'gpu');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'nvidia-smi'), '#!/bin/sh\necho 1024\necho 512\n', { mode: 0o755 });
  const agent = await start([], [`${join(folder, 'nvidia-smi')}:/usr/local/bin/nvidia-smi:ro`]);
  const script = 'import time\ntime.sleep(1)\n';
  const { run } = await train(agent, { 'train.py': script });
  assert.equal((await resultOf(agent, run)).peakGpuMemoryBytes, 1536 * 1024 ** 2);
});
