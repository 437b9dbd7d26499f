"""From Turtle to compiled.json: the only part of Ranvier that imports rdflib and pyshacl."""
