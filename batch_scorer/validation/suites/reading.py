"""Suites: GX's own JSON files, read and checked without importing GX, and their fingerprints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_scorer.config.mistakes import JobInvalid, Mistake
from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.nearest import suggestion
from batch_scorer.core.validation import OnFail, Severity, Suite
from batch_scorer.validation.suites.catalogue import DEFAULTS, RUNTIME_KWARGS, columns_of
from batch_scorer.validation.suites.json_text import JsonInvalid, JsonText, Span, parse_json
from batch_scorer.validation.suites.parameters import with_parameters
from batch_scorer.validation.suites.rules import SuiteMistake, mistakes_in

_MAX_BYTES = 2 << 20
_NEXT = "batch-scorer validate-config"


def load_suite(path: Path, *, custom_allowed: bool = False) -> Suite:
    """The suite in a file, under the file's stem. custom_allowed: types that GX does not know may be
    the project's own.

    Raises: JobInvalid, with every mistake in its place. ConfigInvalid, when there is no such file (the
    nearest one is named) or it cannot be read.
    """
    parsed = _parse(path, _read(path))
    mistakes = [
        _mistake(path, parsed.text, span, f'key "{repeated[-1]}" is given twice')
        for repeated, span in parsed.repeated
    ]
    mistakes += [
        _mistake(path, parsed.text, _span(parsed, found), found.message)
        for found in mistakes_in(parsed.document, custom_allowed=custom_allowed)
    ]
    if mistakes:
        raise JobInvalid(mistakes, next_command=_NEXT)
    document = {**parsed.document, "expectations": with_parameters(parsed.document, {})}
    return Suite(
        name=path.stem,
        path=str(path),
        document=document,
        fingerprint=suite_fingerprint(document),
        columns=columns_of(document),
        n_expectations=len(document["expectations"]),
    )


def suite_fingerprint(document: Mapping[str, Any]) -> str:
    """sha256 over what the expectations say: type, kwargs, severity. Neither their order nor ids, notes,
    GX's version or how GX writes a default change it.
    """
    return _digest(
        [said.type, said.kwargs, said.severity] for said in map(canonical, document["expectations"])
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an expectation says, however it is written: no defaults, no run-time arguments, 0 for GX's 0.0."""

    type: str
    kwargs: Mapping[str, Any]
    severity: str


def canonical(expectation: Mapping[str, Any]) -> Said:
    """expectation: as in a suite's JSON."""
    kwargs = {
        name: _same_number(value)
        for name, value in expectation["kwargs"].items()
        if value is not None and name not in RUNTIME_KWARGS and not _is_default(name, value)
    }
    return Said(
        type=expectation["type"],
        kwargs=kwargs,
        severity=expectation.get("severity") or Severity.CRITICAL.value,
    )


def suites_fingerprint(uses: Sequence[tuple[Suite, OnFail, str]]) -> str:
    """sha256 over (suite, what its failure does, stage) of a job, in any order."""
    return _digest([suite.fingerprint, str(on_fail), stage] for suite, on_fail, stage in uses)


def _is_default(name: str, value: object) -> bool:
    return any(value == default for default in DEFAULTS.get(name, ()))


def _same_number(value: Any) -> Any:
    """GX saves 0 as 0.0: a whole number is written one way, whatever its type."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_same_number(item) for item in value]
        case dict():
            return {name: _same_number(member) for name, member in value.items()}
        case _:
            return value


def _digest(parts: Iterable[object]) -> str:
    texts = sorted(json.dumps(part, sort_keys=True, separators=(",", ":")) for part in parts)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _read(path: Path) -> str:
    try:
        if (n_bytes := path.stat().st_size) > _MAX_BYTES:
            raise ConfigInvalid(
                f"suite {path.name} has {n_bytes:,} bytes, more than {_MAX_BYTES:,}",
                where=str(path),
                fix="split it into several suites",
            )
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise _missing(path) from None
    except UnicodeDecodeError as error:
        raise ConfigInvalid(
            f"suite {path.name} is not UTF-8: byte {error.start}", where=str(path), next_command=_NEXT
        ) from None
    except OSError as error:
        raise ConfigInvalid(f"suite {path.name} cannot be read: {error.strerror}", where=str(path)) from None


def _missing(path: Path) -> ConfigInvalid:
    there = sorted(file.name for file in path.parent.glob("*.json"))
    return ConfigInvalid(
        f"suite file {path.name} does not exist{suggestion(path.name, there)}",
        where=str(path),
        fix=f"name one of {', '.join(there)}" if there else f"put the suite's JSON into {path.parent}",
        next_command=_NEXT,
    )


def _parse(path: Path, text: str) -> JsonText:
    try:
        return parse_json(text)
    except JsonInvalid as error:
        mistake = _mistake(path, text, (error.offset, error.offset + 1), str(error))
        raise JobInvalid([mistake], next_command=_NEXT) from None


def _span(parsed: JsonText, mistake: SuiteMistake) -> Span:
    """Where it is; for something that is missing, the start of what it is missing from."""
    if mistake.of_key:
        return parsed.key_span(mistake.path)
    if mistake.path in parsed.values:
        return parsed.values[mistake.path]
    start, _ = parsed.values[mistake.path[:-1]]
    return start, start + 1


def _mistake(path: Path, text: str, span: Span, message: str) -> Mistake:
    start, end = span
    line_start = text.rfind("\n", 0, start) + 1
    line = text[line_start:].partition("\n")[0].rstrip("\r")
    return Mistake(
        file=str(path),
        line=text.count("\n", 0, start) + 1,
        column=start - line_start + 1,
        message=message,
        source_line=line,
        width=end - start,
    )
