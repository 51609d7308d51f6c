"""What is asked of a run: its flags, its stages, its goals, and what its processes agree upon."""
