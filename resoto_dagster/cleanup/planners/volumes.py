"""Marks volumes that nothing uses: not attached, and not read or written for long."""

from sqlalchemy import Connection

from resoto_dagster.cleanup.planners.selection import Selected, found_by
from resoto_dagster.config import VolumesSettings
from resoto_dagster.model.durations import spell_duration


def select(connection: Connection, settings: VolumesSettings) -> list[Selected]:
    """Available volumes whose age, last access and last update are all above `min_age`.

    One of which nobody knows when it was last used is left alone.
    """
    least = spell_duration(settings.min_age)
    return found_by(
        connection,
        f"is(volume) and volume_status = available and age > {least} "
        f"and last_access > {least} and last_update > {least}",
        lambda row: f"not attached, and not used since {row.atime:%Y-%m-%d}",
    )
