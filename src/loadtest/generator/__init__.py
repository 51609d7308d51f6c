"""Who asks what, and when: the locust side of the load test, one process or several."""
