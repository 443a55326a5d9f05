"""What a card says in words, a label and its lines each. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from batch_scorer.core.models import Method, ModelFormat, ModelManifest, ModelOrigin, Signature, Tolerance
from batch_scorer.core.visible import visible, visible_lines
from batch_scorer.models.card.known import Known
from batch_scorer.models.card.signers import IN_WORDS
from batch_scorer.models.registry.history import HistoryEntry, HistoryEvent
from batch_scorer.models.trust.keys import PublicKey

_MOST_LISTED = 24
_NOT_SAID = "not said"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """lines: one or more, of visible characters only."""

    label: str
    lines: tuple[str, ...]


def facts_of(known: Known) -> Iterator[Fact]:
    """Gaps in what a reader has to know are said; what most models do not have is left out."""
    manifest = known.manifest
    yield _fact("purpose", manifest.purpose or _NOT_SAID)
    yield _fact("owner", manifest.owner or _NOT_SAID)
    yield _fact("author", manifest.author or _NOT_SAID)
    yield _fact("aliases", *(_alias(entry) for entry in known.alias_moves), default="none")
    yield _fact(
        "used by", *(f"{use.job} ({use.uri})" for use in known.uses), default="no job of this project"
    )
    yield _fact("estimator", manifest.estimator or _NOT_SAID)
    yield from _results(manifest)
    if manifest.metrics:
        yield _fact("metrics", *(f"{name} {value:.6g}" for name, value in manifest.metrics.items()))
    yield from _training(manifest)
    yield from _provenance(known)
    yield _fact("golden rows", _golden(manifest.n_golden_rows, manifest.tolerance))
    yield _fact("environment", ", ".join(f"{k} {v}" for k, v in sorted(manifest.environment.items())))
    yield _fact("differs here", *known.differs_here, default="nothing that can change a prediction")
    if manifest.notes:
        yield _fact("notes", manifest.notes)


def _results(manifest: ModelManifest) -> Iterator[Fact]:
    signature = manifest.signature
    yield _fact("gives", *(_result(signature, method) for method in signature.outputs))
    classes = [listed(signature.classes)] if signature.classes is not None else []
    if signature.positive_class is not None:
        classes.append(f"a score speaks of {signature.positive_class}")
    for number, each in enumerate(signature.output_classes or ()):
        classes.append(f"of output {number}: {listed(each)}")
    if classes:
        yield _fact("classes", *classes)
    yield _fact("takes", f"{signature.takes}, {len(signature.columns)} columns")


def _result(signature: Signature, method: Method) -> str:
    shape, labels = signature.outputs[method], signature.labels.get(method, ())
    width = f"{' × '.join(map(str, shape))} columns" if shape else "one value"
    return f"{method}: {width}" + (f" ({listed(labels)})" if labels else "")


def _training(manifest: ModelManifest) -> Iterator[Fact]:
    reference = manifest.reference
    if reference is None:
        yield _fact("trained on", "not recorded: registered without a reference")
        return
    unused = [name for name in reference.columns if name not in manifest.signature.names]
    spans = [f"{span.column} from {span.first} to {span.last}" for span in reference.spans or ()]
    yield _fact(
        "trained on",
        reference.path,
        f"{reference.n_rows:,} rows, {len(reference.columns)} columns, sha256",
        reference.sha256,
        *spans,
        *([f"not read by the model: {listed(unused)}"] if unused else []),
    )


def _provenance(known: Known) -> Iterator[Fact]:
    manifest = known.manifest
    if manifest.origin is not None:
        yield _fact("imported", *_origin(manifest.origin))
    if manifest.git_commit:
        yield _fact("git commit", manifest.git_commit)
    yield _fact("registered", f"{moment_in_words(manifest.registered_at)} by {manifest.registered_by}")
    yield _fact(
        "signed with",
        *(
            f"{_key(entry, known.keys)} by {entry.who}, {moment_in_words(entry.at)}: {IN_WORDS[found]}"
            for entry, found in known.signatures
        ),
        default="no key",
    )
    danger = ", a pickle: loading it runs code" if manifest.format is ModelFormat.JOBLIB else ""
    allowed = "; registered with --allow-pickle" if manifest.allow_pickle else ""
    yield _fact("format", f"{manifest.format}, {manifest.artefact}{danger}{allowed}")
    files = {**manifest.files, "manifest.json": known.manifest_sha256}
    yield _fact("sha256", *(line for name, sha256 in files.items() for line in (f"{name}:", sha256)))


def _key(entry: HistoryEntry, keys: Mapping[str, PublicKey] | None) -> str:
    """Whose it is, too, where the project knows the key."""
    known = (keys or {}).get(str(entry.key))
    return known.label if known is not None else str(entry.key)


def _origin(origin: ModelOrigin) -> Iterator[str]:
    yield f"{origin.uri} ({origin.name}, version {origin.version})"
    yield f"from {origin.tracking_uri}"
    if origin.run_id:
        yield f"run {origin.run_id}"


def _golden(n_rows: int, tolerance: Tolerance) -> str:
    if not n_rows:
        return "none: nothing shows that it predicts here as it did"
    if tolerance == Tolerance():
        return f"{n_rows}, repeated to the last bit by every worker"
    return f"{n_rows}, repeated within rtol {tolerance.rtol:g}, atol {tolerance.atol:g} by every worker"


def _alias(entry: HistoryEntry) -> str:
    rolled = ", a rollback" if entry.event is HistoryEvent.ALIAS_ROLLED_BACK else ""
    return f"{entry.alias} since {moment_in_words(entry.at)} by {entry.who}{rolled}" + (
        f": {entry.why}" if entry.why else ""
    )


def event_in_words(entry: HistoryEntry) -> str:
    """`2026-11-23 22:57Z  champion → v3 by ada: better on airport rides`."""
    match entry.event:
        case HistoryEvent.REGISTERED:
            what = f"v{entry.version} registered"
        case HistoryEvent.SIGNED:
            what = f"v{entry.version} signed with {entry.key}"
        case HistoryEvent.ALIAS_MOVED:
            what = f"{entry.alias} → v{entry.version}"
        case HistoryEvent.ALIAS_ROLLED_BACK:
            what = f"{entry.alias} → v{entry.version}, rolled back,"
    return f"{moment_in_words(entry.at)}  {what} by {entry.who}" + (f": {entry.why}" if entry.why else "")


def moment_in_words(text: str) -> str:
    """Of a registry's ISO 8601; what is none stays as it is."""
    try:
        return f"{dt.datetime.fromisoformat(text).astimezone(dt.UTC):%Y-%m-%d %H:%M}Z"
    except (ValueError, OverflowError):
        return text


def listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_LISTED])
    return f"{shown}, … {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else shown


def _fact(label: str, *lines: str, default: str = "") -> Fact:
    told = [visible(line) for text in lines or (default,) for line in visible_lines(text).split("\n")]
    return Fact(label=label, lines=tuple(told))
