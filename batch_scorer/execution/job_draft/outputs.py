"""What a registered model can publish, as a first `model.output`: by what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from batch_scorer.core.expressions.result_layouts import ResultLayout, layout_of
from batch_scorer.core.expressions.text import text_of_path
from batch_scorer.core.models import Method, ModelManifest, Signature

TO_BE_REGISTERED: Mapping[str, str] = {"prediction": "float64 = prediction"}

_MOST_COLUMNS = 20
# A cluster's number is an int; nothing in a signature tells it from a regression's.
_CLUSTERERS = re.compile(r"\b(MiniBatchKMeans|BisectingKMeans|KMeans|Birch|MeanShift|AffinityPropagation)\b")


def draft_outputs(manifest: ModelManifest) -> tuple[Method, dict[str, str]]:
    """The method, and a column to `type = expression`: numbers for each row, and the label they speak for."""
    signature = manifest.signature
    for method, draft in _DRAFTS.items():
        if method in signature.outputs:
            columns = dict(draft(layout_of(method, signature), signature))
            if columns:
                return method, columns
    if Method.PREDICT in signature.outputs and _CLUSTERERS.search(manifest.estimator):
        return Method.PREDICT, {"cluster": "int32 = prediction"}
    for method in (Method.PREDICT, Method.TRANSFORM, Method.SCORE_SAMPLES):
        if method in signature.outputs:
            return method, dict(_values(layout_of(method, signature), method))
    return Method.PREDICT, dict(TO_BE_REGISTERED)


def _probabilities(layout: ResultLayout, signature: Signature) -> Iterator[tuple[str, str]]:
    if layout.blocks:
        yield from _of_each_output(layout)
    elif len(layout.labels) == 2:
        positive = signature.positive_class
        yield "score", f"float64 = {_column(layout, layout.labels.index(positive) if positive else 1)}"
    elif not layout.labels and signature.outputs.get(Method.PREDICT) == ():  # a mixture's components
        yield "cluster", "int32 = argmax(proba)"
        yield "score", "float64 = max(proba)"
    else:
        yield from _of_each_class(layout)


def _decisions(layout: ResultLayout, signature: Signature) -> Iterator[tuple[str, str]]:
    if layout.n_columns is None:
        yield "score", "float64 = decision"
        if signature.classes is None:  # of outlier detectors
            yield "anomaly", "bool = decision < 0"
    else:
        yield from _of_each_class(layout)


_DRAFTS = {Method.PREDICT_PROBA: _probabilities, Method.DECISION_FUNCTION: _decisions}


def _of_each_output(layout: ResultLayout) -> Iterator[tuple[str, str]]:
    n = len(layout.blocks)
    if n <= _MOST_COLUMNS:
        for at, name in enumerate(_names(layout.block_labels, n)):
            output = text_of_path(layout.name, (at,))
            yield f"label_{name}", f"string = label({output})"
            yield f"score_{name}", f"float64 = max({output})"


def _of_each_class(layout: ResultLayout) -> Iterator[tuple[str, str]]:
    """Nothing when there are too many of them for a column each."""
    n = layout.n_columns or 0
    if n <= _MOST_COLUMNS:
        if layout.labels:
            yield "label", f"string = label({layout.name})"
        for at, name in enumerate(_names(layout.labels, n)):
            yield f"score_{name}", f"float64 = {_column(layout, at)}"


def _values(layout: ResultLayout, method: Method) -> Iterator[tuple[str, str]]:
    kind = "string" if layout.kind == "text" else "float64"
    if layout.n_columns is None:
        yield ("score" if method is Method.SCORE_SAMPLES else "prediction"), f"{kind} = {layout.name}"
        return
    names = _names(layout.labels, layout.n_columns)
    prefix = "score_" if method is Method.PREDICT else ""
    for at, name in enumerate(names[:_MOST_COLUMNS]):
        begins_well = prefix or ("" if name[0].isalpha() else "column_")
        yield f"{begins_well}{name}", f"{kind} = {_column(layout, at)}"


def _column(layout: ResultLayout, at: int) -> str:
    """By its label, which says what it is, unless that is its position anyway."""
    by_label = bool(layout.labels) and layout.labels.count(layout.labels[at]) == 1
    step = layout.labels[at] if by_label and layout.labels[at] != str(at) else at
    return text_of_path(layout.name, (step,))


def _names(labels: Sequence[str], n: int) -> list[str]:
    """What may be part of a column's name; positions where labels do not tell columns apart."""
    named = labels if len(labels) == n else [str(at) for at in range(n)]
    names = [re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()[:64] for name in named]
    return names if len({*names, ""}) == n + 1 else [str(at) for at in range(n)]
