"""Exact arithmetic over the rows of a run."""
