"""A run told to other systems: metrics for Prometheus, lineage events for OpenLineage."""
