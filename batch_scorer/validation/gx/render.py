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

from batch_scorer.validation.evidence import Evidence
from batch_scorer.validation.gx.engine import (
    Answer,
    MetricKey,
    NotEvaluated,
    ReplayEngine,
    key_of,
    replay_engine,
)
from batch_scorer.validation.gx.told import NUMBER, told_how
from batch_scorer.validation.streaming.compile import Check, Way
from batch_scorer.validation.streaming.rules.rule import Found
from batch_scorer.validation.streaming.rules.schemas import dtype_of
from batch_scorer.validation.streaming.rules.table import RULES

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """evidence: of all rows. frame: all rows of the columns that the checks left to GX read.

    result_format: as GX takes it, a dict. refused: why there is no frame although one is needed.
    """

    evidence: Evidence
    result_format: Json
    frame: pd.DataFrame | None = None
    refused: str | None = None

    def render(self, context: Any, document: Mapping[str, Any], parameters: Mapping[str, Any]) -> Json:
        """document: the suite as JSON; parameters: of the suite. Raises: what GX raises of the suite."""
        suite = _suite(document)
        configurations = suite.expectation_configurations
        known = {**(document.get("suite_parameters") or {}), **parameters}
        blank = Validator(execution_engine=self._blank(), data_context=context)
        ordered = blank.process_expectations_for_validation(configurations, known)
        engine = self._engine(configurations)
        results = Validator(execution_engine=engine, data_context=context).graph_validate(
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
        return told_how(whole.to_json_dict(), self.evidence.compiled.checks)

    def _blank(self) -> ReplayEngine:
        """Knows the table's columns, and nothing of its rows."""
        found = self.evidence.found()
        types = [{"name": name, "type": dtype_of(name, found)} for name in found.schema.names]
        of_table: dict[str, Answer] = {
            "table.columns": lambda: list(found.schema.names),
            "table.column_types": lambda: types,
            "table.column_count": lambda: len(found.schema.names),
        }
        return replay_engine(_empty(found), answers={}, real=(), of_table=of_table)

    def _engine(self, configurations: list[ExpectationConfiguration]) -> ReplayEngine:
        blank, found = self._blank(), self.evidence.found()
        answers: dict[MetricKey, Answer] = {}
        asked: set[MetricKey] = set()
        real: set[MetricKey] = set()
        for check, configuration in zip(self.evidence.compiled.checks, configurations, strict=True):
            if check.way is Way.STREAMED:
                answers |= dict(_answers(check, configuration, blank, self.result_format, found))
                continue
            wanted, steps = _needed(configuration, blank, self.result_format)
            asked |= {key_of(metric) for metric in wanted}
            real |= {key_of(metric) for metric in steps}
        if self.refused is not None:
            # Not the steps to it: a streamed expectation may have them on its way, too.
            refused = dict.fromkeys(asked - set(answers), partial(_refuse, self.refused))
            return replay_engine(
                _empty(found), answers={**answers, **refused}, real=(), of_table=blank.of_table
            )
        real -= set(answers)
        frame = _empty(found) if self.frame is None else self.frame
        return replay_engine(frame, answers=answers, real=real, of_table=blank.of_table)


def _suite(document: Mapping[str, Any]) -> gx.ExpectationSuite:
    """Each expectation says which one it is, for `told_how`. Raises: what GX raises of one it cannot make."""
    numbered = deepcopy(dict(document))
    for index, expectation in enumerate(numbered["expectations"]):
        expectation["meta"] = {**(expectation.get("meta") or {}), NUMBER: index}
        # A suite logs an expectation that it cannot make, and goes on without it; this raises.
        ExpectationConfiguration(**expectation).to_domain_obj()
    return gx.ExpectationSuite(**numbered)


def _empty(found: Found) -> pd.DataFrame:
    """No rows, but every column in its type."""
    return pd.DataFrame({name: pd.Series([], dtype=dtype_of(name, found)) for name in found.schema.names})


def _answers(
    check: Check,
    configuration: ExpectationConfiguration,
    engine: ReplayEngine,
    result_format: Json,
    found: Found,
) -> Iterator[tuple[MetricKey, Answer]]:
    """Of the metrics that an expectation is validated with."""
    answer = RULES[check.type].answer
    for metric in _wanted(configuration, engine, result_format):
        given = metric.metric_value_kwargs
        yield key_of(metric), partial(answer, metric.metric_name, given, check.kwargs, found)


def _refuse(why: str) -> Any:
    raise NotEvaluated(why)


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
) -> tuple[list[MetricConfiguration], list[MetricConfiguration]]:
    """Those, and all that they are computed from. An expectation that GX cannot evaluate needs none."""
    runtime = {"result_format": dict(result_format)}
    graph = ValidationGraph(execution_engine=engine)
    try:
        wanted = _wanted(configuration, engine, result_format)
        for metric in wanted:
            graph.build_metric_dependency_graph(metric, runtime)
    except Exception:  # GX will say it of this expectation alone
        return [], []
    return wanted, [end for edge in graph.edges for end in (edge.left, edge.right) if end is not None]
