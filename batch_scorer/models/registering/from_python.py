"""`batch_scorer.models.register`: the project, the commit and the user are found where they are not given."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from batch_scorer.config.project import find_project
from batch_scorer.config.registries import registry_of
from batch_scorer.core.errors import UsageError
from batch_scorer.core.stores import NO_OPTIONS
from batch_scorer.core.whoami import user_name
from batch_scorer.models.registering.about import About
from batch_scorer.models.registering.commits import commit_at
from batch_scorer.models.registering.register import register
from batch_scorer.models.registering.registered import RegisteredModel
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.names import require_alias
from batch_scorer.models.registry.opening import shelf_at
from batch_scorer.models.registry.shelf import Shelf


def register_version(
    estimator: object,
    about: About,
    *,
    name: str,
    reference: pd.DataFrame | Path | str | None,
    registry: Path | str | None,
    alias: str | None,
    reason: str,
    allow_pickle: bool,
    no_golden_rows: bool,
) -> RegisteredModel:
    """See batch_scorer.models.register."""
    files = FileRegistry(_shelf(registry))
    if alias is not None:
        require_alias(alias)
        if not reason.strip():
            raise UsageError("an alias needs a reason", fix='say why it points there: reason="…"')
        _require_new(files, name, alias)
    manifest = register(
        estimator,
        registry=files,
        name=name,
        reference=_reference(reference),
        who=user_name(),
        allow_pickle=allow_pickle,
        no_golden_rows=no_golden_rows,
        about=about,
    )
    if alias is not None:
        files.promote(name, manifest.version, alias, reason=reason, who=user_name())
    return RegisteredModel(manifest=manifest, path=files.directory(name, manifest.version), alias=alias)


def _require_new(registry: FileRegistry, name: str, alias: str) -> None:
    """To move an alias the jobs that use it are asked, and only the command knows them.

    Raises: UsageError, when the alias means a version.
    """
    means = registry.aliases(name).get(alias) if name in registry.names() else None
    if means is not None:
        raise UsageError(
            f"{name}@{alias} means version {means}, and jobs may be scoring with it",
            where=str(registry.root / name),
            fix="register without alias=; what comes back names the version, then: "
            f"batch-scorer models promote {name}@V --alias {alias} --reason …",
            next_command=f"batch-scorer models show {name}@{alias}",
        )


def commit(given: str | None) -> str | None:
    """None: that of the working directory, if it has one. "": none."""
    return commit_at(Path.cwd()) if given is None else given or None


def _reference(given: object) -> pd.DataFrame | Path | None:
    if given is None or isinstance(given, pd.DataFrame):
        return given
    if isinstance(given, str | Path):
        return Path(given)
    raise UsageError(
        f"a training reference cannot be a {type(given).__name__}",
        fix="give a pandas DataFrame, or the path of a Parquet file or of a directory of them",
    )


def _shelf(given: Path | str | None) -> Shelf:
    if given is not None:
        return shelf_at(str(given), NO_OPTIONS.completed(os.environ))
    try:
        return shelf_at(*registry_of(find_project(Path.cwd())))
    except UsageError as error:
        raise UsageError(
            f"it is not clear which registry is meant: {error.what}",
            where=error.where,
            fix='say registry="data/models", or work in the directory of a project',
        ) from None
