"""The tables of the embedded graph.

    scope (tenant, network) ─ category (node classes, relations) ─ entity (node ids) ─ slot (see timeline)
    assertion  every distinct thing that was ever said of a slot, once: redelivery finds itself here
    fact       a slot's runs of equal state with both times; derived from the assertions, never changed
               except that its knowledge ends
    valid_arc  facts of current knowledge by place and fork of their valid time
    known_arc  superseded facts by place and fork of the time over which they were believed

A place is what is looked up at once: a category (snapshots, pages), a node, or a node as the end of
relations (neighbourhoods). FOREVER (2^63 − 1) stands for "no end".
"""

from __future__ import annotations

VERSION = 1

PRAGMAS = """
PRAGMA foreign_keys = OFF;
PRAGMA secure_delete = OFF;
PRAGMA temp_store = MEMORY;
"""

TABLES = """
CREATE TABLE scope (
  id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, network TEXT NOT NULL, UNIQUE (tenant, network)) STRICT;
CREATE TABLE category (
  id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  UNIQUE (scope, kind, name)) STRICT;
CREATE TABLE entity (
  id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (scope, name)) STRICT;
CREATE TABLE slot (
  id INTEGER PRIMARY KEY, category INTEGER NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL,
  UNIQUE (category, a, b)) STRICT;
CREATE TABLE body (
  slot INTEGER NOT NULL, digest INTEGER NOT NULL, properties BLOB NOT NULL,
  PRIMARY KEY (slot, digest)) STRICT, WITHOUT ROWID;
CREATE TABLE assertion (
  slot INTEGER NOT NULL, at_ns INTEGER NOT NULL, op INTEGER NOT NULL, category INTEGER NOT NULL,
  a INTEGER NOT NULL, b INTEGER NOT NULL, digest INTEGER NOT NULL, live INTEGER NOT NULL,
  PRIMARY KEY (slot, at_ns, op, category, a, b, digest)) STRICT, WITHOUT ROWID;
CREATE TABLE fact (
  id INTEGER PRIMARY KEY, slot INTEGER NOT NULL, category INTEGER NOT NULL, a INTEGER NOT NULL,
  b INTEGER NOT NULL, digest INTEGER NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL, superseded_at INTEGER NOT NULL) STRICT;
CREATE INDEX fact_slot ON fact (slot, valid_from) WHERE superseded_at = 9223372036854775807;
CREATE TABLE valid_arc (
  place INTEGER NOT NULL, fork INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
  fact INTEGER NOT NULL, PRIMARY KEY (place, fork, low, high, fact)) STRICT, WITHOUT ROWID;
CREATE TABLE known_arc (
  place INTEGER NOT NULL, fork INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
  fact INTEGER NOT NULL, PRIMARY KEY (place, fork, low, high, fact)) STRICT, WITHOUT ROWID;
CREATE TABLE log_offset (
  topic TEXT NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL,
  PRIMARY KEY (topic, part)) STRICT, WITHOUT ROWID;
CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), recorded_at INTEGER NOT NULL) STRICT;
INSERT INTO clock VALUES (1, -9223372036854775808);
"""

CATEGORY, SELF, END = 0, 1, 2


def place(identity: int, role: int) -> int:
    """The place of a category, of a node itself, or of a node as the end of relations."""
    return identity * 4 + role
