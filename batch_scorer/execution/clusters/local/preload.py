"""What scoring needs, imported once in the fork server so that every worker starts with it.

It may import and never read: Arrow starts threads at its first read, and threads do not survive a fork.
"""

from batch_scorer.execution.clusters.local.optional import left_out

# Drawing is what scikit-learn and Dask would have them for.
with left_out("rich", "jinja2"):
    import batch_scorer.execution.clusters.dask_start  # isort: split
    import distributed.nanny
    import pandas
    import pyarrow.parquet
    import sklearn.compose
    import sklearn.linear_model
    import sklearn.pipeline
    import tornado.platform.asyncio
    from distributed.versions import get_versions

    import batch_scorer.execution.chunk_task
    import batch_scorer.execution.clusters.task
    import batch_scorer.execution.clusters.worker_logs
    from batch_scorer.core import collector

get_versions()  # of packages, which each worker tells: looked up once, for all of them
collector.stays()  # and its pages are shared: a search in a worker would write to them
