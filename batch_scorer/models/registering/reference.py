"""The table a model was trained on: a frame in memory, a Parquet file, or a directory of them.

However large it is, files are read batch by batch and only a sample of their rows is kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from batch_scorer.core.errors import SignatureInvalid, UsageError
from batch_scorer.core.models import ColumnSpec, TimeSpan, TrainingReference
from batch_scorer.models.registering.sampling import RowChoice
from batch_scorer.models.registering.time_spans import merged, spans_of, spans_of_frame, time_columns
from batch_scorer.models.signature.columns import require_columns
from batch_scorer.models.signature.frames import arrow_features

_BATCH_ROWS = 65_536
_HIVE = "hive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """sample: rows of the table in its order, with the dtypes that pandas gives the whole of it.
    typed: as much of the table as there is in memory, to find types in; the sample at least.
    """

    sample: pd.DataFrame
    typed: pd.DataFrame
    record: TrainingReference


class Training(Protocol):
    """A training table. where: for messages."""

    where: str

    def look(self, names: tuple[str, ...]) -> Look:
        """Read it once. names: the columns that the estimator reads.

        Raises: SignatureInvalid (a column is missing, no rows), UsageError (it cannot be read).
        """

    def batches(self, columns: tuple[ColumnSpec, ...]) -> Iterator[pa.Table]:
        """The estimator's columns of every row, in the signature's types, batch by batch."""


class TrainingFrame:
    """In memory, as the estimator was fitted on it."""

    def __init__(self, frame: pd.DataFrame, where: str = "(a DataFrame in memory)") -> None:
        self.where = where
        self._frame = frame.set_axis([str(name) for name in frame.columns], axis=1)

    def look(self, names: tuple[str, ...]) -> Look:
        """See Training."""
        frame = self._frame
        columns = tuple(frame.columns)
        _require_rows(len(frame), names, columns, self.where)
        missing = {name: frame[name].isna().to_numpy() for name in names}
        chosen = RowChoice(len(frame)).of_batch(missing, len(frame))
        return Look(
            sample=frame[list(names)].iloc[chosen],
            typed=frame,
            record=TrainingReference(
                path=self.where,
                sha256=_frame_fingerprint(frame),
                n_rows=len(frame),
                columns=columns,
                spans=spans_of_frame(frame),
            ),
        )

    def batches(self, columns: tuple[ColumnSpec, ...]) -> Iterator[pa.Table]:
        """See Training."""
        for start in range(0, len(self._frame), _BATCH_ROWS):
            yield arrow_features(self._frame.iloc[start : start + _BATCH_ROWS], columns)


class TrainingFiles:
    """One Parquet file, or all below a directory; `key=value` in a folder's name is a column too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.where = str(path)

    def look(self, names: tuple[str, ...]) -> Look:
        """See Training."""
        with _told_when_unreadable(self.where):
            files = _parquet_files(self._path)
            dataset = _dataset(self._path, files)
            columns = tuple(dataset.schema.names)
            n_rows = sum(fragment.count_rows() for fragment in _fragments(dataset))
            _require_rows(n_rows, names, columns, self.where)
            times = time_columns(dataset.schema)
            choice, kept = RowChoice(n_rows), []
            spans: tuple[TimeSpan, ...] = ()
            for batch in _read(dataset, dict.fromkeys([*names, *times])):
                table = pa.Table.from_batches([batch])
                spans = merged(spans, spans_of(table.select(times)))
                features = table.select(list(names))
                missing = {name: _is_missing(features[name]) for name in names}
                # The empty one is there for its dictionary: a category without a chosen row is a category.
                kept += [features.slice(0, 0), features.take(choice.of_batch(missing, len(features)))]
            sample = pa.concat_tables(kept).to_pandas()
            return Look(
                sample=sample,
                typed=sample,
                record=TrainingReference(
                    path=self.where,
                    sha256=_files_fingerprint(self._path, files),
                    n_rows=n_rows,
                    columns=columns,
                    spans=spans,
                ),
            )

    def batches(self, columns: tuple[ColumnSpec, ...]) -> Iterator[pa.Table]:
        """See Training."""
        with _told_when_unreadable(self.where):
            dataset = _dataset(self._path, _parquet_files(self._path))
            for batch in _read(dataset, [spec.name for spec in columns]):
                yield arrow_features(pa.Table.from_batches([batch]).to_pandas(), columns)


def _require_rows(n_rows: int, names: tuple[str, ...], columns: tuple[str, ...], where: str) -> None:
    require_columns(names, columns, where=where)
    twice = [name for name in names if columns.count(name) > 1]
    if twice:
        raise SignatureInvalid(
            f"the training reference has columns more than once: {', '.join(twice)}",
            where=where,
            fix="give every column a name of its own",
        )
    if n_rows == 0:
        raise SignatureInvalid("the training reference has no rows", where=where)


def _parquet_files(path: Path) -> list[Path]:
    """Sorted; what begins with `_` or `.` is none of the table's, as readers of hive tables have it."""
    if not path.is_dir():
        return [path]
    found = [file for file in sorted(path.rglob("*.parquet")) if _is_visible(file.relative_to(path))]
    if not found:
        raise UsageError(
            "the training reference is a directory without Parquet files",
            where=str(path),
            fix="give the table the model was trained on: a Parquet file, or a directory that holds it",
        )
    return found


def _is_visible(path: Path) -> bool:
    return not any(part.startswith(("_", ".")) for part in path.parts)


def _dataset(path: Path, files: Sequence[Path]) -> ds.Dataset:
    if not path.is_dir():
        return ds.dataset(str(path), format="parquet")
    options = {"format": "parquet", "partition_base_dir": str(path)}
    names = list(map(str, files))
    found = ds.dataset(names, partitioning=ds.partitioning(flavor=_HIVE), **options)
    fields = [_partition_field(key, values) for key, values in _partition_values(found).items()]
    return ds.dataset(names, partitioning=ds.partitioning(pa.schema(fields), flavor=_HIVE), **options)


def _partition_values(dataset: ds.Dataset) -> dict[str, list[object]]:
    values: dict[str, list[object]] = {}
    for fragment in _fragments(dataset):
        for key, value in ds.get_partition_keys(fragment.partition_expression).items():
            values.setdefault(key, []).append(value)
    return {name: values[name] for name in dataset.schema.names if name in values}


def _partition_field(key: str, values: list[object]) -> pa.Field:
    """A key is a date where all its values are, so that the table's time is known by it."""
    texts = [value for value in values if isinstance(value, str)]
    if not texts:
        return pa.field(key, pa.array(values).type)
    try:
        for text in texts:
            dt.date.fromisoformat(text)
    except ValueError:
        return pa.field(key, pa.string())
    return pa.field(key, pa.date32())


def _fragments(dataset: ds.Dataset) -> list[ds.Fragment]:
    return sorted(dataset.get_fragments(), key=lambda fragment: fragment.path)


def _read(dataset: ds.Dataset, names: Sequence[str] | dict[str, None]) -> Iterator[pa.RecordBatch]:
    """In the order of the files; little is read ahead, so that memory does not grow with the table."""
    for fragment in _fragments(dataset):
        yield from fragment.to_batches(
            schema=dataset.schema,
            columns=list(names),
            batch_size=_BATCH_ROWS,
            batch_readahead=1,
            fragment_readahead=1,
            use_threads=False,
            fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
        )


def _is_missing(column: pa.ChunkedArray) -> np.ndarray:
    missing: np.ndarray = pc.is_null(column, nan_is_null=True).to_numpy()
    return missing


def _files_fingerprint(path: Path, files: Sequence[Path]) -> str:
    """Of one file, its sha256; of a directory, the sha256 of its sorted lines `<sha256>  <relative path>`."""
    if not path.is_dir():
        return _sha256(path)
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{_sha256(file)}  {file.relative_to(path).as_posix()}\n".encode())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _frame_fingerprint(frame: pd.DataFrame) -> str:
    """Columns of what pandas cannot hash, lists for example, count by their text."""
    digest = hashlib.sha256()
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        try:
            hashes = pd.util.hash_pandas_object(column, index=False)
        except TypeError:
            hashes = pd.util.hash_pandas_object(column.map(repr), index=False)
        digest.update(f"{column.name}\n".encode())
        digest.update(hashes.to_numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def _told_when_unreadable(where: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise UsageError(
            f"the training reference cannot be read as Parquet: {' '.join(str(error).split())}",
            where=where,
            fix="give the table the model was trained on: frame.to_parquet(path), or a directory of them",
        ) from None
