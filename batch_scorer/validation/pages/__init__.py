"""Offline result pages: what a run found in each partition, as one HTML file that needs nothing else."""
