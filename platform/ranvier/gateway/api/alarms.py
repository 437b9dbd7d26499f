"""`/v1/alarms`: what managed objects complain of."""

from __future__ import annotations

from fastapi import APIRouter

from ranvier.fabric.alarm import Alarm
from ranvier.fabric.event import ALARMS
from ranvier.gateway.api.models import AlarmItem, AlarmPage
from ranvier.gateway.api.own_records import own_page
from ranvier.gateway.api.request import CursorText, Limit, PlatformOf, WhoseOf
from ranvier.gateway.api.times import format_time

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])


@router.get("", operation_id="listAlarms")
def list_alarms(
    platform: PlatformOf, whose: WhoseOf, cursor: CursorText = None, limit: Limit = 100
) -> AlarmPage:
    """Alarm records (raised, changed, cleared), newest first, as far back as the log is kept.

    A page may hold fewer than `limit` and still have a next one.
    """
    found, following = own_page(platform.log, ALARMS, Alarm, whose, cursor, limit)
    return AlarmPage(items=[alarm_item(alarm) for _, alarm in found], next=following)


def alarm_item(alarm: Alarm) -> AlarmItem:
    """An alarm record as the API shows it."""
    return AlarmItem(
        alarm_id=alarm.alarm_id,
        object_id=alarm.object_id,
        at=format_time(alarm.event_time_ns),
        severity=alarm.perceived_severity,
        type=alarm.alarm_type,
        probable_cause=alarm.probable_cause,
        specific_problem=alarm.specific_problem,
        text=alarm.additional_text,
    )
