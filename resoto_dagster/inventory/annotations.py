"""What people write on resources beside marks: values of their own in the sections `desired` and `metadata`.

They are kept by the resource's identity and survive every collect, as marks do.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

Section = Literal["desired", "metadata"]

KEPT_ELSEWHERE = {
    "desired": frozenset({"clean"}),
    "metadata": frozenset({"protected", "protected_reason", "expires", "phantom"}),
}
"""The names in each section whose values are not people's to write: they are marks, or follow from facts."""


def annotate(
    connection: Connection,
    nodes: Sequence[uuid.UUID],
    section: Section,
    values: Mapping[str, Any],
    author: str,
) -> None:
    """Write values on resources, over what is there under the same names."""
    connection.execute(
        text(
            """
            INSERT INTO inventory.annotations (node_id, section, name, value, author, at)
            SELECT node, :section, name, value, :author, :at
            FROM unnest(CAST(:nodes AS uuid[])) node, jsonb_each(:values) AS each(name, value)
            ON CONFLICT (node_id, section, name) DO UPDATE
            SET value = excluded.value, author = excluded.author, at = excluded.at
            """
        ),
        {
            "nodes": list(nodes),
            "section": section,
            "values": Jsonb(dict(values)),
            "author": author,
            "at": datetime.now(UTC),
        },
    )
