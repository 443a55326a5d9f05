"""Publications for tests of sinks: small files, staged as a run stages them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.chunks import StagedFile
from batch_scorer.core.footing import VisibleGeneration
from batch_scorer.core.partitions import KeyType, Partition, PartitionKey
from batch_scorer.lake.arrow_types import arrow_type_name
from batch_scorer.lake.sinks.sink import Kept, Publication, Sink
from batch_scorer.lake.storage.state_files import StagedDirectory, StateOnDisk

KEYS = (PartitionKey(name="region", type=KeyType.STRING),)
N_FILES, N_ROWS = 2, 5


def region(value: str) -> Partition:
    return Partition(names=("region",), values=(value,))


def stage(
    root: Path,
    generation: int,
    partition: Partition,
    *,
    base: Kept | None = None,
    tag: str = "",
    columns: Sequence[tuple[str, pa.DataType]] = (("generation", pa.int64()),),
) -> Publication:
    """Every column holds the generation's number."""
    staged = root / "state" / "staging" / partition.path / f"{generation}{tag}"
    staged.mkdir(parents=True)
    table = pa.table({name: pa.array([generation] * N_ROWS).cast(kind) for name, kind in columns})
    files = []
    for index in range(N_FILES):
        path = staged / f"part-{index}-{generation}{tag}.parquet"
        pq.write_table(table, path)
        files.append(StagedFile(name=path.name, n_rows=N_ROWS, n_bytes=path.stat().st_size, sha256="s"))
    return Publication(
        partition=partition,
        generation=generation,
        run_id=f"01RUN{generation}",
        staged=on_disk(staged),
        files=tuple(files),
        columns=tuple((name, arrow_type_name(kind)) for name, kind in columns),
        base=base,
    )


def on_disk(directory: Path) -> StagedDirectory:
    """Of the state above it, if there is one of that name."""
    root = next((each for each in directory.parents if each.name == "state"), directory.parent)
    return StagedDirectory(StateOnDisk(root), directory.relative_to(root).as_posix())


def kept(publication: Publication) -> Kept:
    return Kept(generation=publication.generation, names=publication.names)


def is_kept(sink: Sink, partition: Partition, one: Kept) -> bool:
    return list(sink.kept_among(partition, [seen(one)])) == [seen(one)]


def seen(one: Kept) -> VisibleGeneration:
    """As the ledger tells of it."""
    return VisibleGeneration(number=one.generation, run_id="", output_names=one.names, n_quarantined=0)


def publish(
    sink: Sink, root: Path, generation: int, partition: Partition, base: Kept | None = None
) -> Publication:
    publication = stage(root, generation, partition, base=base)
    sink.publish(publication)
    return publication
