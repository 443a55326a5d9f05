"""Which types a skops file may hold: what skops trusts itself, and the list below, each with its reason.

How each was reviewed. skops makes an object in one of three ways: `__new__` and `__setstate__`, a call of the
type with arguments from the file, or a look-up of a function that is kept for later. So a type is listed only
if neither its construction nor its state runs, imports or opens anything that the file names; a function only
if it computes on its arguments and has no other effect, whatever they are. Bound methods are never trusted,
of no type: the file could name any of them.

What was looked at and left out: the distributions of scipy.stats (of a randomized search), because their
`__setstate__` executes a text that is part of their state.

Nothing here is a sandbox. Crafted tree nodes can still crash `predict`; so trees count on the pinned hash,
which says the bytes are those that somebody registered.
"""

from __future__ import annotations

from types import MappingProxyType

from batch_scorer.core.errors import ModelRefused

_NODES = "read-only node arrays; a crafted one can crash predict, hence the pinned hash"
_PLAIN = "a plain record of parameters and fitted arrays, runs nothing when built"
_SPLITTER = "a cross-validation splitter of numbers, kept by searches, unused by predict"
_DISTANCE = "a compiled distance, its state is numbers"
_FIT_ONLY = "a pure function of arrays, used in fit only"
_INDEX = "a neighbour index: arrays over the training rows; a crafted one can crash predict, like tree nodes"
_KERNEL = "a Gaussian process kernel: numbers only"
_OPTIMIZER = "left over from training: arrays of momenta, unused by predict"
_METRIC = "a pure function of labels and scores that a search or a threshold was chosen by, unused by predict"
_SCORER = "names a metric, which must itself be trusted, and its options; unused by predict"
_ROUTING = "says which methods take sample weights: names and booleans"
_SEARCH = "a search like GridSearchCV; being experimental, it is not on the list of skops"

# Behind the names that `scoring=` knows.
_METRICS = {
    "_classification": "accuracy_score balanced_accuracy_score brier_score_loss d2_brier_score "
    "d2_log_loss_score f1_score jaccard_score log_loss matthews_corrcoef precision_score recall_score",
    "_ranking": "average_precision_score roc_auc_score top_k_accuracy_score",
    "_regression": "d2_absolute_error_score explained_variance_score max_error mean_absolute_error "
    "mean_absolute_percentage_error mean_gamma_deviance mean_poisson_deviance mean_squared_error "
    "mean_squared_log_error median_absolute_error r2_score root_mean_squared_error "
    "root_mean_squared_log_error",
    "_scorer": "negative_likelihood_ratio positive_likelihood_ratio",
    "cluster._supervised": "adjusted_mutual_info_score adjusted_rand_score completeness_score "
    "fowlkes_mallows_score homogeneity_score mutual_info_score normalized_mutual_info_score rand_score "
    "v_measure_score",
}

TRUSTED_TYPES = MappingProxyType(
    {
        "functools.partial": "binds arguments to a function that must itself be trusted",
        "numpy.clip": "a pure function of arrays",
        "numpy.dtype": "describes memory, holds nothing",
        "numpy.nan_to_num": "a pure function of arrays",
        "numpy.round": "a pure function of arrays",
        "scipy._lib.array_api_compat.numpy._aliases.asarray": "a pure function of arrays, kept by splines",
        "scipy.interpolate._bsplines.BSpline": "knots and coefficients",
        "sklearn._loss.loss.HalfTweedieLoss": "a loss with one number",
        "sklearn._loss.loss.HalfTweedieLossIdentity": "a loss with one number",
        "sklearn.calibration._CalibratedClassifier": "an estimator and its calibrators, each checked itself",
        "sklearn.calibration._SigmoidCalibration": "two numbers",
        "sklearn.calibration._TemperatureScaling": "one number",
        "sklearn.cluster._bisect_k_means._BisectingTree": _PLAIN,
        "sklearn.cluster._kmeans._kmeans_single_lloyd": _FIT_ONLY,
        "sklearn.compose._column_transformer.make_column_selector": "a pattern and dtypes, used in fit only",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": _NODES,
        "sklearn.feature_selection._mutual_info.mutual_info_classif": _FIT_ONLY,
        "sklearn.feature_selection._mutual_info.mutual_info_regression": _FIT_ONLY,
        "sklearn.feature_selection._univariate_selection.chi2": _FIT_ONLY,
        "sklearn.feature_selection._univariate_selection.f_classif": _FIT_ONLY,
        "sklearn.feature_selection._univariate_selection.f_regression": _FIT_ONLY,
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace": _PLAIN,
        "sklearn.gaussian_process.kernels.ConstantKernel": _KERNEL,
        "sklearn.gaussian_process.kernels.DotProduct": _KERNEL,
        "sklearn.gaussian_process.kernels.ExpSineSquared": _KERNEL,
        "sklearn.gaussian_process.kernels.Exponentiation": _KERNEL,
        "sklearn.gaussian_process.kernels.Matern": _KERNEL,
        "sklearn.gaussian_process.kernels.Product": _KERNEL,
        "sklearn.gaussian_process.kernels.RBF": _KERNEL,
        "sklearn.gaussian_process.kernels.RationalQuadratic": _KERNEL,
        "sklearn.gaussian_process.kernels.Sum": _KERNEL,
        "sklearn.gaussian_process.kernels.WhiteKernel": _KERNEL,
        "sklearn.metrics._dist_metrics.ChebyshevDistance64": _DISTANCE,
        "sklearn.metrics._dist_metrics.EuclideanDistance64": _DISTANCE,
        "sklearn.metrics._dist_metrics.HaversineDistance64": _DISTANCE,
        "sklearn.metrics._dist_metrics.ManhattanDistance64": _DISTANCE,
        "sklearn.metrics._dist_metrics.MinkowskiDistance64": _DISTANCE,
        "sklearn.metrics._scorer._CurveScorer": _SCORER,
        "sklearn.metrics._scorer._PassthroughScorer": "an estimator, checked itself; unused by predict",
        "sklearn.metrics._scorer._Scorer": _SCORER,
        "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV": _SEARCH,
        "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV": _SEARCH,
        "sklearn.model_selection._split.GroupKFold": _SPLITTER,
        "sklearn.model_selection._split.KFold": _SPLITTER,
        "sklearn.model_selection._split.RepeatedKFold": _SPLITTER,
        "sklearn.model_selection._split.RepeatedStratifiedKFold": _SPLITTER,
        "sklearn.model_selection._split.ShuffleSplit": _SPLITTER,
        "sklearn.model_selection._split.StratifiedGroupKFold": _SPLITTER,
        "sklearn.model_selection._split.StratifiedKFold": _SPLITTER,
        "sklearn.model_selection._split.StratifiedShuffleSplit": _SPLITTER,
        "sklearn.model_selection._split.TimeSeriesSplit": _SPLITTER,
        "sklearn.neighbors._ball_tree.BallTree": _INDEX,
        "sklearn.neighbors._kd_tree.KDTree": _INDEX,
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer": _OPTIMIZER,
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer": _OPTIMIZER,
        "sklearn.tree._tree.Tree": _NODES,
        "sklearn.utils._bunch.Bunch": "a dict with attribute access",
        "sklearn.utils._metadata_requests.MetadataRequest": _ROUTING,
        "sklearn.utils._metadata_requests.MethodMetadataRequest": _ROUTING,
        "sklearn.utils.validation.check_array": "checks arrays, kept by boosted trees with categories",
    }
    | {
        f"sklearn.metrics.{module}.{name}": _METRIC
        for module, names in _METRICS.items()
        for name in names.split()
    }
)


def refused_types(data: bytes) -> tuple[str, ...]:
    """Types in a skops file that neither skops nor the list trusts, sorted. Imports none of them.

    Raises: what skops raises for bytes that are no skops file.
    """
    from skops.io import get_untrusted_types  # all of scikit-learn comes with it

    return tuple(sorted(set(get_untrusted_types(data=data)) - TRUSTED_TYPES.keys()))


def require_trusted(data: bytes, *, label: str) -> None:
    """Raises: ModelRefused, naming the types."""
    refused = refused_types(data)
    if refused:
        raise ModelRefused(
            f"{label} holds types that are not on the reviewed list: {', '.join(refused)}",
            fix="build the pipeline from scikit-learn's own parts and NumPy ufuncs, of a search save its "
            "best_estimator_; or, if you trust who made it, save it with joblib and register that file with "
            "--allow-pickle",
        )
