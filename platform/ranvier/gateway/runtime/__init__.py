"""The running platform: a feed, an ingest and a twin, each on a thread of its own, and what they report."""
