"""The event log's adapters."""
