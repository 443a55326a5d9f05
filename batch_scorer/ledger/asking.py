"""How statements that are run for every partition name it.

They are written once, when their module is loaded: to build a statement takes longer than to run it.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table, bindparam

from batch_scorer.core.partitions import Partition


def of_partition(table: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The rows of one partition; `which` says of which. Other names than the columns', which are set."""
    return table.c.job == bindparam("of_job"), table.c.partition_path == bindparam("of_path")


def which(job: str, partition: Partition) -> dict[str, str]:
    return {"of_job": job, "of_path": partition.path}
