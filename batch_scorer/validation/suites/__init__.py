"""Suites as files: GX's own JSON, read, checked, compared and put in words without importing GX."""
