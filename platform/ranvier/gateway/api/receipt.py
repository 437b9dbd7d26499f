"""What a delivery's sender is told."""

from __future__ import annotations

from ranvier.gateway.api.models import IngestReceipt, RefusalItem
from ranvier.gateway.api.platform import PublishResult


def receipt(result: PublishResult) -> IngestReceipt:
    """A result as the API shows it."""
    return IngestReceipt(
        accepted=result.accepted,
        refused=result.refused,
        refusals=[RefusalItem(position=r.position, reason=r.reason) for r in result.refusals],
    )
