"""The command line: through the HTTP API while the platform runs, on the stores when it does not."""
