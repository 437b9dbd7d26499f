"""The baselines that every later model must beat: climatology, persistence, and a statistical forecast."""
