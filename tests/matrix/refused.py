"""What cannot be registered, and the words in which that is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sklearn.cluster import DBSCAN, HDBSCAN, OPTICS, AgglomerativeClustering, Birch, SpectralClustering
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from batch_scorer.core.errors import BatchScorerError, ModelRefused, SignatureInvalid

Fit = Callable[[pd.DataFrame, "pd.Series[int]"], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """what, why, instead: in words, for docs/models.md. fit: what is registered, from numbers and classes.
    said, fix: parts of the error's own words. pickle: it can be registered with allow_pickle.
    """

    what: str
    why: str
    instead: str
    fit: Fit
    error: type[BatchScorerError]
    said: str
    fix: str
    pickle: bool = False


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame * 2


class Stubborn(GaussianNB):  # type: ignore[misc]  # scikit-learn has no types
    """A class of the project's own."""


def _of_its_own_rows(clusterer: Any) -> Refusal:
    return Refusal(
        what=type(clusterer).__name__,
        why="it labels the rows of its training only",
        instead="KMeans, MiniBatchKMeans, Birch or MeanShift; a classifier trained on its `labels_`",
        fit=lambda x, _y: clusterer.fit(x),
        error=SignatureInvalid,
        said="knows only the rows it was fitted on",
        fix="KMeans",
    )


def _no_skops(what: str, said: str, fit: Fit) -> Refusal:
    return Refusal(
        what=f"{what}, as skops",
        why="a skops file may name only what the reviewed list holds, and skops must be able to write it",
        instead="scikit-learn's own parts and NumPy's functions; or joblib with `--allow-pickle`",
        fit=fit,
        error=ModelRefused,
        said=said,
        fix="allow_pickle",
        pickle=True,
    )


REFUSALS: tuple[Refusal, ...] = (
    *map(
        _of_its_own_rows,
        (DBSCAN(), HDBSCAN(copy=True), OPTICS(), AgglomerativeClustering(), SpectralClustering()),
    ),
    Refusal(
        what="LocalOutlierFactor without novelty=True",
        why="it judges the rows of its training only",
        instead="`novelty=True`",
        fit=lambda x, _y: LocalOutlierFactor().fit(x),
        error=SignatureInvalid,
        said="judges only the rows it was fitted on",
        fix="novelty=True",
    ),
    Refusal(
        what="TSNE",
        why="it places the rows of its training only",
        instead="PCA, or another one with `transform`",
        fit=lambda x, _y: TSNE(max_iter=250, perplexity=5).fit(x.head(50)),
        error=SignatureInvalid,
        said="places only the rows it was fitted on",
        fix="PCA",
    ),
    Refusal(
        what="NearestNeighbors",
        why="it has none of the methods that can be called",
        instead="an estimator that predicts or transforms",
        fit=lambda x, _y: NearestNeighbors().fit(x),
        error=SignatureInvalid,
        said="has none of the methods predict",
        fix="a model, a transformer or a pipeline",
    ),
    Refusal(
        what="an estimator that is not fitted",
        why="it has learned nothing",
        instead="`fit` first",
        fit=lambda _x, _y: RandomForestClassifier(),
        error=SignatureInvalid,
        said="RandomForestClassifier is not fitted",
        fix="call its fit",
    ),
    Refusal(
        what="a pipeline that is not fitted",
        why="it has learned nothing",
        instead="`fit` first",
        fit=lambda _x, _y: make_pipeline(StandardScaler(), LogisticRegression()),
        error=SignatureInvalid,
        said="Pipeline is not fitted",
        fix="call its fit",
    ),
    Refusal(
        what="an estimator that was fitted on an array, unless its columns are named",
        why="nobody knows which column is which",
        instead="fit it on a DataFrame; or `--column NAME` for each, in order",
        fit=lambda x, y: LogisticRegression().fit(x.to_numpy(), y),
        error=SignatureInvalid,
        said="does not know the names of its input columns",
        fix="--column NAME",
    ),
    Refusal(
        what="something that is no estimator",
        why="there is nothing to call",
        instead="an estimator or a pipeline",
        fit=lambda _x, _y: {"weights": [1.0, 2.0]},
        error=SignatureInvalid,
        said="dict is no estimator",
        fix="an estimator",
    ),
    _no_skops(
        "a class of the project's own", "tests.matrix.refused.Stubborn", lambda x, y: Stubborn().fit(x, y)
    ),
    _no_skops(
        "a FunctionTransformer of the project's own function",
        "tests.matrix.refused.doubled",
        lambda x, y: make_pipeline(FunctionTransformer(doubled), GaussianNB()).fit(x, y),
    ),
    _no_skops("Birch", "Objects of type Birch are not supported", lambda x, _y: Birch().fit(x)),
    Refusal(
        what="a lambda, as skops or pickled",
        why="it has no name that a worker could import",
        instead="a function in a module of `code:`, with `--allow-pickle`",
        fit=lambda x, y: make_pipeline(FunctionTransformer(lambda frame: frame), GaussianNB()).fit(x, y),
        error=ModelRefused,
        said="<lambda>",
        fix="allow_pickle",
    ),
)
