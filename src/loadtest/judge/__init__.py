"""Whether a run may be believed, what it measured, and whether its goals were met."""
