"""From a Parquet file to the rows and types a signature declares, or a clear refusal."""
