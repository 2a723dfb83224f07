"""Runs Optuna's studies for the benchmark of the tuner: one JSON object a line in, one a line out.

A line either starts a study (``{"study": 1, "start": {"sampler": "tpe", "seed": 7, "mode": "max", "parameters": [...],
"first": {...}}}``), tells the metric of the values that were given last (``{"study": 1, "metric": 0.5}``; null for a
trial that failed), or ends the study (``{"study": 1, "end": true}``). The first two are answered by the next values
(``{"study": 1, "values": {...}}``) or by an ``error``. Values of categorical parameters are indexes of their choices.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any, TextIO

import optuna

Parameter = dict[str, Any]
Values = dict[str, Any]


class RunningStudy:
    """One study and the trial whose metric is still to come."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._parameters: list[Parameter] = request["parameters"]
        self._study = optuna.create_study(
            direction="maximize" if request["mode"] == "max" else "minimize",
            sampler=make_sampler(request["sampler"], request["seed"]),
        )
        if request.get("first"):
            self._study.enqueue_trial(request["first"])
        self._trial: optuna.Trial | None = None

    def ask(self) -> Values:
        self._trial = self._study.ask()
        values: Values = {}
        # A parameter that another one switches on comes after that one.
        for parameter in sorted(self._parameters, key=lambda one: "when" in one):
            if is_active(parameter, values):
                values[parameter["name"]] = suggest(self._trial, parameter)
        return values

    def tell(self, metric: float | None) -> None:
        if metric is None:
            self._study.tell(self._trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(self._trial, metric)


def make_sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    if name == "gp":
        import torch

        torch.set_num_threads(1)
        return optuna.samplers.GPSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


def is_active(parameter: Parameter, values: Values) -> bool:
    when = parameter.get("when")
    condition = None if when is None else values.get(when["parameter"])
    return condition is None or condition >= when["atLeast"]


def suggest(trial: optuna.Trial, parameter: Parameter) -> float | int:
    name = parameter["name"]
    if parameter["type"] == "categorical":
        return trial.suggest_categorical(name, list(range(parameter["choices"])))
    low, high = parameter["low"], parameter["high"]
    if parameter["type"] == "float":
        return trial.suggest_float(name, low, high, log=parameter["log"], step=parameter["step"])
    return trial.suggest_int(name, low, high, log=parameter["log"], step=parameter["step"] or 1)


def serve(requests: TextIO, answers: TextIO) -> None:
    studies: dict[int, RunningStudy] = {}
    for line in requests:
        request = json.loads(line)
        number = request["study"]
        if "end" in request:
            studies.pop(number, None)
            continue
        try:
            if "start" in request:
                studies[number] = RunningStudy(request["start"])
            else:
                studies[number].tell(request["metric"])
            answer = {"study": number, "values": studies[number].ask()}
        except Exception as error:
            answer = {"study": number, "error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    # GPSampler and some defaults of TPESampler call themselves experimental.
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    serve(sys.stdin, sys.stdout)
