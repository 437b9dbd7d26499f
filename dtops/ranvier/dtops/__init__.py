"""The twin: state, synchronisation, simulation, scoring and fidelity, backtests, reconciliation."""
