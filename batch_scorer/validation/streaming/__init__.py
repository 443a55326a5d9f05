"""Validation as partial results that merge: exact, whatever the cut into chunks and the order of arrival."""
