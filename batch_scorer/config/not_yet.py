"""Keys and values of a job file that are understood but not built yet.

The one table of them: delete a line when its feature works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from batch_scorer.config.layers import to_plain
from batch_scorer.config.mistakes import Place
from batch_scorer.config.mlflow import is_of_mlflow
from batch_scorer.config.yaml_source import YamlMap, nodes
from batch_scorer.core.stores import is_object_url

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYet:
    """keys: dotted, `*` for any one key or item. refuses: which values. instead: what works today."""

    keys: str
    refuses: Callable[[object], bool]
    instead: str


def _is(*values: str) -> Callable[[object], bool]:
    return lambda value: value in values


def _is_uri(value: object) -> bool:
    return isinstance(value, str) and "://" in value


def _is_other_uri(value: object) -> bool:
    return _is_uri(value) and not is_object_url(str(value))


_LOCAL = "use a path on a local disk"
_LOCAL_OR_OBJECTS = "use a path on a local disk, or s3://bucket/prefix"

NOT_YET = (
    NotYet(keys="validate.output.*.on_fail", refuses=_is("quarantine"), instead="use block or warn"),
    NotYet(keys="model.max_error_rows", refuses=lambda value: value not in (None, 0, "0"), instead="use 0"),
    NotYet(
        keys="registry",
        refuses=lambda v: _is_other_uri(v) and not is_of_mlflow(str(v)),
        instead=_LOCAL_OR_OBJECTS,
    ),
    NotYet(keys="code.*", refuses=_is_uri, instead=_LOCAL),
    NotYet(keys="input.path", refuses=_is_other_uri, instead=_LOCAL_OR_OBJECTS),
    NotYet(keys="output.path", refuses=_is_other_uri, instead=_LOCAL_OR_OBJECTS),
    NotYet(keys="output.state", refuses=_is_other_uri, instead=_LOCAL_OR_OBJECTS),
    NotYet(keys="emit.prometheus_textfile", refuses=_is_uri, instead=_LOCAL),
    NotYet(keys="emit.openlineage.file", refuses=_is_uri, instead=_LOCAL),
)


def not_yet(root: YamlMap) -> Iterator[tuple[Path, Place, str]]:
    """(path, place, message) of everything in a tree that has to wait."""
    for path, node in nodes(root):
        dotted = ".".join(map(str, path))
        value = to_plain(node)
        for entry in NOT_YET:
            if _fits(entry.keys, path) and entry.refuses(value):
                yield path, node.place, f"{dotted}: {_short(value)}not supported yet; {entry.instead}"
                break


def _fits(keys: str, path: Path) -> bool:
    parts = keys.split(".")
    return len(parts) == len(path) and all(
        fnmatchcase(str(step), part) for step, part in zip(path, parts, strict=True)
    )


def _short(value: object) -> str:
    match value:
        case str():
            return f'"{value}" is '
        case int() | float():
            return f"{value} is "
        case _:
            return ""
