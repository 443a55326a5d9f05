"""Whether the files of a partition have the columns that scoring needs: asked of footers, before any row."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence

from batch_scorer.core.conversions import Fit, fit
from batch_scorer.core.errors import ColumnMissing, ColumnTypeMismatch
from batch_scorer.core.lakefiles import Footer, LakeFile
from batch_scorer.core.models import ColumnSpec
from batch_scorer.lake.arrow_types import parse_arrow_type
from batch_scorer.lake.reading.misfits import mismatch, next_command, signature_of


def check_features(
    files: Sequence[LakeFile],
    footers: Sequence[Footer],
    features: Sequence[ColumnSpec],
    *,
    model: str | None = None,
) -> None:
    """Every file has every column of the signature, of a type that can become the declared one.

    model: `taxi_tips@3`, for messages.
    Raises: ColumnMissing, ColumnTypeMismatch.
    """
    for file, columns in _tables(files, footers):
        for spec in features:
            found = _type_of(spec.name, columns, file, signature_of(model), next_command(model))
            if fit(found, spec.type) is Fit.REFUSED:
                raise mismatch(spec, found, file=file.path, model=model)


def carried_types(
    files: Sequence[LakeFile], footers: Sequence[Footer], names: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """(name, type) of columns that are taken as they are (key, kept, filtered), in the order of names.

    Raises: ColumnMissing; ColumnTypeMismatch, when two files disagree or a type cannot be carried.
    """
    agreed: dict[str, tuple[str, LakeFile]] = {}
    for file, columns in _tables(files, footers):
        for name in names:
            found = _type_of(name, columns, file, "the job", None)
            first, first_file = agreed.setdefault(name, (found, file))
            if first == "null":  # nothing but nulls has no type to disagree with
                agreed[name] = (found, file)
            elif found not in (first, "null"):
                raise ColumnTypeMismatch(
                    f'column "{name}" is {found} in {_name(file)} but {first} in {_name(first_file)}',
                    where=file.path,
                    fix="write the partition's files with one schema",
                )
            _check_carriable(name, found, file)
    return tuple((name, found) for name, (found, _) in agreed.items())


def disagreements(files: Sequence[LakeFile], footers: Sequence[Footer]) -> tuple[str, ...]:
    """One line for each file of a partition whose columns are not those of the first."""
    if not footers:
        return ()
    first = dict(footers[0].columns)
    lines = []
    for file, columns in list(_tables(files, footers))[1:]:
        differences = [
            *(f"no {_quoted(name)}" for name in first.keys() - columns.keys()),
            *(f"also {_quoted(name)}" for name in columns.keys() - first.keys()),
            *(
                f"{_quoted(name)} is {columns[name]}, not {first[name]}"
                for name in first.keys() & columns.keys()
                if columns[name] != first[name]
            ),
        ]
        if differences:
            lines.append(f"{_name(file)} differs from {_name(files[0])}: {', '.join(sorted(differences))}")
    return tuple(lines)


def _tables(
    files: Sequence[LakeFile], footers: Sequence[Footer]
) -> Iterator[tuple[LakeFile, Mapping[str, str]]]:
    for file, footer in zip(files, footers, strict=True):
        yield file, dict(footer.columns)


def _type_of(name: str, columns: Mapping[str, str], file: LakeFile, who: str, then: str | None) -> str:
    if name in columns:
        return columns[name]
    similar = _similar(name, columns)
    raise ColumnMissing(
        f'column "{name}", which {who} needs, is not in {_name(file)}'
        + (f'; it looks renamed to "{similar}"' if similar else ""),
        where=f"{file.path}, which has {_listed(columns)}",
        fix="write the column under its old name, or leave the file out of the partition",
        next_command=then,
    )


def _similar(name: str, columns: Mapping[str, str]) -> str | None:
    """Letter case and underscores first: `Fare_Amount` for `fareamount`."""
    squeezed = {_squeeze(column): column for column in columns}
    if _squeeze(name) in squeezed:
        return squeezed[_squeeze(name)]
    close = difflib.get_close_matches(name, columns, n=1, cutoff=0.75)
    return close[0] if close else None


def _squeeze(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _check_carriable(name: str, found: str, file: LakeFile) -> None:
    try:
        parse_arrow_type(found)
    except ValueError:
        raise ColumnTypeMismatch(
            f'column "{name}" is {found}, which cannot be carried to the output',
            where=file.path,
            fix="take it out of input.key, input.where and output.keep_columns, or write a simpler type",
        ) from None


def _name(file: LakeFile) -> str:
    return file.path.rpartition("/")[2]


def _quoted(name: str) -> str:
    return f'"{name}"'


def _listed(columns: Mapping[str, str]) -> str:
    names = list(columns)
    shown = ", ".join(names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
