"""Moving log, graph and series from one set of stores to another, whole and resumable."""
