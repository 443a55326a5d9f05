"""A Dask cluster class by its name: imported, checked, started within a time, and closed whatever happens.

`compute.cluster: {class: dask_jobqueue.SLURMCluster, kwargs: {…}}`. Starting may take minutes and cost money:
one that comes up after we have given up is closed all the same.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

from batch_scorer.config.clusters import ClusterClass
from batch_scorer.config.layers import filled_in, variables_in
from batch_scorer.core.errors import BatchScorerError, ClusterUnavailable, ConfigInvalid
from batch_scorer.core.nearest import suggestion

_log = logging.getLogger(__name__)
_LOOK_S = 0.2
_GRACE_S = 20.0  # for one that still starts when the run is stopped: it must not be left behind
_CLOSE_S = 60.0  # jobs are cancelled, pods deleted, machines given back
_INSTALL = {
    "dask_jobqueue": "pip install dask-jobqueue",
    "dask_kubernetes": "pip install dask-kubernetes",
    "dask_cloudprovider": 'pip install "dask-cloudprovider[aws]", or [azure], [gcp]',
    "dask_gateway": "pip install dask-gateway",
    "dask_yarn": "pip install dask-yarn",
    "dask_mpi": "pip install dask-mpi",
}
_METHODS = ("scale", "close")


class StartedCluster:
    """cluster: what the class made. secrets: value → how it is written."""

    def __init__(self, cluster: Any, name: str, secrets: Mapping[str, str]) -> None:
        self.cluster = cluster
        self._name = name
        self._secrets = secrets

    def close(self, timeout: float) -> None:  # noqa: ARG002 (it may take longer than a client does)
        """Waits for long, and not for ever."""
        closing = _Attempt(self.cluster.close)
        if not closing.ended_within(_CLOSE_S, _nobody_stops):
            _log.warning("%s has not closed within %.0f s: look for what is left of it", self._name, _CLOSE_S)
        elif closing.error is not None:
            _log.warning("%s did not close: %s", self._name, _without(self._secrets, closing.error))


def cluster_class(spec: ClusterClass) -> Any:
    """Imported. Raises: ConfigInvalid."""
    module_name, _, name = spec.class_path.rpartition(".")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        raise _not_installed(spec, error) from None
    except Exception as error:
        raise _invalid(spec, f"{module_name} cannot be imported: {error}", "mend its installation") from None
    found = getattr(module, name, None)
    if found is None:
        near = suggestion(name, [each for each in dir(module) if each.endswith("Cluster")])
        raise _invalid(spec, f'{module_name} has no "{name}"{near}', "correct it")
    if not isinstance(found, type) or not all(callable(getattr(found, each, None)) for each in _METHODS):
        raise _invalid(
            spec, f"{spec.class_path} is no Dask cluster class", "name one that can scale and close"
        )
    return found


def started(spec: ClusterClass, workers: int | None, check_stop: Callable[[], None]) -> StartedCluster:
    """The cluster, on its way to its size. workers: None where spec says how it adapts.

    check_stop: raises when the run is to end. Raises: ConfigInvalid, ClusterUnavailable, and what it raises.
    """
    made_by, (kwargs, secrets) = cluster_class(spec), _arguments(spec)
    limit_s = spec.start_within.total_seconds()

    def start() -> Any:
        cluster = made_by(**kwargs)
        try:
            _give_size(cluster, spec, workers)
        except BaseException:
            cluster.close()
            raise
        return cluster

    attempt = _Attempt(start, undo=lambda cluster: cluster.close())
    try:
        has_ended = attempt.ended_within(limit_s, check_stop)
    except BaseException:
        attempt.give_up(_GRACE_S, spec.class_path)
        raise
    if not has_ended:
        attempt.give_up(0.0, spec.class_path)
        raise _failed(spec, f"it has not started within {limit_s:.0f} s", secrets)
    if isinstance(attempt.error, TypeError):
        raise _invalid(
            spec, f"it does not take these kwargs: {_without(secrets, attempt.error)}", "correct kwargs"
        )
    if attempt.error is not None:
        raise _failed(spec, f"{type(attempt.error).__name__}: {attempt.error}", secrets)
    return StartedCluster(attempt.result, spec.class_path, secrets)


class _Attempt:
    """Something that may take long, in a thread of its own. undo: of a result that comes too late."""

    def __init__(self, act: Callable[[], Any], undo: Callable[[Any], object] = lambda _: None) -> None:
        self.result: Any = None
        self.error: Exception | None = None
        self._act = act
        self._undo = undo
        self._lock = threading.Lock()
        self._is_unwanted = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="dask-cluster")
        self._thread.start()

    def ended_within(self, limit_s: float, check_stop: Callable[[], None]) -> bool:
        """Raises: what check_stop raises."""
        deadline = time.monotonic() + limit_s
        while self._thread.is_alive() and time.monotonic() < deadline:
            check_stop()
            self._thread.join(_LOOK_S)
        return not self._thread.is_alive()

    def give_up(self, grace_s: float, name: str) -> None:
        """Nobody wants the result any more: it is undone, now or when it comes."""
        with self._lock:
            self._is_unwanted = True
            late = self.result
        if late is not None:
            self._end(late)
        elif not self.ended_within(grace_s, _nobody_stops):
            _log.warning("%s is still starting: look for what it leaves behind", name)

    def _run(self) -> None:
        try:
            result = self._act()
        except Exception as error:
            self.error = error
            return
        with self._lock:
            is_unwanted = self._is_unwanted
            self.result = None if is_unwanted else result
        if is_unwanted:
            self._end(result)

    def _end(self, result: Any) -> None:
        """It must hide neither why we gave up nor, in its text, what is secret."""
        try:
            self._undo(result)
        except Exception as error:
            _log.warning("what started too late did not close: %s", type(error).__name__)


def _nobody_stops() -> None:
    """A second signal breaks off whatever waits."""


def _give_size(cluster: Any, spec: ClusterClass, workers: int | None) -> None:
    if spec.adapt is not None and workers is None:
        cluster.adapt(minimum=spec.adapt.minimum, maximum=spec.adapt.maximum)
    else:
        cluster.scale(workers)


def _arguments(spec: ClusterClass) -> tuple[dict[str, Any], dict[str, str]]:
    """(kwargs with their variables filled in, value → how it is written, of all that may be secret)."""
    try:
        kwargs = filled_in(spec.arguments, os.environ)
    except ValueError as error:
        raise _invalid(spec, str(error), "set it, as it was when the job file was read") from None
    return kwargs, dict(_secrets(spec.arguments, kwargs))


def _secrets(written: Any, filled: Any) -> Iterator[tuple[str, str]]:
    """Whole texts, and the variables in them: an error may speak of a part."""
    match written, filled:
        case Mapping(), Mapping():
            for key in filled:
                yield from _secrets(written[key], filled[key])
        case list(), list():
            for one, other in zip(written, filled, strict=True):
                yield from _secrets(one, other)
        case str(), str() if written != filled and filled:
            yield filled, written
            yield from variables_in(written, os.environ)


def _without(secrets: Mapping[str, str], error: object) -> str:
    text = str(error)
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, secrets[value])
    return text


def _not_installed(spec: ClusterClass, error: ModuleNotFoundError) -> BatchScorerError:
    package = spec.class_path.partition(".")[0]
    if error.name != package:
        return _invalid(spec, f"{spec.class_path} needs {error.name}, which is not installed", "install it")
    return _invalid(
        spec,
        f"{package} is not installed",
        _INSTALL.get(package, "install it where batch-scorer runs, or correct the name"),
    )


def _invalid(spec: ClusterClass, what: str, fix: str) -> ConfigInvalid:
    return ConfigInvalid(what, where=f"compute.cluster, class {spec.class_path}", fix=fix)


def _failed(spec: ClusterClass, what: str, secrets: Mapping[str, str]) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"{spec.class_path} did not start: {_without(secrets, what)}",
        where="compute.cluster",
        fix="look at the limits of the queue or account, and at what the class itself logs; "
        "compute.cluster.start_within says how long it may take",
    )
