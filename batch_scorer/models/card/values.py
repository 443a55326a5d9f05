"""What a model card says, made of what is recorded. Pure: reading is somebody else's, and so is drawing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from batch_scorer.core.baselines.values import Baseline, Categories, ColumnBaseline
from batch_scorer.core.models import ColumnSpec, Method
from batch_scorer.core.visible import visible
from batch_scorer.models.card.facts import Fact, event_in_words, facts_of, listed
from batch_scorer.models.card.known import Known
from batch_scorer.models.card.summaries import in_words, moments_in_words


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
        facts=tuple(facts_of(known)),
        features=tuple(_feature(spec, baseline) for spec in manifest.signature.columns),
        outputs=tuple(_outputs(known)),
        n_rows=baseline.n_rows if baseline else 0,
        n_scored=baseline.n_scored if baseline else 0,
        history=tuple(visible(event_in_words(entry)) for entry in known.history),
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
    return f"{len(spec.categories)}: {listed(shown)}{more}" if shown else f"{len(spec.categories)}"


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
