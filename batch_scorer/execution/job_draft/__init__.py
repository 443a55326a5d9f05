"""A job drafted from a real table: its partitions, its key, a model that fits, a suite."""
