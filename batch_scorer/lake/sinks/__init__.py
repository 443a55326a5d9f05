"""Making staged files visible, in one step: Parquet directories and Delta tables."""
