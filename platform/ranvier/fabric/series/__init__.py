"""The series store's adapters."""
