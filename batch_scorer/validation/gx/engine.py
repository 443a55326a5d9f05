"""GX's pandas engine with our answers: a metric that a check has an answer for is never computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
from great_expectations.exceptions import MetricResolutionError
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.validator.metric_configuration import MetricConfiguration

from batch_scorer.validation.streaming.domains import canonical


class NotEvaluated(Exception):
    """Why an expectation that is left to GX was not tried."""


MetricKey = tuple[str, str, str]
Answer = Callable[[], Any]


def key_of(metric: MetricConfiguration) -> MetricKey:
    """A metric's name and arguments, whichever batch it is asked of; an absent argument is a None."""
    domain = {
        name: value
        for name, value in metric.metric_domain_kwargs.items()
        if value is not None and name not in ("batch_id", "table")
    }
    values = {name: value for name, value in metric.metric_value_kwargs.items() if value is not None}
    return metric.metric_name, canonical(_plain(domain)), canonical(_plain(values))


def _plain(value: Any) -> Any:
    """Row conditions are objects in one place and their JSON in another."""
    match value:
        case Mapping():
            return {name: _plain(member) for name, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case _ if hasattr(value, "dict"):
            return _plain(value.dict())
        case _:
            return value


class ReplayEngine(PandasExecutionEngine):  # type: ignore[misc]  # GX publishes no types
    """answers: by metric. real: metrics to compute on the frame that was loaded.

    Every other metric is a step on the way to one that is answered: it is given no value.
    """

    answers: Mapping[MetricKey, Answer]
    real: frozenset[MetricKey]
    of_table: Mapping[str, Answer]

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: dict[Any, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        resolved: dict[Any, Any] = {}
        for metric in metrics_to_resolve:
            key = key_of(metric)
            answer = self.of_table.get(metric.metric_name) or self.answers.get(key)
            if answer is not None:
                resolved[metric.id] = _answered(metric, answer)
            elif key in self.real:
                resolved |= super().resolve_metrics([metric], metrics, runtime_configuration)
            else:
                resolved[metric.id] = None
        return resolved


def _answered(metric: MetricConfiguration, answer: Answer) -> Any:
    """Raises: MetricResolutionError, which GX reports with the one expectation that needs the metric."""
    try:
        return answer()
    except Exception as error:
        raise MetricResolutionError(
            message=f"{type(error).__name__}: {error}", failed_metrics=(metric,)
        ) from error


def replay_engine(
    frame: pd.DataFrame,
    *,
    answers: Mapping[MetricKey, Answer],
    real: Iterable[MetricKey],
    of_table: Mapping[str, Answer],
) -> ReplayEngine:
    engine = ReplayEngine(batch_data_dict={})
    engine.answers, engine.real, engine.of_table = answers, frozenset(real), of_table
    engine.load_batch_data("frame", frame)
    return engine
