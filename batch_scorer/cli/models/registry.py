"""Which registry a verb works on, and which version a person named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from batch_scorer.cli.settings import Settings
from batch_scorer.core.errors import ModelNotFound, UsageError

if TYPE_CHECKING:
    from batch_scorer.models.registry.files import FileRegistry


def known_version(registry: FileRegistry, reference: str) -> tuple[str, int]:
    """(name, version) of `name`, `name@3` or `name@alias`. On a command line an unknown name is exit 2."""
    with named_on_the_command_line():
        if "@" in reference:
            pin = registry.resolve(reference)
            return pin.name, pin.version
        return reference, registry.versions(reference)[-1]


def exact_version(registry: FileRegistry, reference: str) -> tuple[str, int]:
    """The same of `name@3` or `name@alias` only: what is decided of "the newest" may be of another one, when
    somebody registers in between.
    """
    with named_on_the_command_line():
        pin = registry.resolve(reference)
    return pin.name, pin.version


def require_known(registry: FileRegistry, name: str) -> None:
    """Raises: UsageError, where there is no such model."""
    with named_on_the_command_line():
        registry.history(name)


def open_registry(settings: Settings) -> FileRegistry:
    from batch_scorer import wiring

    return wiring.project_registry(settings.find_project(), settings.target)


def make_own_code_importable(settings: Settings) -> None:
    """A pickle finds its classes where the jobs' workers will find them: in the directories of `code:`."""
    from batch_scorer.config.registries import code_directories
    from batch_scorer.execution.chunk import make_importable

    make_importable(code_directories(settings.find_project(), settings.target))


@contextmanager
def named_on_the_command_line(next_command: str = "batch-scorer models list") -> Iterator[None]:
    """What is not found there is exit 2."""
    try:
        yield
    except ModelNotFound as error:
        raise UsageError(error.what, where=error.where, fix=error.fix, next_command=next_command) from None
