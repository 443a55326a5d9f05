"""Which types a skops file may hold: what skops trusts itself, and the list below, each with its reason.

How each was reviewed. skops makes an object in one of three ways: `__new__` and `__setstate__`, a call of the
type with arguments from the file, or a look-up of a function that is kept for later. So a type is listed only
if neither its construction nor its state runs, imports or opens anything that the file names; a function only
if it computes on its arguments and has no other effect, whatever they are. Bound methods are never trusted,
of no type: the file could name any of them.

Nothing here is a sandbox. Crafted tree nodes can still crash `predict`; so trees count on the pinned hash,
which says the bytes are those that somebody registered.
"""

from __future__ import annotations

from types import MappingProxyType

from skops.io import get_untrusted_types

from batch_scorer.core.errors import ModelRefused

_NODES = "read-only node arrays; a crafted one can crash predict, hence the pinned hash"
_PLAIN = "a plain record of parameters and fitted arrays, runs nothing when built"
_SPLITTER = "a cross-validation splitter of numbers, kept by searches, unused by predict"
_DISTANCE = "a compiled distance without state but numbers"
_INDEX = "a neighbour index over the training rows: arrays only"
_KERNEL = "a Gaussian process kernel: numbers only"
_OPTIMIZER = "left over from training: arrays of momenta, unused by predict"

TRUSTED_TYPES = MappingProxyType(
    {
        "functools.partial": "binds arguments to a function that must itself be trusted",
        "numpy.clip": "a pure function of arrays",
        "numpy.dtype": "describes memory, holds nothing",
        "scipy._lib.array_api_compat.numpy._aliases.asarray": "a pure function of arrays, kept by splines",
        "scipy.interpolate._bsplines.BSpline": "knots and coefficients",
        "sklearn._loss.loss.HalfTweedieLoss": "a loss with one number",
        "sklearn.calibration._CalibratedClassifier": "an estimator and its calibrators, each checked itself",
        "sklearn.calibration._SigmoidCalibration": "two numbers",
        "sklearn.calibration._TemperatureScaling": "one number",
        "sklearn.compose._column_transformer.make_column_selector": "a pattern and dtypes, used in fit only",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": _NODES,
        "sklearn.feature_selection._univariate_selection.f_classif": "a pure function, used in fit only",
        "sklearn.feature_selection._univariate_selection.f_regression": "a pure function, used in fit only",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace": _PLAIN,
        "sklearn.gaussian_process.kernels.ConstantKernel": _KERNEL,
        "sklearn.gaussian_process.kernels.Matern": _KERNEL,
        "sklearn.gaussian_process.kernels.Product": _KERNEL,
        "sklearn.gaussian_process.kernels.RBF": _KERNEL,
        "sklearn.gaussian_process.kernels.Sum": _KERNEL,
        "sklearn.gaussian_process.kernels.WhiteKernel": _KERNEL,
        "sklearn.metrics._dist_metrics.EuclideanDistance64": _DISTANCE,
        "sklearn.metrics._dist_metrics.ManhattanDistance64": _DISTANCE,
        "sklearn.metrics._scorer._PassthroughScorer": "an estimator, checked itself; unused by predict",
        "sklearn.model_selection._split.KFold": _SPLITTER,
        "sklearn.model_selection._split.StratifiedKFold": _SPLITTER,
        "sklearn.neighbors._ball_tree.BallTree": _INDEX,
        "sklearn.neighbors._kd_tree.KDTree": _INDEX,
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer": _OPTIMIZER,
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer": _OPTIMIZER,
        "sklearn.tree._tree.Tree": _NODES,
        "sklearn.utils._bunch.Bunch": "a dict with attribute access",
        "sklearn.utils.validation.check_array": "checks arrays, kept by boosted trees with categories",
    }
)


def refused_types(data: bytes) -> tuple[str, ...]:
    """Types in a skops file that neither skops nor the list trusts, sorted. Imports none of them.

    Raises: what skops raises for bytes that are no skops file.
    """
    return tuple(sorted(set(get_untrusted_types(data=data)) - TRUSTED_TYPES.keys()))


def require_trusted(data: bytes, *, label: str) -> None:
    """Raises: ModelRefused, naming the types."""
    refused = refused_types(data)
    if refused:
        raise ModelRefused(
            f"{label} holds types that are not on the reviewed list: {', '.join(refused)}",
            fix="build the pipeline from scikit-learn's own parts and NumPy ufuncs; or, if you trust who "
            "made it, save it with joblib and register that file with --allow-pickle",
        )
