"""Source adapters: functions from the bytes that networks and tools write to good and bad records."""
