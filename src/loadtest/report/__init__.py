"""The files that people and programs read of a run, and whether they are still as they were written."""
