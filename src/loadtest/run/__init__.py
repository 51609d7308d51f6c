"""The parent process of a run: starts the generators, watches them and owns the verdict."""
