"""The validation process: the only module that imports Great Expectations.

    python -m batch_scorer.validation.gx.worker MAX_BYTES PARENT_PID [CODE_DIRECTORY …]

One JSON request a line on stdin (`request.gx_message`), one JSON answer a line on stdout:
`{"result": GX's suite result, "seconds": s}`, or `{"error": why not, "exhausted": memory ran out}`.
It ends when stdin does, or with its parent.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

import psutil

from batch_scorer.validation.formats import MAX_LISTED

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_NICENESS = 5  # scoring goes first
_PR_SET_PDEATHSIG = 1
_NO_LIMIT = 2**62
_LEAST_ROOM_BYTES = 64 << 20  # with less, libraries fail in their own odd ways before they say "memory"


def main(arguments: list[str]) -> int:
    answers = _keep_stdout_for_answers()
    max_bytes, parent_pid, *code = arguments
    _live_and_die_with(int(parent_pid))
    os.nice(_NICENESS)
    sys.path[:0] = code
    engine = GxEngine()
    _bound_memory(int(max_bytes))
    for line in sys.stdin:
        answer = _answer(engine, json.loads(line))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0


class GxEngine:
    """GX's pandas engine behind one ephemeral context."""

    def __init__(self) -> None:
        import great_expectations as gx
        import pyarrow.parquet  # noqa: F401 (every native library is loaded before memory is bounded)
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        _list_only_the_first_keys()

    def validate(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """GX's ExpectationSuiteValidationResult as JSON. Raises: whatever reading or GX raises."""
        from batch_scorer.validation.evidence import Evidence
        from batch_scorer.validation.gx.render import Replay

        document = message["suite"]
        _import_custom(expectation["type"] for expectation in document["expectations"])
        evidence = Evidence.from_json(message["evidence"])
        frame = None
        if message["files"] is not None:
            frame = _read(message["files"], message["columns"], message["limit_rows"])
        rendered = Replay(
            evidence=evidence,
            result_format=message["result_format"],
            frame=frame,
            refused=message["refused"],
        ).render(self._context, document, message["parameters"])
        plain: dict[str, Any] = json.loads(json.dumps(rendered, default=_plain))
        return plain


@functools.cache
def shared_engine() -> GxEngine:
    """One for this process, for those who do not need another process's memory bound."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    return GxEngine()


def _plain(value: Any) -> Any:
    """What GX leaves in its JSON that is none: numpy's booleans and numbers."""
    return value.item() if hasattr(value, "item") else str(value)


def _answer(engine: GxEngine, message: Mapping[str, Any]) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        return {"result": engine.validate(message), "seconds": time.perf_counter() - start}
    except Exception as error:
        # Arrow turns C++'s own out of memory into an OSError.
        exhausted = isinstance(error, MemoryError) or "bad_alloc" in str(error)
        return {"error": f"{type(error).__name__}: {error}".strip(), "exhausted": exhausted}
    finally:
        gc.collect()  # GX's results and engines refer to each other, and to the frame


def _read(files: Iterable[str], columns: list[str] | None, limit_rows: int | None) -> pd.DataFrame:
    """The rows in file order, as `table.to_pandas()` gives them, without what pandas noted in the footer:
    an index kept there would hide its column from the suite.
    """
    import pyarrow as pa

    tables: list[pa.Table] = []
    left = _NO_LIMIT if limit_rows is None else limit_rows
    for path in files:
        table = _read_file(path, columns, left, tables[0].column_names if tables else None)
        tables.append(table)
        left -= table.num_rows
    if not tables:
        raise ValueError("the partition has no files")
    rows = pa.concat_tables(tables, promote_options="default")
    frame: pd.DataFrame = rows.to_pandas(use_threads=False)
    return frame


def _read_file(path: str, columns: list[str] | None, left: int, names: list[str] | None) -> pa.Table:
    """At most `left` rows. names: of the partition's first file, which the others must have as well."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        schema = file.schema_arrow.remove_metadata()
        if names is None:
            # What the file lacks is for GX to say. Without any column there would be no rows to count.
            names = [name for name in schema.names if columns is None or name in columns] or schema.names[:1]
        if lacking := [name for name in names if name not in schema.names]:
            raise ValueError(f"{path} lacks the columns {', '.join(lacking)} of the partition's first file")
        tables = [_plain_text(schema.empty_table().select(names))]
        for group in range(file.num_row_groups):
            if left <= 0:
                break
            table = file.read_row_group(group, columns=names, use_threads=False)
            tables.append(_plain_text(table.replace_schema_metadata().select(names).slice(0, left)))
            left -= tables[-1].num_rows
    return pa.concat_tables(tables)


def _plain_text(table: pa.Table) -> pa.Table:
    """How text is encoded in a file is no property of the table: without this it would be a categorical."""
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) and pa.types.is_string(field.type.value_type):
            table = table.set_column(index, field.name, table.column(index).cast(field.type.value_type))
    return table


def _import_custom(types: Iterable[str]) -> None:
    """A project's own expectation lies in a module of its name, as GX's own do; importing registers it."""
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    known = list_registered_expectation_implementations()
    for type_ in types:
        if type_ not in known:
            importlib.import_module(type_)


def _list_only_the_first_keys() -> None:
    """Hand GX only the rows whose keys it will list.

    It looks up the key of every failing row one by one (3 s for 100,000), then keeps the first few; for
    COMPLETE it would keep them all, without bound.
    """
    from great_expectations.expectations.metrics.map_metric_provider import (
        map_condition_auxilliary_methods as methods,
    )

    list_keys = methods.compute_unexpected_pandas_indices

    def list_first_keys(
        *, domain_records_df: pd.DataFrame, result_format: Mapping[str, Any], **others: Any
    ) -> Any:
        is_whole = result_format["result_format"] == "COMPLETE"
        first = domain_records_df.head(MAX_LISTED if is_whole else result_format["partial_unexpected_count"])
        return list_keys(domain_records_df=first, result_format=result_format, **others)

    methods.compute_unexpected_pandas_indices = list_first_keys


def _bound_memory(max_bytes: int) -> None:
    """To be called after the imports: OpenBLAS, loaded with too little memory, spins instead of failing."""
    # Not ru_maxrss: Linux carries the parent's over an exec.
    taken = psutil.Process().memory_info().rss
    if taken + _LEAST_ROOM_BYTES > max_bytes:
        sys.exit(f"Great Expectations itself takes {taken / 1e9:.2f} GB")
    resource.setrlimit(resource.RLIMIT_DATA, (max_bytes, max_bytes))


def _keep_stdout_for_answers() -> TextIO:
    """What GX or a custom expectation prints goes to stderr and cannot break an answer."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _live_and_die_with(parent_pid: int) -> None:
    """Ctrl-C is the parent's business; its death, however sudden, is ours too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
