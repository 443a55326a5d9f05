"""Which kernel decides which of GX's row-level metrics."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from batch_scorer.validation.streaming.kernels import parsed, records, texts, values
from batch_scorer.validation.streaming.kernels.kernel import Kernel, Kwargs
from batch_scorer.validation.streaming.rows import Column, Mask


def _is_valid(columns: tuple[Column, ...], _: Kwargs) -> Mask:
    (column,) = columns
    return np.ones(len(column), dtype=bool) if column.valid is None else column.valid


_NOT_NULL = Kernel(streams=lambda *_: True, meets=_is_valid, certain=lambda columns, _: not columns[0].n_null)
_NULL = Kernel(streams=lambda *_: True, meets=lambda columns, kwargs: ~_is_valid(columns, kwargs))

KERNELS: Mapping[str, Kernel] = {
    "column_values.nonnull": _NOT_NULL,
    "column_values.null": _NULL,
    "column_values.between": values.BETWEEN,
    "column_values.in_set": values.IN_SET,
    "column_values.not_in_set": values.NOT_IN_SET,
    "column_values.value_length.equals": texts.LENGTH_EQUALS,
    "column_values.value_length.between": texts.LENGTH_BETWEEN,
    "column_values.match_regex": texts.MATCH_REGEX,
    "column_values.not_match_regex": texts.NOT_MATCH_REGEX,
    "column_values.match_regex_list": texts.MATCH_REGEX_LIST,
    "column_values.not_match_regex_list": texts.NOT_MATCH_REGEX_LIST,
    "column_values.match_strftime_format": parsed.STRFTIME,
    "column_values.dateutil_parseable": parsed.DATEUTIL,
    "column_values.json_parseable": parsed.JSON,
    "column_values.match_json_schema": parsed.JSON_SCHEMA,
    "column_pair_values.equal": records.PAIR_EQUAL,
    "column_pair_values.a_greater_than_b": records.PAIR_GREATER,
    "column_pair_values.in_set": records.PAIR_IN_SET,
    "multicolumn_values.equal": records.ALL_EQUAL,
    "multicolumn_sum.equal": records.SUM_EQUALS,
    "select_column_values.unique.within_record": records.ALL_DIFFERENT,
}
