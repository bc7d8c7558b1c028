"""Rows of Postgres and objects of the domain, each made from the other."""

from collections.abc import Mapping
from dataclasses import fields

from sqlalchemy import Column, RowMapping, Table

from domain.access import TokenScope
from domain.batch import Batch, BatchOverrides, BatchStatus, NewBatch, PausedBy
from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.caller_id import CallerIdStrategy
from domain.campaign import CallCounters, Campaign, CampaignRules, CampaignStatus
from domain.contact import Contact, ContactStatus, SkipReason
from domain.counters import Counters
from domain.disposition import AnsweredBy, OnMachine
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.ports import Token
from domain.suppression import Suppression
from store.schema.json_columns import (
    disposition_rule_of,
    frequency_cap_of,
    retry_policy_of,
    shape_of_disposition_rule,
    shape_of_frequency_cap,
    shape_of_retry_policy,
    shape_of_working_hours,
    working_hours_of,
)
from store.schema.tables import batches, calls, campaigns, contacts, suppressions, tokens

Values = dict[str, object]
"""What is written, by column name."""


def rules_values(rules: CampaignRules) -> Values:
    """Return the columns that keep a campaign's rules."""
    return {
        "name": rules.name,
        "agent_id": rules.agent_id,
        "phone_numbers": list(rules.phone_numbers),
        "phone_number_strategy": rules.phone_number_strategy,
        "working_hours_enforced": rules.working_hours_enforced,
        "timezone": rules.timezone,
        "fallback_timezone": rules.fallback_timezone,
        "working_hours": shape_of_working_hours(rules.working_hours),
        "blackout_dates": list(rules.blackout_dates),
        "holidays": rules.holidays,
        "presets": list(rules.presets),
        "retry_policy": shape_of_retry_policy(rules.retry_policy),
        "max_follow_ups": rules.max_follow_ups,
        "frequency_caps": [shape_of_frequency_cap(each) for each in rules.frequency_caps],
        "on_machine": rules.on_machine,
        "disposition_rules": [shape_of_disposition_rule(each) for each in rules.disposition_rules],
        "sticky_caller_id": rules.sticky_caller_id,
        "calls_per_second": rules.calls_per_second,
        "default_call_variables": dict(rules.default_call_variables),
        "client_metadata": dict(rules.metadata),
    }


def campaign_of(row: RowMapping, call_counters: CallCounters | None = None) -> Campaign:
    """Return the campaign in a row; without counters it shows zeros."""
    c = campaigns.c
    return Campaign(
        campaign_id=row[c.campaign_id],
        organization_id=row[c.organization_id],
        status=CampaignStatus(row[c.status]),
        rules=_rules_of(row),
        call_counters=call_counters or CallCounters(),
        pace_version=row[c.pace_version],
        created_at=row[c.created_at],
        updated_at=row[c.updated_at],
    )


def _rules_of(row: RowMapping) -> CampaignRules:
    c = campaigns.c
    return CampaignRules(
        name=row[c.name],
        agent_id=row[c.agent_id],
        phone_numbers=tuple(row[c.phone_numbers]),
        phone_number_strategy=CallerIdStrategy(row[c.phone_number_strategy]),
        working_hours_enforced=row[c.working_hours_enforced],
        timezone=row[c.timezone],
        fallback_timezone=row[c.fallback_timezone],
        working_hours=working_hours_of(row[c.working_hours]),
        blackout_dates=tuple(row[c.blackout_dates]),
        holidays=row[c.holidays],
        presets=tuple(row[c.presets]),
        retry_policy=retry_policy_of(row[c.retry_policy]),
        max_follow_ups=row[c.max_follow_ups],
        frequency_caps=tuple(map(frequency_cap_of, row[c.frequency_caps])),
        on_machine=OnMachine(row[c.on_machine]),
        disposition_rules=tuple(map(disposition_rule_of, row[c.disposition_rules])),
        sticky_caller_id=row[c.sticky_caller_id],
        calls_per_second=row[c.calls_per_second],
        default_call_variables=row[c.default_call_variables],
        metadata=row[c.client_metadata],
    )


def batch_values(new: NewBatch | Batch) -> Values:
    """Return the columns that keep what a client says about a batch."""
    overrides, rules = new.overrides, new.overrides.disposition_rules
    policy, hours, numbers = overrides.retry_policy, overrides.working_hours, overrides.phone_numbers
    return {
        "campaign_id": new.campaign_id,
        "organization_id": new.organization_id,
        "parent_batch_id": new.parent_batch_id,
        "name": new.name,
        "scheduled_start": new.scheduled_start,
        "scheduled_end": new.scheduled_end,
        "concurrency_limit": new.concurrency_limit,
        "keep_open": new.keep_open,
        "max_retries_override": overrides.max_retries_override,
        "retry_policy": None if policy is None else shape_of_retry_policy(policy),
        "working_hours_enforced": overrides.working_hours_enforced,
        "working_hours": None if hours is None else shape_of_working_hours(hours),
        "timezone": overrides.timezone,
        "phone_numbers": None if numbers is None else list(numbers),
        "phone_number_strategy": overrides.phone_number_strategy,
        "on_machine": overrides.on_machine,
        "disposition_rules": None if rules is None else [shape_of_disposition_rule(each) for each in rules],
        "call_context": dict(new.call_context),
        "client_metadata": dict(new.metadata),
    }


def batch_of(row: RowMapping, counters: Counters | None = None) -> Batch:
    """Return the batch in a row; without counters it shows zeros."""
    c = batches.c
    return Batch(
        batch_id=BatchId(row[c.batch_id]),
        campaign_id=CampaignId(row[c.campaign_id]),
        organization_id=OrganizationId(row[c.organization_id]),
        parent_batch_id=row[c.parent_batch_id],
        name=row[c.name],
        status=BatchStatus(row[c.status]),
        paused_by=None if row[c.paused_by] is None else PausedBy(row[c.paused_by]),
        total_contacts=row[c.total_contacts],
        concurrency_limit=row[c.concurrency_limit],
        scheduled_start=row[c.scheduled_start],
        scheduled_end=row[c.scheduled_end],
        keep_open=row[c.keep_open],
        overrides=_overrides_of(row),
        call_context=row[c.call_context],
        metadata=row[c.client_metadata],
        counters=counters or Counters(),
        created_at=row[c.created_at],
        updated_at=row[c.updated_at],
    )


def rules_version_of(row: RowMapping) -> int:
    """Return the version of all rules for a batch's contacts: it rises with those of campaign and batch."""
    version: int = row[campaigns.c.policy_version] + row[batches.c.rules_version]
    return version


def _overrides_of(row: RowMapping) -> BatchOverrides:
    c = batches.c
    policy, hours, numbers = row[c.retry_policy], row[c.working_hours], row[c.phone_numbers]
    strategy, on_machine, rules = row[c.phone_number_strategy], row[c.on_machine], row[c.disposition_rules]
    return BatchOverrides(
        max_retries_override=row[c.max_retries_override],
        retry_policy=None if policy is None else retry_policy_of(policy),
        working_hours_enforced=row[c.working_hours_enforced],
        working_hours=None if hours is None else working_hours_of(hours),
        timezone=row[c.timezone],
        phone_numbers=None if numbers is None else tuple(numbers),
        phone_number_strategy=None if strategy is None else CallerIdStrategy(strategy),
        on_machine=None if on_machine is None else OnMachine(on_machine),
        disposition_rules=None if rules is None else tuple(map(disposition_rule_of, rules)),
    )


def _plain_columns(table: Table, domain_class: type) -> Mapping[str, Column[object]]:
    """Return the columns of a table that a domain class names alike."""
    return {each.name: table.c[each.name] for each in fields(domain_class)}


_CONTACT_COLUMNS = _plain_columns(contacts, Contact)
_SUPPRESSION_COLUMNS = _plain_columns(suppressions, Suppression)
_CALL_COLUMNS = _plain_columns(calls, CallRecord)
_TOKEN_COLUMNS = _plain_columns(tokens, Token)


def contact_of(row: RowMapping) -> Contact:
    """Return the contact in a row."""
    values = {name: row[column] for name, column in _CONTACT_COLUMNS.items()}
    values["status"] = ContactStatus(values["status"])
    zones = values["number_timezones"]
    values["number_timezones"] = None if zones is None else tuple(zones)
    if values["skip_reason"] is not None:
        values["skip_reason"] = SkipReason(values["skip_reason"])
    return Contact(**values)


def call_of(row: RowMapping) -> CallRecord:
    """Return the call record in a row."""
    values = {name: row[column] for name, column in _CALL_COLUMNS.items()}
    values["kind"] = AttemptKind(values["kind"])
    values["call_status"] = CallStatus(values["call_status"])
    values["dial_state"] = DialState(values["dial_state"])
    if values["answered_by"] is not None:
        values["answered_by"] = AnsweredBy(values["answered_by"])
    return CallRecord(**values)


def call_values(record: CallRecord) -> Values:
    """Return the columns that keep a call record."""
    return {name: getattr(record, name) for name in _CALL_COLUMNS}


def suppression_of(row: RowMapping) -> Suppression:
    """Return the suppression entry in a row."""
    values = {name: row[column] for name, column in _SUPPRESSION_COLUMNS.items()}
    values["phone_number"] = values["phone_number"] or ""
    return Suppression(**values)


def token_of(row: RowMapping) -> Token:
    """Return the token in a row, without its hash."""
    values = {name: row[column] for name, column in _TOKEN_COLUMNS.items()}
    values["scope"] = TokenScope(values["scope"])
    return Token(**values)
