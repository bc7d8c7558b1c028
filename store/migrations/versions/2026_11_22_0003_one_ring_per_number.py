"""One open attempt per number, events that wait to be delivered, and the routes to providers.

Where several attempts at one number are open, all but the newest end as `unknown`, with a reason: nobody
will hear of most of them any more, and a real ending that still comes corrects them like any other.
Their contacts are left to whoever watches over them. Both stay as they are on the way back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
OPEN = "dial_state <> 'ready' AND call_status IN ('queued', 'ringing', 'in_progress')"


def upgrade() -> None:
    """Let no number be on the phone twice, empty the backlog of what needs no delivery, add the routes."""
    # Between the ending of duplicates and the index nobody may open another one.
    op.execute("LOCK TABLE calls IN SHARE ROW EXCLUSIVE MODE")
    _end_older_duplicates()
    op.create_index(
        "uq_calls_open_number", "calls", ["to_number"], unique=True, postgresql_where=sa.text(OPEN)
    )
    _mark_what_needs_no_delivery()
    _create_provider_routes()


def downgrade() -> None:
    """Drop the routes and let a number be on the phone as often as it may be asked for."""
    op.drop_table("provider_routes")
    op.drop_index("uq_calls_open_number", table_name="calls")


def _end_older_duplicates() -> None:
    op.execute(
        f"""
        UPDATE calls SET call_status = 'unknown', ended_at = now(),
            error = 'Another attempt at the same number was open; nobody can say how this one ended'
        FROM (
            SELECT execution_id, row_number() OVER (
                PARTITION BY to_number ORDER BY started_at DESC NULLS LAST, execution_id DESC
            ) AS turn
            FROM calls WHERE {OPEN}
        ) AS open_calls
        WHERE calls.execution_id = open_calls.execution_id AND open_calls.turn > 1
        """  # noqa: S608 - a constant
    )


def _mark_what_needs_no_delivery() -> None:
    """Mark what was received and is no ending, or an ending that came after the one that stands."""
    op.execute(
        """
        UPDATE call_events SET delivered_at = call_events.received_at
        FROM calls
        WHERE call_events.source = 'webhook' AND call_events.delivered_at IS NULL
            AND calls.execution_id = call_events.execution_id
            AND (
                call_events.call_status IS NULL
                OR call_events.call_status IN ('queued', 'ringing', 'in_progress')
                OR call_events.call_status <> calls.call_status
                OR EXISTS (
                    SELECT FROM call_events AS earlier
                    WHERE earlier.execution_id = call_events.execution_id
                        AND earlier.call_status = call_events.call_status
                        AND earlier.event_number < call_events.event_number
                )
            )
        """
    )


def _create_provider_routes() -> None:
    op.create_table(
        "provider_routes",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("probe_at", INSTANT),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_routes")),
        sa.CheckConstraint(
            "state IN ('closed', 'open', 'half_open')", name=op.f("ck_provider_routes_state_known")
        ),
    )
