"""The balancer: one way into the several pods of a service, which work as one behind it."""
