"""What scoring needs, imported once in the fork server so that every worker starts with it.

It may import and never read: Arrow starts threads at its first read, and threads do not survive a fork.
"""

import distributed.nanny
import pandas
import pyarrow.parquet
import sklearn.compose
import sklearn.linear_model
import sklearn.pipeline
import tornado.platform.asyncio

import batch_scorer.execution.chunk_task
import batch_scorer.execution.clusters.task
import batch_scorer.execution.clusters.worker_logs
from batch_scorer.core import collector

collector.stays()  # and its pages are shared: a search in a worker would write to them
