"""What exists: classes, relations, quantities and units, as data. No I/O beyond its own files, no torch."""
