"""The decision: how far it may rely on the twin."""
