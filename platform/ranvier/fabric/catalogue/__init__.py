"""What data there is: whose, how good, and where from, down to the source file and the run.

records ► Tally ► Observation ► Catalogue ─┬─► DCAT 3 (JSON-LD)
runs ─────────────────────────► Catalogue ─┴─► OpenLineage (run events)
"""
