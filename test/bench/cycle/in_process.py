"""Optuna and all trainings in one process, as people write it who tune without a server."""

from __future__ import annotations

import json
import runpy
import sys
import time
from pathlib import Path
from typing import Any

# Behind the image's own packages, which are to be the same as in the loop.
sys.path.append("/optuna")

import keras  # noqa: E402
import optuna  # noqa: E402
import sklearn.datasets  # noqa: E402, F401
import sklearn.model_selection  # noqa: E402, F401

values = json.loads(Path("values.json").read_text(encoding="utf-8"))
names = sorted({name for trial in values for name in trial})
choices = {name: sorted({json.dumps(trial[name]) for trial in values if name in trial}) for name in names}
seconds: list[float] = []


def objective(trial: optuna.Trial) -> float:
    for name, options in choices.items():
        trial.suggest_categorical(name, options)
    keras.backend.clear_session()
    script = Path(str(trial.number)) / "train.py"
    found: dict[str, Any] = runpy.run_path(str(script), run_name="__main__")
    return float(found["accuracy"])


def note_seconds(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    seconds.append(time.monotonic() - sum(seconds) - began)


study = optuna.create_study(direction="maximize")
for trial_values in values:
    study.enqueue_trial({name: json.dumps(value) for name, value in trial_values.items()}, skip_if_exists=False)
began = time.monotonic()
study.optimize(objective, n_trials=len(values), callbacks=[note_seconds])
print(json.dumps(seconds))
