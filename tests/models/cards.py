"""Model versions with something in every field, to make cards of without a model."""

from __future__ import annotations

import datetime as dt
from typing import Any

from batch_scorer.core.baselines.dyadic import Dyadic
from batch_scorer.core.baselines.values import Baseline, Booleans, Categories, Lengths, Numbers
from batch_scorer.core.models import (
    ColumnSpec,
    Method,
    ModelFormat,
    ModelManifest,
    ModelOrigin,
    Signature,
    Takes,
    TimeSpan,
    Tolerance,
    TrainingReference,
)
from batch_scorer.models.card.known import Known, Use
from batch_scorer.models.registry.history import HistoryEntry, HistoryEvent

AT = "2026-11-23T22:57:09.192642+00:00"
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</style></title></textarea><img src=x onerror=window.hacked=1>",
    "javascript:window.hacked=1",
    '"\' onmouseover="window.hacked=1',
    "{{ 7 * 7 }}{% raw %}",
    "a\x00b\x07c\x1b[31md\r\ne\x7f",
    "\u202egnp.exe\u2066\u200f",
    "\ud800 alone",
    "שלום עולם",
    "W" * 10_000,
    "-->]]><!--<![CDATA[",
)


def numbers(**changes: Any) -> Numbers:
    """1,000 rows of fares: 980 known, the rest null."""
    values: dict[str, Any] = {
        "edges": (2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 250.0),
        "counts": (0, 100, 300, 250, 200, 100, 20, 10, 0), "n_null": 20, "minimum": 2.5, "maximum": 249.75,
        "total": Dyadic.of(980 * 14, 0), "squares": Dyadic.of(980 * 400, 0),
    }  # fmt: skip
    return Numbers(**(values | changes))


def baseline() -> Baseline:
    day = numbers(edges=tuple(map(float, range(19_700, 19_708))), unit="d", minimum=19_700, maximum=19_706)
    return Baseline(
        n_rows=1000,
        columns={
            "fare": numbers(),
            "payment": Categories(values=("Cash", "Card"), counts=(600, 300), n_other=90, n_null=10),
            "shared": Booleans(n_false=700, n_true=300),
            "remark": Lengths(lengths=numbers()),
            "day": day,
        },
        n_scored=1000,
        outputs={
            "predict": Categories(values=("no", "yes"), counts=(800, 200)),
            "predict_proba[1]": numbers(),
        },
    )


def manifest(**changes: Any) -> ModelManifest:
    columns = {"fare": "float64", "shared": "bool", "remark": "string", "day": "date32"}
    specs = [
        ColumnSpec(name=name, type=kind, nullable=name == "fare", pandas_dtype=kind)
        for name, kind in columns.items()
    ]
    specs.insert(
        1,
        ColumnSpec(
            name="payment", type="string", nullable=True, pandas_dtype="category", missing="NaT",
            categories=("Cash", "Card", "Ada Lovelace"),
        ),
    )  # fmt: skip
    values: dict[str, Any] = {
        "name": "taxi_tips", "version": 3, "format": ModelFormat.JOBLIB, "artefact": "model.joblib",
        "files": {"model.joblib": "a1" * 32, "golden_input.parquet": "b2" * 32, "baseline.json": "c3" * 32},
        "signature": Signature(
            columns=tuple(specs),
            outputs={Method.PREDICT: (), Method.PREDICT_PROBA: (2,), Method.TRANSFORM: (3,)},
            classes=("no", "yes"),
            positive_class="yes",
            output_classes=(("left", "right"), ("up", "down")),
            labels={Method.TRANSFORM: ("pca0", "pca1", "pca2")},
            takes=Takes.ARRAY,
        ),
        "environment": {"python": "3.11.99", "scikit-learn": "1.7.88"},
        "registered_at": AT, "registered_by": "mallory", "allow_pickle": True, "n_golden_rows": 151,
        "reference": TrainingReference(
            path="lake/train.parquet", sha256="d4" * 32, n_rows=30_016, columns=("fare", "tips_label"),
            spans=(TimeSpan(column="started_at", first=dt.date(2024, 2, 5), last=dt.date(2024, 3, 3)),),
        ),
        "estimator": "Pipeline(Scaler, Forest)", "metrics": {"auc": 0.8125, "brier": 0.17},
        "author": "ada", "owner": "earnings team", "purpose": "which rides end with a big tip",
        "git_commit": "5d1e7be0c1f2-dirty", "notes": "trained twice",
        "tolerance": Tolerance(rtol=1e-9, atol=1e-12),
        "origin": ModelOrigin(
            tracking_uri="http://tracking:5000", uri="models:/tips/17", name="tips_there", version="17",
            run_id="f00dcafe",
        ),
    }  # fmt: skip
    return ModelManifest(**(values | changes))


def known(**changes: Any) -> Known:
    values: dict[str, Any] = {
        "manifest": manifest(),
        "manifest_sha256": "e5" * 32,
        "history": history("the first", "is better", "was too good"),
        "baseline": baseline(),
        "uses": (Use(job="nightly_tips", uri="taxi_tips@champion"),),
        "differs_here": ("scikit-learn 1.7.88 at registration, 1.9.1 here",),
    }
    return Known(**(values | changes))


def history(*whys: str, who: str = "grace") -> tuple[HistoryEntry, ...]:
    """Of versions 1 to 3; champion went 1, 3, 2, back to 3; challenger is 1."""
    registered = [
        HistoryEntry(
            event=HistoryEvent.REGISTERED, version=version, at=AT, who=who, why=whys[0],
            manifest_sha256="e5" * 32,
        )
        for version in (1, 2, 3)
    ]  # fmt: skip
    moves = [("champion", 1), ("challenger", 1), ("champion", 3), ("champion", 2)]
    moved = [
        HistoryEntry(
            event=HistoryEvent.ALIAS_MOVED, version=version, at=AT, who=who, why=whys[1], alias=alias
        )
        for alias, version in moves
    ]
    back = HistoryEntry(
        event=HistoryEvent.ALIAS_ROLLED_BACK, version=3, at=AT, who=who, why=whys[2], alias="champion"
    )
    signed = HistoryEntry(
        event=HistoryEvent.SIGNED,
        version=3,
        at=AT,
        who="hopper",
        why="",
        key="SHA256:ada-key",
        signature="sig",
    )
    return (*registered, *moved, back, signed)


def hostile() -> Known:
    """Every place that a person or a file can write to holds something that wants out of it."""
    specs = tuple(
        ColumnSpec(
            name=text, type="string", nullable=True, pandas_dtype="category", missing=text, categories=(text,)
        )
        for text in HOSTILE
    )
    counted = Categories(values=HOSTILE, counts=(10,) * len(HOSTILE), n_null=3)
    rows = counted.n_rows
    everything = " ".join(HOSTILE)
    return known(
        manifest=manifest(
            files={everything: everything}, artefact=everything,
            signature=Signature(
                columns=specs, outputs={Method.PREDICT: (), Method.PREDICT_PROBA: (len(HOSTILE),)},
                classes=HOSTILE, positive_class=everything, output_classes=(HOSTILE,),
                labels={Method.PREDICT_PROBA: HOSTILE},
            ),
            environment={text: text for text in HOSTILE}, registered_at=everything, registered_by=everything,
            reference=TrainingReference(path=everything, sha256=everything, n_rows=1, columns=HOSTILE),
            estimator=everything, metrics=dict.fromkeys(HOSTILE, 0.5), author=everything, owner=everything,
            purpose=everything, git_commit=everything, notes=everything,
            origin=ModelOrigin(
                tracking_uri=everything, uri=everything, name=everything, version=everything,
                run_id=everything,
            ),
        ),
        manifest_sha256=everything,
        history=history(*HOSTILE[:3], who=everything),
        baseline=Baseline(
            n_rows=rows, columns=dict.fromkeys(HOSTILE, counted),
            n_scored=rows,
            outputs=dict.fromkeys(("predict", "predict_proba[1]", "predict_proba[99]"), counted),
        ),
        uses=(Use(job=everything, uri=everything),),
        differs_here=HOSTILE,
    )  # fmt: skip
