"""Great Expectations on a whole data frame, and our partials of its chunks, side by side."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch_scorer.validation.evidence import Evidence, gathered
from batch_scorer.validation.formats import columns_kept, rows_kept
from batch_scorer.validation.streaming.compile import Way, compile_suite
from batch_scorer.validation.streaming.measures import Sampling
from batch_scorer.validation.streaming.rows import Rows
from batch_scorer.validation.streaming.rules.table import RULES
from batch_scorer.validation.streaming.scan import Scanned, scan

Json = dict[str, Any]
_TOLERANCE = 1e-12  # relative
_MAX_LISTED = 20  # GX's MAX_DISTINCT_VALUES
_UNORDERED = (  # GX lists a Python set
    "expect_column_distinct_values_to_contain_set",
    "expect_column_distinct_values_to_equal_set",
)


def expectation(type_: str, /, severity: str = "critical", **kwargs: Any) -> Json:
    return {"type": type_, "kwargs": kwargs, "severity": severity}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One expectation that GX and we see differently. why: in a few words."""

    expectation: Mapping[str, Any]
    why: str
    ours: Any = None
    theirs: Any = None

    def __str__(self) -> str:
        return (
            f"{self.why}\n  {json.dumps(self.expectation)}\n"
            f"  ours:   {json.dumps(self.ours)}\n  theirs: {json.dumps(self.theirs)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    n_equal: int
    left: tuple[tuple[str, str], ...]  # (type, why)
    differences: tuple[Difference, ...]
    streamed: tuple[str, ...] = ()


@dataclass(slots=True)
class Oracle:
    """One GX context for a whole session of tests."""

    context: Any = field(init=False)
    _n: int = 0

    def __post_init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import great_expectations as gx
            from great_expectations.data_context.types.base import ProgressBarsConfig

            self.context = gx.get_context(mode="ephemeral")
            self.context.variables.progress_bars = ProgressBarsConfig(globally=False)
            asset = self.context.data_sources.add_pandas("oracle").add_dataframe_asset("rows")
            self._definition = asset.add_batch_definition_whole_dataframe("all")

    _definition: Any = field(init=False)

    def theirs(self, table: pa.Table, expectations: Sequence[Json], result_format: Json) -> dict[int, Json]:
        """GX's results by place in the suite."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.ask(table.to_pandas(), expectations, result_format)

    def ask(self, frame: Any, expectations: Sequence[Json], result_format: Json) -> dict[int, Json]:
        """The same, of a pandas frame."""
        import great_expectations as gx

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = self._definition.get_batch({"dataframe": frame})
            suite = gx.ExpectationSuite(**_document(expectations))
            answer = batch.validate(suite, result_format=deepcopy(result_format))
            return _by_place(answer.to_json_dict())

    def ours(self, evidence: Evidence, result_format: Json) -> dict[int, Json]:
        from batch_scorer.validation.gx.render import Replay

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            replay = Replay(evidence=evidence, result_format=deepcopy(result_format))
            return _by_place(replay.render(self.context, _document(evidence.expectations), {}))

    def compare(
        self, table: pa.Table, expectations: Sequence[Json], result_format: Json, cuts: Sequence[int] = ()
    ) -> Compared:
        """Of the expectations that are streamed. cuts: ascending, where the rows are cut into batches."""
        everything = compile_suite(expectations, table.schema)
        left = tuple((check.type, check.why) for check in everything.left_to_gx)
        streamed = [expectations[check.index] for check in everything.checks if check.way is Way.STREAMED]
        if not streamed:
            return Compared(n_equal=0, left=left, differences=())
        evidence = gathered_from(table, streamed, result_format, cuts)
        compiled = evidence.compiled
        theirs = self.theirs(table, streamed, result_format)
        ours = self.ours(evidence, result_format)
        differences = list(_differences(evidence, ours, theirs))
        return Compared(
            n_equal=len(streamed) - len({id(one.expectation) for one in differences}),
            left=left,
            differences=tuple(differences),
            streamed=tuple(check.type for check in compiled.checks),
        )


def gathered_from(
    table: pa.Table, expectations: Sequence[Json], result_format: Json, cuts: Sequence[int] = ()
) -> Evidence:
    """Batches scanned apart, their partials added up; these and the evidence go through JSON, as on disk."""
    sampling = Sampling(
        keep=rows_kept(result_format), columns=columns_kept(result_format, table.schema.names)
    )
    compiled = compile_suite(expectations, table.schema, sample_columns=sampling.columns)
    edges = [0, *cuts, table.num_rows]
    total: Scanned | None = None
    for start, stop in pairwise(edges):
        part = scan(Rows(table.slice(start, stop - start)), compiled.measures, sampling)
        part = Scanned.from_json(json.loads(json.dumps(part.as_json())))
        total = part if total is None else total + part
    assert total is not None
    evidence = gathered(expectations, table.schema, sampling, total, Path("/nonexistent"))
    return Evidence.from_json(json.loads(json.dumps(evidence.as_json())))


def _document(expectations: Sequence[Mapping[str, Any]]) -> Json:
    numbered = [
        {**deepcopy(dict(one)), "meta": {**one.get("meta", {}), "place": place}}
        for place, one in enumerate(expectations)
    ]
    return {"name": "oracle", "expectations": numbered}


def _by_place(answer: Json) -> dict[int, Json]:
    results = json.loads(json.dumps(answer["results"], default=_plain))
    for result in results:
        result["expectation_config"]["kwargs"].pop("batch_id", None)
        result["meta"].pop("batch_scorer", None)  # ours, on which way it was evaluated
    return {result["expectation_config"]["meta"].pop("place"): result for result in results}


def _plain(number: Any) -> Any:
    """GX leaves a NumPy scalar here and there."""
    return number.item() if hasattr(number, "item") else str(number)


def _differences(
    evidence: Evidence, ours: Mapping[int, Json], theirs: Mapping[int, Json]
) -> Iterator[Difference]:
    found, checks = evidence.found(), evidence.compiled.checks
    for place, (check, one) in enumerate(zip(checks, evidence.expectations, strict=True)):
        mine, gxs = ours[place], theirs[place]
        if raised(gxs):
            if check.way is Way.STREAMED:
                yield Difference(expectation=one, why="GX raises", ours=mine["result"], theirs=raised(gxs))
            continue
        if raised(mine):
            yield Difference(expectation=one, why="we raise", ours=raised(mine), theirs=gxs["result"])
            continue
        if check.type in _UNORDERED:
            for result in (mine, gxs):
                _forget_which_are_missing(result["result"])
        if not same(mine, gxs, unordered=check.type in _UNORDERED):
            yield Difference(expectation=one, why="results", ours=mine["result"], theirs=gxs["result"])
        try:
            holds: Any = RULES[check.type].holds(check.kwargs, found)
        except Exception as error:
            holds = repr(error)
        if holds is not gxs["success"]:
            yield Difference(expectation=one, why="holds", ours=repr(holds), theirs=gxs["success"])


def raised(result: Json) -> str:
    """What GX says went wrong; empty when nothing did."""
    info = result.get("exception_info") or {}
    if "raised_exception" in info:
        return str(info["exception_message"]) if info["raised_exception"] else ""
    return "; ".join(str(one["exception_message"]) for one in info.values() if one["raised_exception"])


def _forget_which_are_missing(result: Json) -> None:
    """GX lists the first of a set, whose order is that of Python's hashes."""
    if result.get("missing_count", 0) > _MAX_LISTED:
        result.pop("partial_missing_list", None)


def _order(value: Any) -> tuple[float, str]:
    return (value, "") if isinstance(value, int | float) else (0.0, repr(value))


def same(one: Any, other: Any, *, unordered: bool = False) -> bool:
    """Numbers to 1e-12; NaN is NaN. unordered: lists may be in another order."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(
                same(one[name], other[name], unordered=unordered) for name in one
            )
        case list(), list():
            if len(one) != len(other):
                return False
            if unordered:
                one, other = sorted(one, key=_order), sorted(other, key=_order)
            return all(same(a, b, unordered=unordered) for a, b in zip(one, other, strict=True))
        case float(), float():
            return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=_TOLERANCE)
        case _:
            return type(one) is type(other) and bool(one == other)
