"""The emulated network: the built-in feed of `make run`. It writes what real networks write.

city ► radio ► traffic ► counters ► pm_file, ves, nrm ► network

No real network stands behind it, and every file and event says so. Its laws (agents that roam a city and
share each cell's capacity) are its own: no model of the twin is built from them.
"""
