"""A table that somebody names on the command line, before any job does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.core.errors import ConfigInvalid, UsageError
from batch_scorer.core.stores import NO_OPTIONS, ObjectUrl, StoreOptions, is_object_url, parse_object_url

if TYPE_CHECKING:
    from batch_scorer.config.project import Project


class TableAddress(click.Path):
    """A path, or `s3://bucket/prefix`."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not (isinstance(value, str) and is_object_url(value)):
            return super().convert(value, param, ctx)
        try:
            return parse_object_url(value)
        except ConfigInvalid as error:
            raise UsageError(error.what, fix=error.fix) from None


Table = Path | ObjectUrl


def stores_for(table: Table, project: Project | None, target: str | None) -> StoreOptions:
    """How to reach it: as the jobs of the project say, if there are any. The environment is not asked yet."""
    if project is None or not isinstance(table, ObjectUrl):
        return NO_OPTIONS
    from batch_scorer.config.registries import stores_said

    return stores_said(project, str(table), target)
