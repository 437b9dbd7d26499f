"""What is measured: event log, ingest, topology graph, time series, ledger, catalogue and lineage."""
