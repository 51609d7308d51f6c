"""Everything that speaks HTTP to the services: questions with their retries, counters, descriptions."""
