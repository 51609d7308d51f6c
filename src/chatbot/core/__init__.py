"""What the suite does, in terms of ports: services, the chat path, statistics."""
