"""What the parent of a run and its generator processes agree upon: file names, exit codes, grace."""

GO = "go"
"""File in the run folder that holds the moment at which several generators begin, microseconds since 1970."""

CANNOT_RECORD = 74
"""Exit code of a generator whose records could not be written (EX_IOERR of sysexits.h)."""

DRAIN_MARGIN_SECONDS = 20.0
"""What a run's last attempts get beyond the client's own time-out: the last may begin just before the end."""

BEAT_SECONDS = 1.0
"""A generator records its own health this often."""
