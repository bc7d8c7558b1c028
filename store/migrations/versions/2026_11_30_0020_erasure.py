"""A person is erased: rows are marked, and what a marked row said of somebody is emptied by the database.

The triggers hold it so: whatever is written to a marked row later, its number and texts stay empty, and who
would be called again is skipped. A number that must not be called stays as a keyed hash.
"""

import sqlalchemy as sa
from alembic import op

from store.migrations.concurrently import create_check, create_index, drop_index

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_UNFINISHED = "erased_at IS NOT NULL AND phone_number <> ''"
_MARKED = ("contacts", "calls", "webhook_events")
_REASONS = (
    "manual",
    "batch_cancelled",
    "campaign_cancelled",
    "batch_expired",
    "suppressed",
    "invalid_number",
)

# The key comes with the connection. Keyed twice, so that no hash of a longer text can be made of one.
_NUMBER_HASH = """
CREATE FUNCTION number_hash(organization text, number text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(
        secret.key || encode(sha256(convert_to(secret.key || organization || ' ' || number, 'UTF8')), 'hex'),
        'UTF8'
    )), 'hex')
    FROM (SELECT coalesce(current_setting('apollo.number_key', true), '') AS key) AS secret
$$
"""
# A call that goes on keeps its contact as it is: whoever talks to the person needs it until the end.
_CONTACTS = """
CREATE FUNCTION contacts_stay_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.erased_at IS NOT NULL THEN
        NEW.erased_at := OLD.erased_at;
    END IF;
    IF NEW.status IN ('pending', 'retrying', 'followup_scheduled') OR NEW.status = 'dispatched' AND EXISTS (
        SELECT FROM calls
        WHERE calls.contact_id = NEW.contact_id AND dial_state = 'ready' AND call_status = 'queued'
    ) THEN
        IF OLD.status IN ('pending', 'dispatched', 'in_progress', 'retrying', 'followup_scheduled') THEN
            NEW.status := 'skipped';
            NEW.skip_reason := 'erased';
            NEW.updated_at := greatest(NEW.updated_at, NEW.erased_at);
        ELSE
            NEW.status := OLD.status;
        END IF;
        NEW.next_retry_at := NULL;
        NEW.follow_up_at := NULL;
    END IF;
    IF NEW.status NOT IN ('dispatched', 'in_progress') OR NOT EXISTS (
        SELECT FROM calls
        WHERE calls.contact_id = NEW.contact_id AND call_status IN ('queued', 'ringing', 'in_progress')
    ) THEN
        NEW.phone_number := '';
        NEW.external_id := NULL;
        NEW.timezone := NULL;
        NEW.number_timezones := NULL;
        NEW.call_variables := '{}';
        NEW.skip_detail := NULL;
    END IF;
    RETURN NEW;
END $$
"""
_CALLS = """
CREATE FUNCTION calls_stay_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.erased_at IS NOT NULL THEN
        NEW.erased_at := OLD.erased_at;
    END IF;
    IF NEW.call_status NOT IN ('queued', 'ringing', 'in_progress') THEN
        NEW.to_number := '';
        NEW.recording_url := NULL;
        NEW.transcript := NULL;
        NEW.summary := NULL;
        NEW.sentiment := NULL;
        NEW.hangup_by := NULL;
        NEW.hangup_reason := NULL;
        NEW.error := NULL;
        NEW.disposition_note := NULL;
        NEW.disposition_data := NULL;
    END IF;
    RETURN NEW;
END $$
"""
# The share lock makes a report wait for an erasure under way, and an erasure for a report.
_CALL_EVENTS = """
CREATE FUNCTION call_events_stay_erased() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz;
BEGIN
    SELECT erased_at INTO at FROM calls WHERE execution_id = NEW.execution_id FOR SHARE;
    IF at IS NOT NULL THEN
        NEW.body := NULL;
    END IF;
    RETURN NEW;
END $$
"""
# What a receiver answered may repeat what it was sent.
_DELIVERIES = """
CREATE FUNCTION webhook_deliveries_stay_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM webhook_events WHERE event_id = NEW.event_id AND erased_at IS NOT NULL) THEN
        NEW.attempts := (
            SELECT coalesce(jsonb_agg(each || '{"answer": null}' ORDER BY place), '[]')
            FROM jsonb_array_elements(NEW.attempts) WITH ORDINALITY AS attempt(each, place)
        );
    END IF;
    RETURN NEW;
END $$
"""
_IS_MARKED = "OLD.erased_at IS NOT NULL OR NEW.erased_at IS NOT NULL"
_GUARDS = {
    "contacts_stay_erased": ("BEFORE UPDATE ON contacts", _IS_MARKED, _CONTACTS),
    "calls_stay_erased": ("BEFORE UPDATE ON calls", _IS_MARKED, _CALLS),
    "call_events_stay_erased": (
        "BEFORE INSERT OR UPDATE OF body ON call_events",
        "NEW.body IS NOT NULL",
        _CALL_EVENTS,
    ),
    "webhook_deliveries_stay_erased": (
        "BEFORE UPDATE OF attempts ON webhook_deliveries",
        "NEW.attempts <> '[]'",
        _DELIVERIES,
    ),
}
# An event of a marked row is marked from the start; the rest is as it was.
_OF_CONTACTS = """
CREATE OR REPLACE FUNCTION contacts_write_webhook_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_events
        (event_id, organization_id, type, occurred_at, batch_id, contact_id, snapshot{mark})
    SELECT new_webhook_id('evt_'), batches.organization_id, 'contact.finished', clock_timestamp(),
        NEW.batch_id, NEW.contact_id,
        jsonb_build_object(
            'status', NEW.status, 'skip_reason', NEW.skip_reason, 'retry_count', NEW.retry_count,
            'follow_up_count', NEW.follow_up_count, 'last_attempted_at', NEW.last_attempted_at,
            'updated_at', NEW.updated_at
        ){value}
    FROM batches
    WHERE batches.batch_id = NEW.batch_id
        AND is_webhook_wanted(batches.organization_id, 'contact.finished');
    RETURN NULL;
END $$
"""
_OF_CALLS = """
CREATE OR REPLACE FUNCTION calls_write_webhook_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_events
        (event_id, organization_id, type, occurred_at, batch_id, contact_id, execution_id, snapshot{mark})
    SELECT new_webhook_id('evt_'), batches.organization_id, TG_ARGV[0], clock_timestamp(),
        NEW.batch_id, NEW.contact_id, NEW.execution_id,
        jsonb_build_object(
            'call_status', NEW.call_status, 'ended_at', NEW.ended_at, 'disposition', NEW.disposition
        ){value}
    FROM batches
    WHERE batches.batch_id = NEW.batch_id AND is_webhook_wanted(batches.organization_id, TG_ARGV[0]);
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Add the marks, what holds them, and the indexes by which a person is found."""
    for table in _MARKED:
        op.add_column(table, sa.Column("erased_at", _INSTANT))
    op.add_column("calls", sa.Column("number_hash", sa.Text()))
    op.add_column("suppressions", sa.Column("number_hash", sa.Text()))
    op.alter_column("suppressions", "phone_number", existing_type=sa.Text(), nullable=True)
    op.execute(_NUMBER_HASH)
    for name, (when, holds, function) in _GUARDS.items():
        op.execute(function)
        op.execute(f"CREATE TRIGGER {name} {when} FOR EACH ROW WHEN ({holds}) EXECUTE FUNCTION {name}()")
    for function in (_OF_CONTACTS, _OF_CALLS):
        op.execute(function.format(mark=", erased_at", value=", NEW.erased_at"))
    op.drop_constraint(op.f("ck_contacts_skip_reason_known"), "contacts", type_="check")
    create_check("ck_contacts_skip_reason_known", "contacts", _known((*_REASONS, "erased")))
    create_check(
        "ck_suppressions_number_or_hash", "suppressions", "(phone_number IS NULL) = (number_hash IS NOT NULL)"
    )
    create_index(
        "ix_suppressions_number_hash",
        "suppressions",
        ["organization_id", "number_hash"],
        where="number_hash IS NOT NULL",
    )
    create_index("ix_contacts_phone_number_batch_id", "contacts", ["phone_number", "batch_id"])
    create_index("ix_contacts_unfinished_erasure", "contacts", ["erased_at"], where=_UNFINISHED)
    create_index(
        "ix_webhook_events_contact_id", "webhook_events", ["contact_id"], where="contact_id IS NOT NULL"
    )


def downgrade() -> None:
    """Guard nothing; who was erased stays empty, and a hashed number is nobody's any more."""
    drop_index("ix_webhook_events_contact_id", "webhook_events")
    drop_index("ix_contacts_unfinished_erasure", "contacts")
    drop_index("ix_contacts_phone_number_batch_id", "contacts")
    drop_index("ix_suppressions_number_hash", "suppressions")
    for function in (_OF_CONTACTS, _OF_CALLS):
        op.execute(function.format(mark="", value=""))
    for name, (when, _, _) in _GUARDS.items():
        op.execute(f"DROP TRIGGER {name} ON {when.rpartition(' ')[2]}")
        op.execute(f"DROP FUNCTION {name}()")
    op.execute("DROP FUNCTION number_hash(text, text)")
    op.drop_constraint(op.f("ck_suppressions_number_or_hash"), "suppressions", type_="check")
    op.execute("UPDATE suppressions SET phone_number = suppression_id WHERE phone_number IS NULL")
    op.alter_column("suppressions", "phone_number", existing_type=sa.Text(), nullable=False)
    op.drop_column("suppressions", "number_hash")
    op.drop_column("calls", "number_hash")
    for table in _MARKED:
        op.drop_column(table, "erased_at")
    op.drop_constraint(op.f("ck_contacts_skip_reason_known"), "contacts", type_="check")
    op.execute("UPDATE contacts SET skip_reason = 'manual' WHERE skip_reason = 'erased'")
    op.execute(
        f"ALTER TABLE contacts ADD CONSTRAINT ck_contacts_skip_reason_known CHECK ({_known(_REASONS)})"
    )


def _known(reasons: tuple[str, ...]) -> str:
    return f"skip_reason IN {reasons}"
