"""What a model card says, made of what is recorded. Pure: reading is somebody else's, and so is drawing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from batch_scorer.core.baselines import Baseline, Categories, ColumnBaseline
from batch_scorer.core.models import (
    ColumnSpec,
    Method,
    ModelFormat,
    ModelManifest,
    ModelOrigin,
    Signature,
    Tolerance,
)
from batch_scorer.core.visible import visible, visible_lines
from batch_scorer.models.card.summaries import in_words, moments_in_words
from batch_scorer.models.registry.history import HistoryEntry, HistoryEvent, aliases_of

_MOST_LISTED = 24
_NOT_SAID = "not said"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A job that scores with the version. uri: as the job file names it."""

    job: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that is known of a version. history: of all versions of the model, oldest first.

    differs_here: of the environment. baseline: None where none was kept.
    """

    manifest: ModelManifest
    manifest_sha256: str
    history: tuple[HistoryEntry, ...]
    baseline: Baseline | None = None
    uses: tuple[Use, ...] = ()
    differs_here: tuple[str, ...] = ()

    @property
    def alias_moves(self) -> tuple[HistoryEntry, ...]:
        """The move that let each alias mean this version, as far as it still does."""
        last = {entry.alias: entry for entry in self.history if entry.alias is not None}
        held = aliases_of(self.history)
        return tuple(last[alias] for alias in sorted(held) if held[alias] == self.manifest.version)

    @property
    def signatures(self) -> tuple[HistoryEntry, ...]:
        version = self.manifest.version
        return tuple(e for e in self.history if e.event is HistoryEvent.SIGNED and e.version == version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """lines: one or more, of visible characters only."""

    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A column that the model reads, or that it gives. seen: at training; None where that was not kept."""

    name: str
    type: str
    nullable: bool
    pandas_dtype: str
    missing: str
    categories: str
    seen: ColumnBaseline | None

    @property
    def summary(self) -> str:
        return visible(in_words(self.seen)) if self.seen is not None else ""

    @property
    def in_short(self) -> str:
        """The same for a narrow place."""
        return visible(in_words(self.seen, most_named=2, max_chars=14)) if self.seen is not None else ""

    @property
    def moments(self) -> str:
        return moments_in_words(self.seen) if self.seen is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """reference: `taxi_tips@3`. n_rows: of training, behind features. n_scored: of it, behind outputs."""

    reference: str
    aliases: tuple[str, ...]
    facts: tuple[Fact, ...]
    features: tuple[Feature, ...]
    outputs: tuple[Feature, ...]
    n_rows: int
    n_scored: int
    history: tuple[str, ...] = field(repr=False)


def card_of(known: Known) -> ModelCard:
    manifest, baseline = known.manifest, known.baseline
    return ModelCard(
        reference=f"{manifest.name}@{manifest.version}",
        aliases=tuple(entry.alias or "" for entry in known.alias_moves),
        facts=tuple(_facts(known)),
        features=tuple(_feature(spec, baseline) for spec in manifest.signature.columns),
        outputs=tuple(_outputs(known)),
        n_rows=baseline.n_rows if baseline else 0,
        n_scored=baseline.n_scored if baseline else 0,
        history=tuple(visible(event_in_words(entry)) for entry in known.history),
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
    except ValueError:
        return text


def _facts(known: Known) -> Iterator[Fact]:
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
    classes = [_listed(signature.classes)] if signature.classes is not None else []
    if signature.positive_class is not None:
        classes.append(f"a score speaks of {signature.positive_class}")
    for number, each in enumerate(signature.output_classes or ()):
        classes.append(f"of output {number}: {_listed(each)}")
    if classes:
        yield _fact("classes", *classes)
    yield _fact("takes", f"{signature.takes}, {len(signature.columns)} columns")


def _result(signature: Signature, method: Method) -> str:
    shape, labels = signature.outputs[method], signature.labels.get(method, ())
    width = f"{' × '.join(map(str, shape))} columns" if shape else "one value"
    return f"{method}: {width}" + (f" ({_listed(labels)})" if labels else "")


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
        *([f"not read by the model: {_listed(unused)}"] if unused else []),
    )


def _provenance(known: Known) -> Iterator[Fact]:
    manifest = known.manifest
    if manifest.origin is not None:
        yield _fact("imported", *_origin(manifest.origin))
    if manifest.git_commit:
        yield _fact("git commit", manifest.git_commit)
    yield _fact("registered", f"{moment_in_words(manifest.registered_at)} by {manifest.registered_by}")
    signed = [f"{e.key}, by {e.who} on {moment_in_words(e.at)}" for e in known.signatures]
    yield _fact("signed with", *signed, default="no key")
    danger = ", a pickle: loading it runs code" if manifest.format is ModelFormat.JOBLIB else ""
    allowed = "; registered with --allow-pickle" if manifest.allow_pickle else ""
    yield _fact("format", f"{manifest.format}, {manifest.artefact}{danger}{allowed}")
    files = {**manifest.files, "manifest.json": known.manifest_sha256}
    yield _fact("sha256", *(line for name, sha256 in files.items() for line in (f"{name}:", sha256)))


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


def _feature(spec: ColumnSpec, baseline: Baseline | None) -> Feature:
    seen = baseline.columns.get(spec.name) if baseline else None
    return Feature(
        name=visible(spec.name),
        type=spec.type,
        nullable=spec.nullable,
        pandas_dtype=spec.pandas_dtype,
        missing=spec.missing if spec.nullable else "",
        categories=visible(_categories(spec, seen)),
        seen=seen,
    )


def _categories(spec: ColumnSpec, seen: ColumnBaseline | None) -> str:
    """How many there are, and those that enough rows have to be named: see registering.baseline."""
    if spec.categories is None:
        return ""
    named = seen.values if isinstance(seen, Categories) else ()
    shown = [str(each) for each in spec.categories if str(each) in named]
    more = ", …" if len(shown) < len(spec.categories) else ""
    return f"{len(spec.categories)}: {_listed(shown)}{more}" if shown else f"{len(spec.categories)}"


def _outputs(known: Known) -> Iterator[Feature]:
    signature = known.manifest.signature
    for name, seen in known.baseline.outputs.items() if known.baseline else ():
        method, _, place = name.removesuffix("]").partition("[")
        labels = signature.labels.get(Method(method), ())
        if method == Method.PREDICT_PROBA and not labels:
            labels = signature.classes or ()
        label = labels[int(place)] if place and int(place) < len(labels) else ""
        yield Feature(
            name=visible(f"{name}: {label}" if label else name),
            type="", nullable=False, pandas_dtype="", missing="", categories="", seen=seen,
        )  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_LISTED])
    return f"{shown}, … {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else shown


def _fact(label: str, *lines: str, default: str = "") -> Fact:
    told = [visible(line) for text in lines or (default,) for line in visible_lines(text).split("\n")]
    return Fact(label=label, lines=tuple(told))
