"""GX's own ExpectationSuiteValidationResult from partials, and from a frame for what was left to GX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validation_graph import ValidationGraph
from great_expectations.validator.validator import Validator, calc_validation_statistics

from batch_scorer.validation.replay.engine import Answer, MetricKey, ReplayEngine, key_of, replay_engine
from batch_scorer.validation.streaming.compile import Check, Compiled, Way
from batch_scorer.validation.streaming.rules.rule import Found
from batch_scorer.validation.streaming.rules.schemas import dtype_of
from batch_scorer.validation.streaming.rules.table import RULES

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """found: partials of all rows. frame: all rows of the columns that the checks left to GX read.

    result_format: as GX takes it, a dict.
    """

    compiled: Compiled
    found: Found
    result_format: Json
    frame: pd.DataFrame | None = None

    def render(self, context: Any, document: Mapping[str, Any]) -> Json:
        """document: the suite as JSON, suite parameters resolved. Raises: whatever GX raises of the suite itself."""
        suite = gx.ExpectationSuite(**deepcopy(dict(document)))
        configurations = suite.expectation_configurations
        engine = self._engine(configurations)
        validator = Validator(execution_engine=engine, data_context=context)
        ordered = validator.process_expectations_for_validation(configurations)
        results = validator.graph_validate(
            configurations=ordered, runtime_configuration={"result_format": dict(self.result_format)}
        )
        statistics = calc_validation_statistics(results)
        whole = ExpectationSuiteValidationResult(
            results=results,
            success=statistics.success,
            suite_name=suite.name,
            statistics={
                "evaluated_expectations": statistics.evaluated_expectations,
                "successful_expectations": statistics.successful_expectations,
                "unsuccessful_expectations": statistics.unsuccessful_expectations,
                "success_percent": statistics.success_percent,
            },
            meta={"great_expectations_version": gx.__version__},
            batch_id=engine.batch_manager.active_batch_data_id,
        )
        rendered: Json = whole.to_json_dict()
        return rendered

    def _engine(self, configurations: list[ExpectationConfiguration]) -> ReplayEngine:
        frame = self._empty() if self.frame is None else self.frame
        types = [{"name": name, "type": dtype_of(name, self.found)} for name in self.found.schema.names]
        of_table: dict[str, Answer] = {
            "table.columns": lambda: list(self.found.schema.names),
            "table.column_types": lambda: types,
            "table.column_count": lambda: len(self.found.schema.names),
        }
        blank = replay_engine(frame, answers={}, real=(), of_table=of_table)
        answers: dict[MetricKey, Answer] = {}
        real: set[MetricKey] = set()
        for check, configuration in zip(self.compiled.checks, configurations, strict=True):
            if check.way is Way.STREAMED:
                answers |= dict(self._answers(check, configuration, blank))
            else:
                real |= {key_of(metric) for metric in _needed(configuration, blank, self.result_format)}
        return replay_engine(frame, answers=answers, real=real, of_table=of_table)

    def _answers(
        self, check: Check, configuration: ExpectationConfiguration, engine: ReplayEngine
    ) -> Iterator[tuple[MetricKey, Answer]]:
        """Of the metrics that its expectation is validated with."""
        for metric in _wanted(configuration, engine, self.result_format):
            given = metric.metric_value_kwargs
            answer = partial(RULES[check.type].answer, metric.metric_name, given, check.kwargs, self.found)
            yield key_of(metric), answer

    def _empty(self) -> pd.DataFrame:
        """No rows, but every column in its type."""
        return pd.DataFrame(
            {name: pd.Series([], dtype=dtype_of(name, self.found)) for name in self.found.schema.names}
        )


def _wanted(
    configuration: ExpectationConfiguration, engine: ReplayEngine, result_format: Json
) -> list[MetricConfiguration]:
    """The metrics an expectation asks for, their absent arguments filled in as GX fills them."""
    runtime = {"result_format": dict(result_format)}
    expectation = configuration.to_domain_obj()
    wanted = expectation.get_validation_dependencies(execution_engine=engine, runtime_configuration=runtime)
    metrics = list(wanted.metric_configurations.values())
    for metric in metrics:
        ValidationGraph(execution_engine=engine).build_metric_dependency_graph(metric, runtime)
    return metrics


def _needed(
    configuration: ExpectationConfiguration, engine: ReplayEngine, result_format: Json
) -> list[MetricConfiguration]:
    """Those, and all that they are computed from. An expectation that GX cannot evaluate needs none."""
    runtime = {"result_format": dict(result_format)}
    graph = ValidationGraph(execution_engine=engine)
    try:
        for metric in _wanted(configuration, engine, result_format):
            graph.build_metric_dependency_graph(metric, runtime)
    except Exception:
        return []
    ends = [end for edge in graph.edges for end in (edge.left, edge.right) if end is not None]
    return ends
