"""The estimators of the matrix, by family: how each is built, and what keeps it from being exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import AffinityPropagation, Birch, KMeans, MeanShift, MiniBatchKMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.covariance import EllipticEnvelope
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  makes HalvingGridSearchCV importable
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    HuberRegressor,
    Lasso,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import (
    KernelDensity,
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    RadiusNeighborsRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor


class Target(StrEnum):
    """What the model learns; every one is a function of the ride, so that there is something to learn."""

    NOTHING = "nothing"
    NUMBER = "a number"
    COUNT = "a count"
    BOTH = "one of two classes"
    FLAG = "true or false"
    KIND = "one of three names"
    NUMBERS = "two numbers"
    KINDS = "one of three names, and one of two"
    LABELS = "two labels, each there or not"

    def of(self, table: pa.Table) -> Any:
        rides = table.select(["miles", "minutes", "stops", "payment"]).to_pandas()
        number = rides.miles * 2 + rides.minutes + rides.stops
        match self:
            case Target.NOTHING:
                return None
            case Target.NUMBER:
                return number
            case Target.COUNT:
                return number.round().astype("int64")
            case Target.BOTH:
                return (number > number.median()).astype("int64")
            case Target.FLAG:
                return (rides.payment == "Cash") | (rides.miles > 2)
            case Target.KIND:
                return _kind(number)
            case Target.NUMBERS:
                return pd.DataFrame({"tip": number / 10, "fare": number * 3})
            case Target.KINDS:
                far = np.where(rides.miles > 1.5, "yes", "no").astype(object)
                return pd.DataFrame({"length": _kind(number), "far": far})
            case Target.LABELS:
                return np.column_stack([number > 7, rides.miles > 1.5]).astype("int64")


def _kind(number: Any) -> Any:
    return pd.cut(number, [-np.inf, 6, 9, np.inf], labels=["long", "mean", "short"]).astype(object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the matrix.

    reading: the only one the estimator makes sense with, None when it takes any. unfit: readings that it
    cannot be fitted on, or cannot predict from, for reasons of its own.
    batch: what makes its last bits depend on the rows it gets together, as BLAS sums in another order for
    another number of rows. None when they do not.
    no_skops: why a fitted one cannot be a skops file that is trusted; empty when it can.
    finish: what becomes of the fitted pipeline, which is given with what it was fitted on.
    """

    name: str
    family: str
    target: Target
    build: Callable[[], Any]
    reading: str | None = None
    unfit: tuple[str, ...] = ()
    batch: str | None = None
    no_skops: str = ""
    finish: Callable[[Any, Any, Any], Any] = lambda fitted, _inputs, _target: fitted


GEMM = "products of dense matrices"
DISTANCES = "distances by products of dense matrices"
_OURS = "a function of the project's own, which only a pickle can name"


def _numbers_and(texts: Any, columns: Any = ("payment", "company")) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    names = columns if isinstance(columns, str) else list(columns)
    return ColumnTransformer(
        [("num", numbers, ["miles", "fare", "bags", "prepaid"]), ("text", texts, names)], sparse_threshold=1.0
    )


def _words(vectorizer: Any) -> ColumnTransformer:
    """Always sparse: by default the share of zeros decides, and a dense result is multiplied by BLAS."""
    return ColumnTransformer([("text", vectorizer, "note")], sparse_threshold=1.0)


def as_dicts(frame: pd.DataFrame) -> list[dict[str, str]]:
    return [{str(k): str(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _logistic(**options: Any) -> LogisticRegression:
    return LogisticRegression(max_iter=200, **options)


def _tree(**options: Any) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=3, random_state=0, **options)


def _of(family: str, target: Target, cases: dict[str, Callable[[], Any]], **shared: Any) -> list[Case]:
    return [
        Case(name=name, family=family, target=target, build=build, **shared) for name, build in cases.items()
    ]


CASES: tuple[Case, ...] = (
    *_of(
        "linear", Target.BOTH,
        {"LogisticRegression": _logistic, "RidgeClassifier": RidgeClassifier},
        batch=GEMM,
    ),
    *_of(
        "linear", Target.KIND,
        {
            "multinomial LogisticRegression": lambda: make_pipeline(StandardScaler(), _logistic()),
            "SGDClassifier": lambda: make_pipeline(
                StandardScaler(), SGDClassifier(loss="modified_huber", random_state=0)
            ),
        },
        batch=GEMM,
    ),
    *_of(
        "linear", Target.NUMBER,
        {
            "Ridge": Ridge,
            "Lasso": lambda: Lasso(0.01),
            "ElasticNet": lambda: ElasticNet(0.01),
            "BayesianRidge": BayesianRidge,
            "HuberRegressor": lambda: make_pipeline(RobustScaler(), HuberRegressor(max_iter=1_000)),
        },
        batch=GEMM,
    ),
    *_of(
        "linear", Target.COUNT,
        {
            "PoissonRegressor": lambda: make_pipeline(MaxAbsScaler(), PoissonRegressor()),
            "TweedieRegressor": lambda: make_pipeline(MaxAbsScaler(), TweedieRegressor(power=1.5)),
        },
        batch=GEMM,
    ),
    *_of(
        "trees", Target.BOTH,
        {
            "DecisionTreeClassifier": _tree,
            "ExtraTreesClassifier": lambda: ExtraTreesClassifier(5, max_depth=4, random_state=0),
        },
    ),
    *_of(
        "trees", Target.KIND,
        {"RandomForestClassifier": lambda: RandomForestClassifier(5, random_state=0)},
    ),
    *_of(
        "trees", Target.NUMBER,
        {
            "DecisionTreeRegressor": lambda: DecisionTreeRegressor(max_depth=4, random_state=0),
            "RandomForestRegressor": lambda: RandomForestRegressor(5, random_state=0),
        },
    ),
    *_of(
        "boosting", Target.FLAG,
        {
            "HistGradientBoostingClassifier": lambda: HistGradientBoostingClassifier(max_iter=5),
            "GradientBoostingClassifier": lambda: GradientBoostingClassifier(n_estimators=5, random_state=0),
            "AdaBoostClassifier": lambda: AdaBoostClassifier(n_estimators=5, random_state=0),
        },
    ),
    *_of(
        "boosting", Target.COUNT,
        {
            "HistGradientBoostingRegressor, Poisson": lambda: HistGradientBoostingRegressor(
                loss="poisson", max_iter=5
            ),
            "GradientBoostingRegressor": lambda: GradientBoostingRegressor(n_estimators=5, random_state=0),
            "AdaBoostRegressor": lambda: AdaBoostRegressor(n_estimators=5, random_state=0),
        },
    ),
    Case(
        name="HistGradientBoostingClassifier, categories", family="boosting", target=Target.KIND,
        build=lambda: HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype"),
        reading="category, as it is",
    ),
    *_of("support vectors", Target.KIND, {"SVC": SVC}),
    *_of("support vectors", Target.BOTH, {"LinearSVC": lambda: LinearSVC(C=0.1)}, batch=GEMM),
    *_of("support vectors", Target.NUMBER, {"SVR": SVR}),
    *_of("support vectors", Target.NOTHING, {"OneClassSVM": lambda: OneClassSVM(nu=0.2)}),
    *_of(
        "neighbours", Target.KIND,
        {"KNeighborsClassifier, tree": lambda: KNeighborsClassifier(3, algorithm="kd_tree")},
    ),
    *_of(
        "neighbours", Target.NUMBER,
        {
            "KNeighborsRegressor, brute force": lambda: KNeighborsRegressor(
                3, algorithm="brute", weights="distance"
            ),
            "RadiusNeighborsRegressor": lambda: RadiusNeighborsRegressor(100.0, weights="distance"),
        },
        batch=DISTANCES,
    ),
    *_of(
        "naive Bayes", Target.KIND,
        {
            "GaussianNB": GaussianNB,
        },
    ),
    *_of(
        "naive Bayes", Target.KIND,
        {
            "MultinomialNB": lambda: make_pipeline(MinMaxScaler(clip=True), MultinomialNB()),
            "ComplementNB": lambda: make_pipeline(MinMaxScaler(clip=True), ComplementNB()),
        },
        batch=GEMM,
    ),
    *_of(
        "networks", Target.KIND,
        {
            "MLPClassifier": lambda: make_pipeline(
                StandardScaler(), MLPClassifier((5,), max_iter=30, tol=0.1, random_state=0)
            )
        },
        batch=GEMM,
    ),
    *_of(
        "networks", Target.NUMBER,
        {
            "MLPRegressor": lambda: make_pipeline(
                StandardScaler(), MLPRegressor(hidden_layer_sizes=(5,), max_iter=50, tol=1.0, random_state=0)
            )
        },
        batch=GEMM,
    ),
    *_of(
        "Gaussian processes", Target.BOTH,
        {"GaussianProcessClassifier": lambda: GaussianProcessClassifier(optimizer=None)},
        batch=GEMM,
    ),
    *_of(
        "Gaussian processes", Target.NUMBER,
        {"GaussianProcessRegressor": lambda: GaussianProcessRegressor(alpha=0.5, optimizer=None)},
        batch=GEMM,
    ),
    *_of(
        "discriminants", Target.KIND,
        {
            "LinearDiscriminantAnalysis": LinearDiscriminantAnalysis,
            "QuadraticDiscriminantAnalysis": lambda: QuadraticDiscriminantAnalysis(reg_param=0.1),
        },
        batch=GEMM,
    ),
    *_of(
        "meta", Target.KIND,
        {
            "CalibratedClassifierCV, sigmoid": lambda: CalibratedClassifierCV(_tree(), cv=2),
            "CalibratedClassifierCV, isotonic": lambda: CalibratedClassifierCV(
                GaussianNB(), cv=2, method="isotonic"
            ),
            "BaggingClassifier": lambda: BaggingClassifier(_tree(), n_estimators=3, random_state=0),
            "VotingClassifier": lambda: VotingClassifier(
                [("bayes", GaussianNB()), ("tree", _tree())], voting="soft"
            ),
        },
    ),
    *_of(
        "meta", Target.KIND,
        {
            "StackingClassifier": lambda: StackingClassifier(
                [("bayes", GaussianNB()), ("tree", _tree())], _logistic(), cv=2
            ),
            "OneVsRestClassifier": lambda: OneVsRestClassifier(_logistic()),
        },
        batch=GEMM,
    ),
    *_of(
        "meta", Target.NUMBER,
        {
            "StackingRegressor": lambda: StackingRegressor([("ridge", Ridge())], Ridge(), cv=2),
            "VotingRegressor": lambda: VotingRegressor([("ridge", Ridge()), ("lasso", Lasso(0.1))]),
            "TransformedTargetRegressor": lambda: TransformedTargetRegressor(
                Ridge(), func=np.log1p, inverse_func=np.expm1
            ),
        },
        batch=GEMM,
    ),
    *_of(
        "meta", Target.BOTH,
        {
            "TunedThresholdClassifierCV": lambda: TunedThresholdClassifierCV(_tree(), cv=2, thresholds=5),
        },
    ),
    Case(
        name="FrozenEstimator, calibrated", family="meta", target=Target.BOTH, build=_tree,
        finish=lambda fitted, inputs, target: CalibratedClassifierCV(FrozenEstimator(fitted)).fit(
            inputs, target
        ),
    ),
    *_of(
        "searches", Target.KIND,
        {
            "GridSearchCV": lambda: GridSearchCV(_tree(), {"min_samples_leaf": [1, 5]}, cv=2),
            "RandomizedSearchCV": lambda: RandomizedSearchCV(
                _tree(), {"min_samples_leaf": [1, 5, 9]}, n_iter=2, cv=2, random_state=0
            ),
            "HalvingGridSearchCV": lambda: HalvingGridSearchCV(
                _tree(), {"min_samples_leaf": [1, 5]}, cv=2, min_resources=100, random_state=0
            ),
        },
    ),
    *_of(
        "several outputs", Target.NUMBERS,
        {
            "MultiOutputRegressor": lambda: MultiOutputRegressor(
                HistGradientBoostingRegressor(max_iter=3)
            ),
            "RandomForestRegressor, two numbers": lambda: RandomForestRegressor(5, random_state=0),
        },
    ),
    *_of(
        "several outputs", Target.KINDS,
        {
            "MultiOutputClassifier": lambda: MultiOutputClassifier(_tree()),
            "RandomForestClassifier, two names": lambda: RandomForestClassifier(5, random_state=0),
        },
    ),
    *_of(
        "several outputs", Target.LABELS,
        {
            "ClassifierChain": lambda: ClassifierChain(_tree()),
            "KNeighborsClassifier, two labels": lambda: KNeighborsClassifier(3, algorithm="ball_tree"),
        },
    ),
    *_of("several outputs", Target.NUMBERS, {"Ridge, two numbers": Ridge}, batch=GEMM),
    *_of(
        "outliers", Target.NOTHING,
        {
            "IsolationForest": lambda: IsolationForest(n_estimators=5, random_state=0),
            "LocalOutlierFactor, novelty": lambda: LocalOutlierFactor(5, novelty=True, algorithm="ball_tree"),
        },
    ),
    *_of(
        "outliers", Target.NOTHING,
        {"EllipticEnvelope": lambda: EllipticEnvelope(random_state=0, support_fraction=0.9)},
        batch=GEMM,
    ),
    *_of(
        "clusters", Target.NOTHING,
        {
            "KMeans": lambda: KMeans(3, n_init=1, random_state=0),
            "MiniBatchKMeans": lambda: MiniBatchKMeans(3, n_init=1, random_state=0),
            "AffinityPropagation": lambda: AffinityPropagation(damping=0.9, max_iter=500, random_state=0),
            "MeanShift": lambda: MeanShift(bandwidth=2.0),
        },
        batch=DISTANCES,
    ),
    Case(
        name="QuantileRegressor",
        family="linear",
        target=Target.NUMBER,
        build=lambda: QuantileRegressor(alpha=0.01),
        unfit=("bool",),  # it negates its input
        batch=GEMM,
    ),
    Case(
        name="TruncatedSVD",
        family="decompositions",
        target=Target.NOTHING,
        build=lambda: TruncatedSVD(1, random_state=0),
        unfit=("dates", ),  # one column only
        batch=GEMM,
    ),
    Case(
        name="KBinsDiscretizer",
        family="preprocessing",
        target=Target.BOTH,
        build=lambda: make_pipeline(
            KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf"), _tree()
        ),
        unfit=("bool",),  # it subtracts booleans
    ),
    Case(
        name="Birch",
        family="clusters",
        target=Target.NOTHING,
        build=lambda: Birch(threshold=0.3),
        batch=DISTANCES,
        no_skops="skops 0.16 cannot write its tree of subclusters",
    ),
    *_of(
        "decompositions", Target.NOTHING,
        {
            "PCA": lambda: PCA(1),
            "a scaler that gives a DataFrame": lambda: StandardScaler().set_output(transform="pandas"),
            "NMF": lambda: make_pipeline(MinMaxScaler(clip=True), NMF(1, random_state=0, max_iter=500)),
        },
        batch=GEMM,
    ),
    *_of(
        "preprocessing", Target.BOTH,
        {
            "FunctionTransformer of a ufunc": lambda: make_pipeline(
                MinMaxScaler(clip=True), FunctionTransformer(np.log1p), _tree()
            ),
            "QuantileTransformer": lambda: make_pipeline(QuantileTransformer(n_quantiles=20), _tree()),
            "SelectKBest": lambda: make_pipeline(SelectKBest(k=1), _tree()),
            "FeatureUnion": lambda: make_pipeline(make_union(StandardScaler(), MinMaxScaler()), _tree()),
        },
    ),
    *_of(
        "preprocessing", Target.NUMBER,
        {
            "SplineTransformer": lambda: make_pipeline(SplineTransformer(n_knots=3), Ridge()),
            "PolynomialFeatures": lambda: make_pipeline(StandardScaler(), PolynomialFeatures(), Ridge()),
            "PowerTransformer": lambda: make_pipeline(PowerTransformer(), Ridge()),
            "Nystroem": lambda: make_pipeline(Nystroem(n_components=5, random_state=0), Ridge()),
            "IsotonicRegression": lambda: make_pipeline(PCA(1), IsotonicRegression(out_of_bounds="clip")),
        },
        batch=GEMM,
    ),
    *_of(
        "preprocessing", Target.BOTH,
        {"KNNImputer": lambda: make_pipeline(KNNImputer(n_neighbors=2), _tree())},
        reading="float64 with nulls, as it is",
    ),
    *_of(
        "boosting", Target.NUMBER,
        {"HistGradientBoostingRegressor of nulls": lambda: HistGradientBoostingRegressor(max_iter=5)},
        reading="float64 with nulls, as it is",
    ),
    *_of(
        "mixed columns", Target.BOTH,
        {
            "one-hot, dense": lambda: make_pipeline(
                _numbers_and(OneHotEncoder(handle_unknown="ignore", sparse_output=False)), _logistic()
            )
        },
        reading="numbers, flags and text",
        batch=GEMM,
    ),
    *_of(
        "mixtures and densities", Target.NOTHING,
        {
            "GaussianMixture": lambda: GaussianMixture(2, random_state=0),
            "KernelDensity": lambda: KernelDensity(kernel="exponential"),
        },
        batch=GEMM,
    ),
    Case(
        name="PLSRegression",
        family="linear",
        target=Target.NUMBERS,
        build=lambda: PLSRegression(1),
        unfit=("bool",),  # its predict writes into what pandas lends it
        batch=GEMM,
    ),
    Case(
        name="a sparse transformer", family="mixed columns", target=Target.NOTHING,
        reading="numbers, flags and text",
        build=lambda: _numbers_and(OneHotEncoder(handle_unknown="ignore", min_frequency=0.1)),
    ),
    *_of(
        "mixed columns", Target.BOTH,
        {
            "one-hot, sparse": lambda: make_pipeline(
                _numbers_and(OneHotEncoder(handle_unknown="ignore")), _logistic()
            ),
            "one-hot, rare ones together": lambda: make_pipeline(
                _numbers_and(OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=70)),
                _tree(),
            ),
            "TargetEncoder": lambda: make_pipeline(
                _numbers_and(TargetEncoder(cv=2, random_state=0)), _tree()
            ),
            "OrdinalEncoder": lambda: make_pipeline(
                _numbers_and(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)),
                HistGradientBoostingClassifier(max_iter=3),
            ),
        },
        reading="numbers, flags and text",
    ),
    *_of(
        "text", Target.BOTH,
        {
            "TfidfVectorizer": lambda: make_pipeline(
                _words(TfidfVectorizer()), _logistic()
            ),
            "CountVectorizer": lambda: make_pipeline(
                _words(CountVectorizer()), MultinomialNB()
            ),
            "HashingVectorizer": lambda: make_pipeline(
                _words(HashingVectorizer(n_features=32)),
                SGDClassifier(loss="log_loss", random_state=0),
            ),
            "TruncatedSVD of tf-idf": lambda: make_pipeline(
                _words(TfidfVectorizer()),
                TruncatedSVD(3, random_state=0),
                _tree(),
            ),
        },
        reading="free text",
    ),
    *_of(
        "text", Target.KIND,
        {
            "TfidfVectorizer first": lambda: make_pipeline(TfidfVectorizer(), _logistic()),
            "HashingVectorizer first": lambda: make_pipeline(HashingVectorizer(n_features=16), _tree()),
        },
        reading="free text, a series",
    ),
    Case(
        name="a vectorizer alone", family="text", target=Target.NOTHING, reading="free text, a series",
        build=CountVectorizer,
    ),
    Case(
        name="FeatureHasher", family="text", target=Target.BOTH, reading="str, as it is",
        build=lambda: make_pipeline(FunctionTransformer(as_dicts), FeatureHasher(16), _logistic()),
        no_skops=_OURS,
    ),
)  # fmt: skip
