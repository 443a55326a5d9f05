"""The registry is as it was written, the alias points somewhere, the model loads and repeats itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.models import ModelPin
from batch_scorer.execution.parts import JobParts

_IMPORT_S = 60


def pin(parts: JobParts) -> ModelPin:
    from batch_scorer.execution.pinning import pin_model

    return pin_model(parts)


def registry(parts: JobParts) -> str:
    """Every version's manifest against the hash that the history pins."""
    name = parts.job.model.name
    if name not in parts.registry.names():
        return f"{parts.registry.root} is readable"  # that the model is not there is for the next check
    versions = parts.registry.versions(name)
    for version in versions:
        parts.registry.manifest(name, version)
    noun = "version" if len(versions) == 1 else "versions"
    return f"{parts.registry.root}: {len(versions)} {noun} of {name}, each as it was registered"


def code(parts: JobParts) -> str:
    """Each module of `code:` is imported, in a process of its own, as a worker would.

    Raises: ConfigInvalid.
    """
    for directory in parts.code:
        if not Path(directory).is_dir():
            raise ConfigInvalid(
                f"code: {directory} is no directory", where=f"jobs/{parts.job.name}.yml, code",
                fix="correct it, or check out the project's own code",
            )  # fmt: skip
    modules = sorted(name for directory in parts.code for name in _modules(Path(directory)))
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run(  # noqa: S603 (this Python; the names are those of the job's own modules)
        [sys.executable, "-c", program, *modules],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*parts.code, *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=_IMPORT_S,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ConfigInvalid(
            f"the project's own code cannot be imported: {last}",
            where=", ".join(parts.code),
            fix="mend it, or install what it imports, on every machine that scores",
        )
    return f"{', '.join(modules) or 'nothing to import'} from {', '.join(parts.code)}"


def _modules(directory: Path) -> list[str]:
    found = [path.stem for path in directory.glob("*.py")]
    found += [path.parent.name for path in directory.glob("*/__init__.py")]
    return [name for name in found if name.isidentifier()]


def loads(parts: JobParts, model: ModelPin) -> str:
    from batch_scorer.execution.chunk import make_importable
    from batch_scorer.models.scoring.loader import load_model

    make_importable(parts.code)
    loaded = load_model(model)
    golden = f"{model.n_golden_rows} golden rows repeat" if model.n_golden_rows else "no golden rows"
    return "; ".join([f"{model.label} loads, {golden}", *loaded.warnings])
