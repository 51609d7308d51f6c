"""Ports implemented by one vendor library each."""
