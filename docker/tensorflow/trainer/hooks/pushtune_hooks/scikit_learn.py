"""`keras.wrappers.scikit_learn` of Keras 2: a function that builds a model, as an estimator of scikit-learn."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy
from keras import Model, utils
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class BaseWrapper(BaseEstimator):
    """
    :param build_fn: function or object to call, or None when the subclass itself can be called
    :param sk_params: arguments of `build_fn`, `fit`, `predict` and `evaluate`
    """

    def __init__(self, build_fn: Any = None, **sk_params: Any) -> None:
        self.build_fn = build_fn
        self.sk_params = sk_params

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"build_fn": self.build_fn, **self.sk_params}

    def set_params(self, **params: Any) -> BaseWrapper:
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.sk_params = {**self.sk_params, **params}
        return self

    def fit(self, x: Any, y: Any, **keywords: Any) -> Any:
        build = self.build_fn if self.build_fn is not None else self.__call__
        self.model = build(**self._arguments_of(build))
        if "categorical_crossentropy" == self.model.loss and numpy.ndim(y) != 2:
            y = utils.to_categorical(y)
        self.history = self.model.fit(x, y, **{**self._arguments_of(Model.fit), **keywords})
        return self.history

    def _arguments_of(self, function: Any) -> dict[str, Any]:
        names = set(inspect.signature(function).parameters)
        if function is Model.fit:
            names.add("nb_epoch")
        return {name: copy.copy(value) for name, value in self.sk_params.items() if name in names}


class KerasClassifier(ClassifierMixin, BaseWrapper):
    def fit(self, x: Any, y: Any, **keywords: Any) -> Any:
        y = numpy.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = numpy.arange(y.shape[1])
        else:
            self.classes_ = numpy.unique(y)
            y = numpy.searchsorted(self.classes_, y)
        self.n_classes_ = len(self.classes_)
        return super().fit(x, y, **keywords)

    def predict(self, x: Any, **keywords: Any) -> Any:
        found = self.model.predict(x, **{**self._arguments_of(Model.predict), **keywords})
        return self.classes_[found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")]

    def predict_proba(self, x: Any, **keywords: Any) -> Any:
        found = self.model.predict(x, **{**self._arguments_of(Model.predict), **keywords})
        return numpy.hstack([1 - found, found]) if found.shape[1] == 1 else found

    def score(self, x: Any, y: Any, **keywords: Any) -> float:
        y = numpy.searchsorted(self.classes_, y) if numpy.ndim(y) == 1 else y
        if self.model.loss == "categorical_crossentropy" and numpy.ndim(y) != 2:
            y = utils.to_categorical(y, self.n_classes_)
        found = self.model.evaluate(x, y, return_dict=True, **{**self._arguments_of(Model.evaluate), **keywords})
        for name, value in found.items():
            if name in ("acc", "accuracy"):
                return float(value)
        raise ValueError("the model has no accuracy; pass metrics=['accuracy'] to model.compile()")


class KerasRegressor(RegressorMixin, BaseWrapper):
    def predict(self, x: Any, **keywords: Any) -> Any:
        found = self.model.predict(x, **{**self._arguments_of(Model.predict), **keywords})
        return numpy.squeeze(found, axis=-1)

    def score(self, x: Any, y: Any, **keywords: Any) -> float:
        """The loss, negated: more is better."""
        loss = self.model.evaluate(x, y, **{**self._arguments_of(Model.evaluate), **keywords})
        return -float(loss[0] if isinstance(loss, list) else loss)
