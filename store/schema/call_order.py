"""The order in which pending contacts are called, as an index has it; see `domain.contact.call_order`."""

from sqlalchemy import Integer, literal_column

CALL_ORDER_SQL = "(9 - priority) * 10000000 + position"
# Without parameters, or a prepared statement would not find the index.
call_order = literal_column(
    CALL_ORDER_SQL.replace("priority", "contacts.priority").replace("position", "contacts.position"), Integer
)
