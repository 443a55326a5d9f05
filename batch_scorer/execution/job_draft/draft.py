"""From a table to the files of a project that scores it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.config.project import NAME
from batch_scorer.core.errors import UsageError
from batch_scorer.core.stores import ObjectUrl, StoreOptions
from batch_scorer.execution.job_draft.key import ChosenKey, choose_key
from batch_scorer.execution.job_draft.model import ChosenModel, choose_model
from batch_scorer.execution.job_draft.table import DraftTable, look_at_table
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.ops.scaffold.job_text import JobDraft, job_text
from batch_scorer.validation.drafting.rules import least_rows

_LONGEST_STEM = 58  # with _input a name still


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command line says. None and empty: found out, or defaulted with a comment in the file."""

    name: str | None = None
    model: str | None = None
    key: tuple[str, ...] = ()
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedJob:
    """files: path below the project to content. choices: (about, what, why), for the person."""

    name: str
    looked_at: str
    choices: tuple[tuple[str, str, str], ...]
    model: ChosenModel
    files: Mapping[str, bytes]


def draft_job(
    root: Path, table: Path | ObjectUrl, registry: FileRegistry, wishes: Wishes, stores: StoreOptions
) -> DraftedJob:
    """root: the project's, absolute; nothing is written. stores: how to reach a table that is a URL,
    as far as other jobs say.

    Raises: UsageError, InputError, ModelError, StoreUnavailable.
    """
    name = wishes.name or _name_of(table)
    if not NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" is no name for a job', fix="use letters, digits, _ and -, beginning with no - or _"
        )
    suite = f"{name[:_LONGEST_STEM]}_input"
    seen = look_at_table(table, suite, stores.completed(os.environ))
    _refuse_around(root, seen.path)
    key = choose_key(seen, wishes.key)
    model = choose_model(registry, seen, wishes.model, default_name=name.lower())
    draft = JobDraft(
        name=name,
        path=_path_in(root, seen.path),
        registry=_path_in(root, registry.root),
        stores=stores,
        timezone=wishes.timezone,
        keys=seen.hive.keys,
        example=seen.newest.directory,
        key=key.columns,
        key_why=key.why,
        suite=suite,
        looked_at=seen.suite.looked_at,
        min_rows=least_rows(seen.partition_rows),
        fewest_rows=min(seen.partition_rows),
        model=model.uri,
        model_why=model.why,
        model_is_known=model.missing != "model",
        method=model.method,
        output=_without_clash(model.output, (*key.columns, *(each.name for each in seen.hive.keys))),
    )
    return DraftedJob(
        name=name,
        looked_at=seen.suite.looked_at,
        choices=tuple(_choices(seen, key, model, wishes, draft)),
        model=model,
        files={
            f"jobs/{name}.yml": job_text(draft).encode(),
            f"jobs/suites/{suite}.json": seen.suite.draft.text.encode(),
        },
    )


def _choices(
    table: DraftTable, key: ChosenKey, model: ChosenModel, wishes: Wishes, draft: JobDraft
) -> list[tuple[str, str, str]]:
    hive = table.hive
    keys = ", ".join(f"{each.name}: {each.type}" for each in hive.keys)
    no_run = f"; {hive.n_null} with a null in the key are not read by any run" if hive.n_null else ""
    n_rules = len(table.suite.draft.expectations)
    return [
        ("partitions", keys, f"from {hive.lowest} to {hive.highest}{no_run}"),
        ("key", ", ".join(key.columns), key.why),
        (
            "time zone",
            wishes.timezone or "UTC",
            "as asked for" if wishes.timezone else "no file says; review it",
        ),
        ("model", model.uri, model.why),
        ("output", ", ".join(draft.output), f"of {draft.method}"),
        ("suite", draft.suite, f"{n_rules} expectations drafted; review them"),
    ]


def _name_of(table: Path | ObjectUrl) -> str:
    """From the table's directory, with what a name cannot hold made to `_`."""
    whole = str(table) if isinstance(table, ObjectUrl) else os.path.abspath(table)  # noqa: PTH100
    base = whole.rpartition("/")[2].removesuffix(".parquet")
    return re.sub(r"[^A-Za-z0-9_-]+", "_", base).strip("_-")[:_LONGEST_STEM] or "job"


def _path_in(root: Path, path: Path | ObjectUrl) -> str:
    """Relative to the project for what is inside; a job file may be read from anywhere."""
    if isinstance(path, ObjectUrl):
        return str(path)
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _refuse_around(root: Path, table: Path | ObjectUrl) -> None:
    if isinstance(table, ObjectUrl):
        return
    real, of_table = Path(os.path.realpath(root)), Path(os.path.realpath(table))
    if real.is_relative_to(of_table):
        raise UsageError(
            "the project would lie inside of the table that it reads",
            where=f"{root}, in {table}",
            fix="name a directory outside of the table: batch-scorer init DIR --from-parquet PATH",
        )


def _without_clash(output: Mapping[str, str], taken: Sequence[str]) -> dict[str, str]:
    used = {name.lower() for name in taken}
    return {f"predicted_{name}" if name in used else name: source for name, source in output.items()}
