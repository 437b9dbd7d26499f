"""The HTTP API: one router a file, over a running `Platform`."""
