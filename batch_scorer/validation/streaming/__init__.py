"""One pass over record batches: what each expectation needs, as exact partials that merge."""
