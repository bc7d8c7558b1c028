"""The zones of a contact's row, as statements group and compare them."""

from sqlalchemy import ColumnElement, Text, func, literal_column

from domain.zones import FROM_NUMBER
from store.schema.tables import contacts

# As `domain.zones.zone_key`; without parameters, so that the same expression may select and group.
ZONE_KEY: ColumnElement[str] = literal_column(
    "nullif(concat(contacts.timezone, ',' || array_to_string(contacts.number_timezones, ',')), '')", Text
)
CLOCK_ZONE: ColumnElement[str] = func.coalesce(
    func.nullif(contacts.c.timezone, FROM_NUMBER), contacts.c.number_timezones[1]
)
"""The first of a contact's own zones, null where it follows its batch."""
