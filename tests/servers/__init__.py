"""Real Kafka, Neo4j and InfluxDB 2 servers for the tests: fetched, built, started and stopped on loopback.

`connect` tells tests where the servers are; `control` holds one class for each server, for tests that must
kill, pause or fill one of their own; `python -m tests.servers` is what the make targets call.
"""
