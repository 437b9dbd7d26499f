"""`Dataset`: what is catalogued, with its owner, schema and licence."""

from __future__ import annotations

import msgspec


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of a dataset's schema. `unit` is the ontology's, "" where there is none."""

    name: str
    type: str
    unit: str = ""
    description: str = ""


class Dataset(msgspec.Struct, frozen=True, omit_defaults=True):
    """A set of data with one owner, one schema and one licence.

    dataset_id     unique in its tenant; it goes into URLs
    licence        an SPDX identifier, or a URL where SPDX has none; "" where nobody has said
    media_type     how its distribution is encoded
    access         where it can be had: a path below the API, or a URL
    period_s       granularity period, seconds; None where its points come when they like
    timely_within_s  how late a point may be and still be timely; None: one granularity period
    derived_from   ids of the datasets that it is made from
    """

    dataset_id: str
    title: str
    owner: str
    licence: str = ""
    description: str = ""
    fields: tuple[Field, ...] = ()
    media_type: str = "application/json"
    access: str = ""
    period_s: float | None = None
    timely_within_s: float | None = None
    derived_from: tuple[str, ...] = ()
    registered_at_ns: int = 0
    tenant: str = "default"
    network: str = "default"
