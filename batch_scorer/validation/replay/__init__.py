"""Partials rendered by Great Expectations itself: its own code reads our numbers where it would read rows.

Nothing here is imported on a night when every expectation holds.
"""
