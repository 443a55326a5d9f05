"""`init --example`: a lake, suites and a job, and the model that they wait for."""

from __future__ import annotations

from pathlib import Path

from batch_scorer.core.whoami import user_name
from batch_scorer.models.registering.about import About
from batch_scorer.models.registering.register import register_file
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.ops.scaffold.project import scaffold_example


def make_example(directory: Path, registry: FileRegistry) -> tuple[Path, ...]:
    """A runnable example; its model is trained and registered. Repeatable. Returns: what was written.

    registry: the directory's own, or what will be it. Raises: UsageError.
    """
    example = scaffold_example(directory)
    if example.model_name not in registry.names():
        manifest = register_file(
            example.model_file,
            registry=registry,
            name=example.model_name,
            reference_path=example.training_table,
            allow_pickle=False,
            about=About(
                owner="earnings team",
                purpose="which rides end with a big tip; an example, trained on invented rides",
                notes="the example's model: which rides end with a big tip",
                positive_class="1",
            ),
            who=user_name(),
        )
        registry.promote(
            example.model_name,
            manifest.version,
            "champion",
            reason="first version",
            who=user_name(),
        )
    return example.written
