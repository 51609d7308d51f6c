"""The only place that knows every layer: settings, wiring, processes, commands."""
