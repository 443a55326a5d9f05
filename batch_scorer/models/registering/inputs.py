"""What an estimator is handed: which columns, and in which form."""

from __future__ import annotations

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from batch_scorer.core.errors import SignatureInvalid, UsageError
from batch_scorer.core.models import Takes
from batch_scorer.models.estimators import begins_with_text, feature_names, known_names


def inputs_of(estimator: object, named: tuple[str, ...]) -> tuple[tuple[str, ...], Takes]:
    """Its input columns in training order, and what its methods take. named: by who registers it.

    Raises: SignatureInvalid (nobody knows the names), UsageError (other names than the estimator's own, or
    another number of them).
    """
    own = known_names(estimator)
    if own is not None:
        if named and named != own:
            raise UsageError(
                f"the model was fitted on other columns than are named: {', '.join(own)}",
                fix="leave out --column (columns=[…]): the model knows its columns and their order",
            )
        return own, Takes.FRAME
    if not named:
        _require_fitted(estimator)
        return feature_names(estimator), Takes.FRAME  # which says what to do
    if begins_with_text(estimator):
        _require_width(1, named, "the model takes one column of texts")
        return named, Takes.SERIES
    width = getattr(estimator, "n_features_in_", len(named))
    _require_width(width, named, f"the model was fitted on an array of {width} columns")
    return named, Takes.ARRAY


def _require_fitted(estimator: object) -> None:
    """Raises: SignatureInvalid. One without names is asked, whose names fit would have told."""
    name = type(estimator).__name__
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise SignatureInvalid(
            f"{name} is not fitted", fix="call its fit with the training table, then save and register it"
        ) from None
    except TypeError:
        raise SignatureInvalid(
            f"{name} is no estimator",
            fix="save and register an estimator: a model, a transformer or a pipeline of them",
        ) from None


def _require_width(width: int, named: tuple[str, ...], what: str) -> None:
    if len(named) != width:
        raise UsageError(
            f"{what}, but {len(named)} are named: {', '.join(named)}",
            fix="name every column once, in the order of the training",
        )
