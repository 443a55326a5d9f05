"""What cannot be registered, and the words in which that is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, OPTICS, SpectralClustering
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE, MDS, SpectralEmbedding
from sklearn.neighbors import LocalOutlierFactor, KNeighborsClassifier, NearestNeighbors
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline, Pipeline
from sklearn.preprocessing import FunctionTransformer, LabelEncoder, StandardScaler
from sklearn.impute import SimpleImputer
