"""What one version is otherwise than another, by their manifests. Pure; nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from batch_scorer.core.models import ColumnSpec, ModelManifest, Signature, TrainingReference


class Aspect(StrEnum):
    SIGNATURE = "signature"
    ESTIMATOR = "estimator"
    TRAINING = "training data"
    METRICS = "metrics"
    ENVIRONMENT = "environment"
    GOLDEN_ROWS = "golden rows"
    CARD = "card"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDifference:
    """One thing that differs. old, new: plain JSON values, None where it is not there.

    delta: new - old, of two metrics.
    """

    aspect: Aspect
    what: str
    old: Any
    new: Any
    delta: float | None = None


def differences(old: ModelManifest, new: ModelManifest) -> tuple[ModelDifference, ...]:
    """In the order in which a person would ask; empty, when the two would predict and be described alike."""
    return (
        *_signature(old.signature, new.signature),
        *_values(Aspect.ESTIMATOR, _estimator(old), _estimator(new)),
        *_training_data(old.reference, new.reference),
        *_metrics(old.metrics, new.metrics),
        *_values(Aspect.ENVIRONMENT, old.environment, new.environment),
        *_values(Aspect.GOLDEN_ROWS, _golden(old), _golden(new)),
        *_values(Aspect.CARD, _card(old), _card(new)),
    )


def _signature(old: Signature, new: Signature) -> Iterator[ModelDifference]:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            yield _differs(f"column {name}", _in_words(before[name]), None)
        elif name not in before:
            yield _differs(f"column {name}", None, _in_words(after[name]))
        else:
            yield from _column(before[name], after[name])
    shared = [name for name in old.names if name in after], [name for name in new.names if name in before]
    if shared[0] != shared[1]:
        yield _differs("order of the columns", *shared)
    for name, shapes in _pairs(_outputs(old), _outputs(new)):
        yield _differs(f"output {name}", *shapes)
    for each in fields(Signature):
        if each.name not in ("columns", "outputs"):
            then, now = _plain(getattr(old, each.name)), _plain(getattr(new, each.name))
            if then != now:  # an older manifest did not say: that is nothing, not an empty value
                then, now = (None if value == {} else value for value in (then, now))
                yield _differs(each.name.replace("_", " "), then, now)


def _column(old: ColumnSpec, new: ColumnSpec) -> Iterator[ModelDifference]:
    for name, values in _pairs(asdict(old), asdict(new)):
        yield _differs(f"column {old.name}, {name}", *map(_plain, values))


def _in_words(column: ColumnSpec) -> str:
    return f"{column.type}{', nullable' if column.nullable else ''}"


def _outputs(signature: Signature) -> Mapping[str, list[int]]:
    return {method.value: list(shape) for method, shape in signature.outputs.items()}


def _differs(what: str, old: Any, new: Any) -> ModelDifference:
    return ModelDifference(aspect=Aspect.SIGNATURE, what=what, old=old, new=new)


def _estimator(manifest: ModelManifest) -> Mapping[str, Any]:
    artefact = manifest.files[manifest.artefact]
    return {"is": manifest.estimator, "format": manifest.format.value, "sha256": artefact}


def _training_data(old: TrainingReference | None, new: TrainingReference | None) -> Iterator[ModelDifference]:
    """The same table under another path is the same table."""
    if old is not None and new is not None and old.sha256 == new.sha256:
        new = replace(new, path=old.path)
    yield from _values(Aspect.TRAINING, _table(old), _table(new))


def _table(reference: TrainingReference | None) -> Mapping[str, Any]:
    if reference is None:
        return {}
    found: dict[str, Any] = {
        "path": reference.path, "sha256": reference.sha256, "rows": reference.n_rows,
    }  # fmt: skip
    for span in reference.spans or ():
        found[span.column] = f"{span.first.isoformat()} to {span.last.isoformat()}"
    return found


def _metrics(old: Mapping[str, float], new: Mapping[str, float]) -> Iterator[ModelDifference]:
    for name, (then, now) in _pairs(old, new):
        delta = now - then if then is not None and now is not None else None
        yield ModelDifference(aspect=Aspect.METRICS, what=name, old=then, new=now, delta=delta)


def _golden(manifest: ModelManifest) -> Mapping[str, Any]:
    tolerance = manifest.tolerance
    return {"rows": manifest.n_golden_rows, "rtol": tolerance.rtol, "atol": tolerance.atol}


def _card(manifest: ModelManifest) -> Mapping[str, Any]:
    origin = manifest.origin
    return {
        "author": manifest.author or None,
        "owner": manifest.owner or None,
        "purpose": manifest.purpose or None,
        "git commit": manifest.git_commit,
        "notes": manifest.notes or None,
        "imported from": f"{origin.uri}, run {origin.run_id}" if origin else None,
    }


def _values(aspect: Aspect, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[ModelDifference]:
    for what, (then, now) in _pairs(old, new):
        yield ModelDifference(aspect=aspect, what=what, old=then, new=now)


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What differs, in the order of old, then what only new has."""
    for name in dict.fromkeys([*old, *new]):
        then, now = old.get(name), new.get(name)
        if then != now:
            yield name, (then, now)


def _plain(value: Any) -> Any:
    """As JSON has it: enums by their text, tuples as lists."""
    match value:
        case StrEnum():
            return value.value
        case tuple() | list():
            return [_plain(each) for each in value]
        case Mapping():
            return {str(_plain(key)): _plain(each) for key, each in value.items()}
        case _:
            return value
