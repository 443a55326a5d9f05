"""Great Expectations, kept apart: a process of its own, and an engine that answers it from our partials.

Only `worker`, `engine` and `render` import it, and nothing imports them on a night when every expectation
holds.
"""
