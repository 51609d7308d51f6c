"""The load test: scenarios, recorder, arithmetic, verdict and dashboard. Imports nothing of the services."""
