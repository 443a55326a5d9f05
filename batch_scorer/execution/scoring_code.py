"""What the code that scores is known by: a later run goes on with the work of the same code only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import batch_scorer

_OURS = str(Path(batch_scorer.__file__).parent)
_MODULES = (".py", ".so", ".pyc")  # the last one without its source; caches have a directory of their own


@dataclass(frozen=True)
class ScoringCode:
    """directories: the project's own (`code:`). Looked at once, when somebody asks."""

    directories: tuple[str, ...]

    @cached_property
    def sha256(self) -> str:
        """Of the names and contents of every module that `code:` lets somebody import, and of ours: of one
        version there may be several builds.

        Not of other files: a directory may be the project's, with its lake in it. What cannot be read, nobody
        can import either.
        """
        digest = hashlib.sha256()
        for number, directory in enumerate((_OURS, *self.directories)):
            for module in _modules(directory):
                try:
                    with open(module, "rb") as file:  # an extension may be as large as a model
                        content = hashlib.file_digest(file, "sha256").digest()
                except OSError:
                    continue
                # As the file system has it: a name need not be text.
                name = os.fsencode(module.removeprefix(directory).lstrip("/"))
                digest.update(b"%d %d " % (number, len(name)) + name + content)
        return digest.hexdigest()


def _modules(root: str) -> Iterator[str]:
    """Their paths, also behind links, as an import finds them; nothing in a directory whose name is no
    package's.
    """
    seen: set[str] = set()
    for directory, names, files in os.walk(root, followlinks=True):
        real = os.path.realpath(directory)
        if real in seen:  # a link that leads back
            names.clear()
            continue
        seen.add(real)
        names[:] = sorted(name for name in names if name.isidentifier() and name != "__pycache__")
        yield from (f"{directory}/{name}" for name in sorted(files) if name.endswith(_MODULES))
