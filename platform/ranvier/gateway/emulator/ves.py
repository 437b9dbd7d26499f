"""Writes VES 7 events (ONAP VES event listener 7.2.1): registrations, heartbeats, faults, ready files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

LISTENER_VERSION = "7.2.1"
VENDOR = "Ranvier emulated network"
FILE_FORMAT = "org.3GPP.32.435#measCollec"


class Origin(NamedTuple):
    """Who sends an event, when, and its number: `element` is short (gNB-3), `name` distinguished."""

    element: str
    name: str
    time_ns: int
    number: int


class Fault(NamedTuple):
    """An alarm: `severity` as VES has it, NORMAL where it is over; `object_dn` is what complains."""

    alarm_id: str
    condition: str
    severity: str
    problem: str
    object_dn: str
    raised_ns: int


def registration(origin: Origin) -> bytes:
    """The element announces itself (domain pnfRegistration)."""
    fields = {
        "pnfRegistrationFieldsVersion": "2.1",
        "serialNumber": f"EMU-{origin.element}",
        "vendorName": VENDOR,
        "modelNumber": "emulated",
        "unitFamily": "gNB",
        "unitType": "gNB",
        "softwareVersion": "1",
    }
    return _event("pnfRegistration", "PnfRegistration", origin, {"pnfRegistrationFields": fields})


def heartbeat(origin: Origin, interval_s: float) -> bytes:
    """The element is alive (domain heartbeat)."""
    fields = {"heartbeatFieldsVersion": "3.0", "heartbeatInterval": max(1, round(interval_s))}
    return _event("heartbeat", "Heartbeat", origin, {"heartbeatFields": fields})


def fault(origin: Origin, alarm: Fault) -> bytes:
    """An alarm is raised or cleared (domain fault)."""
    fields = {
        "faultFieldsVersion": "4.0",
        "alarmCondition": alarm.condition,
        "alarmInterfaceA": alarm.object_dn,
        "eventSeverity": alarm.severity,
        "eventSourceType": "other",
        "eventCategory": "EQUIPMENT_ALARM",
        "specificProblem": alarm.problem,
        "vfStatus": "Active",
        "alarmAdditionalInformation": {"alarmId": alarm.alarm_id, "objectInstance": alarm.object_dn},
    }
    high = alarm.severity in {"CRITICAL", "MAJOR"}
    head = {"startEpochMicrosec": alarm.raised_ns // 1000, "priority": "High" if high else "Normal"}
    return _event("fault", f"Fault_{alarm.condition}", origin, {"faultFields": fields}, head)


def file_ready(origin: Origin, file_name: str) -> bytes:
    """A PM file can be fetched (domain notification, FileReady)."""
    entry = {
        "name": file_name,
        "hashMap": {
            "location": f"file:///emulated/{file_name}",
            "compression": "gzip" if file_name.endswith(".gz") else "none",
            "fileFormatType": FILE_FORMAT,
            "fileFormatVersion": "V10",
        },
    }
    fields = {
        "notificationFieldsVersion": "2.0",
        "changeType": "FileReady",
        "changeIdentifier": "PM_MEAS_FILES",
        "arrayOfNamedHashMap": [entry],
    }
    return _event("notification", "Notification_FileReady", origin, {"notificationFields": fields})


def _event(
    domain: str, event: str, origin: Origin, fields: Mapping[str, Any],
    head: Mapping[str, str | int] | None = None,
) -> bytes:  # fmt: skip
    header = {
        "domain": domain,
        "eventId": f"{origin.element}-{domain}-{origin.number}",
        "eventName": f"{event}_gNB-Emulated",
        "version": "4.1",
        "vesEventListenerVersion": LISTENER_VERSION,
        "sequence": 0,
        "priority": "Normal",
        "reportingEntityName": origin.element,
        "sourceName": origin.name,
        "nfNamingCode": "gNB",
        "nfVendorName": VENDOR,
        "startEpochMicrosec": origin.time_ns // 1000,
        "lastEpochMicrosec": origin.time_ns // 1000,
        "timeZoneOffset": "UTC+00.00",
    }
    return msgspec.json.encode({"event": {"commonEventHeader": {**header, **(head or {})}, **fields}})
