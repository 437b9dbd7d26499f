"""The topology graph with two times, embedded: SQLite tables behind the port `GraphStore`."""
