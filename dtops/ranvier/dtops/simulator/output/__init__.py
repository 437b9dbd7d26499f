"""What a run leaves: TS 28.552 counters as Measurements, KPIs, arrays by slot, and where they came from."""
