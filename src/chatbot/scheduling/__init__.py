"""The policy of the queue in front of an engine: pure arithmetic on times and tokens."""
