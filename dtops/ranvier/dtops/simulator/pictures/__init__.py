"""Pictures of runs: maps of coverage, distributions and time series, as PNG and as one page of HTML."""
