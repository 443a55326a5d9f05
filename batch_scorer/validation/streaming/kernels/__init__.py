"""What a row must satisfy: one kernel for each row-level expectation, on whole columns."""
