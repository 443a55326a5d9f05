"""Known preprocessing in one NumPy pass from Arrow columns, and the final estimator on what it gives.

recognising/ reads a fitted pipeline and says, for each column of its last table, from which input column it
comes and what is done to it. running/ does that to a batch. finals/ calls the final estimator on the result.
compiling, sampling and comparing hold it against the original: at load, and on a sample of every chunk.
docs/compiled.md tells the whole.
"""
