"""The fault suite: a seeded stream through the platform's own parts while they are killed, cut, filled and paused.

    stream ► producer ► log ► ingest processes ► stores        faults at random points all the while
                         └──────── verify ──────────┘          every record accounted for exactly

`python -m tests.faults --help` tells how to run it; docs/faults.md tells what it shows.
"""
