"""Names as running batches, databases and people know them; each may gain some, none may go or change."""

from collections.abc import Mapping

WORKFLOWS: Mapping[str, Mapping[str, str]] = {
    "BatchWorkflow": {
        "signals": (
            "attempt_reported cancel contact_skipped dispatch follow_up_scheduled pause policy_changed "
            "recount resume slot_requested slots_freed"
        ),
        "queries": "counters debug in_flight",
        "updates": "",
    },
    "ContactWorkflow": {
        "signals": "call_event due_changed slot_granted stop",
        "queries": "",
        "updates": "",
    },
    "HousekeepingWorkflow": {"signals": "", "queries": "", "updates": ""},
}
ACTIVITIES: Mapping[str, str] = {
    "apollo-contact": "settle_attempt",
    "apollo-control": "grant_slots",
    "apollo-dial": "check_call hang_up_machine hang_up_skipped place_call",
    "apollo-store": (
        "act_on_batch apply_retention begin_batch close_contact deliver_endings deliver_webhooks "
        "expire_batch find_lost_slots finish_batch is_over learn_zones notify_rescheduled "
        "reschedule_contacts return_slot signal_changed_rules start_batches stop_stories"
    ),
}
"""By task queue."""
MESSAGES: Mapping[str, str] = {
    "BatchWorkflow request": "batch_id campaign_id contacts_per_run organization_id state",
    "BatchWorkflow request.state": (
        "actions answered_by asked counted_at counts cursor dispositions follow_again_at "
        "followed_version idle_looks in_flight next_wake notes notified_up_to rereads "
        "rescheduled_since rules_pass runs skipped_are_told stands zones"
    ),
    "BatchWorkflow request.state.actions": "at came_of what",
    "BatchWorkflow request.state.notes": "at came_of what",
    "BatchWorkflow request.state.rules_pass": "has_moved position since version",
    "BatchWorkflow request.state.stands": (
        "answered_by at campaign_in_use campaign_limit concurrency_limit counts cursor "
        "dispositions granted has_more holders in_use is_begin_due is_done is_end_due "
        "is_leveled is_resting is_unattended paused_by policy_version refused rereads status "
        "total_contacts waiting_batches wakes zones"
    ),
    "BatchWorkflow request.state.stands.granted": "attempt contact_id kind",
    "BatchWorkflow request.state.stands.refused": "attempt contact_id due_at",
    "BatchWorkflow request.state.stands.rereads": "after what",
    "BatchWorkflow request.state.stands.wakes": "after what",
    "ContactWorkflow request": "attempt batch_id campaign_id contact_id due_at kind",
    "HousekeepingWorkflow request": "jobs term terms_per_run",
    "act_on_batch answer": "came_of",
    "act_on_batch request": "action batch_id",
    "apply_retention request": "lasts",
    "attempt_reported": "attempt contact_id status withheld",
    "begin_batch request": "batch_id",
    "call_event": "answered_by attempt call_status",
    "check_call answer": "call_status is_known",
    "check_call request": "attempt conclude contact_id must_end",
    "close_contact answer": "status was",
    "close_contact request": "attempt contact_id",
    "contact_skipped": "contact_id was",
    "deliver_endings request": "lasts",
    "deliver_webhooks request": "lasts",
    "learn_zones request": "lasts",
    "due_changed": "attempt due_at",
    "expire_batch request": "batch_id",
    "find_lost_slots answer": "attempt contact_id is_final kind",
    "find_lost_slots request": "batch_id limit with_calls",
    "finish_batch answer": "is_over",
    "finish_batch request": "batch_id",
    "follow_up_scheduled": "at attempt contact_id kind",
    "grant_slots answer": (
        "answered_by at campaign_in_use campaign_limit concurrency_limit counts cursor "
        "dispositions granted has_more holders in_use is_begin_due is_done is_end_due "
        "is_leveled is_resting is_unattended paused_by policy_version refused rereads status "
        "total_contacts waiting_batches wakes zones"
    ),
    "grant_slots answer.granted": "attempt contact_id kind",
    "grant_slots answer.refused": "attempt contact_id due_at",
    "grant_slots answer.rereads": "after what",
    "grant_slots answer.wakes": "after what",
    "grant_slots request": (
        "asked at_most batch_id count_at cursor dispatched_by held_before is_counted is_leveled key level_at "
        "linger zones"
    ),
    "hang_up_machine request": "attempt contact_id",
    "hang_up_skipped request": "batch_id",
    "is_over request": "batch_id contact_id",
    "notify_rescheduled answer": "next_position",
    "notify_rescheduled request": "after_position batch_id limit since",
    "operator_request": "by reason",
    "place_call answer": "answer ask_again_in asked_at call_status gate opens_at presets timing turn",
    "place_call answer.timing": "lookup_is_proof max_call ring_limit silence",
    "place_call answer.turn": "at pace_version",
    "place_call request": "attempt contact_id kind turn until_ended",
    "place_call request.turn": "at pace_version",
    "policy_changed": "action rescheduled_since",
    "reschedule_contacts answer": "may_have_moved next_position",
    "reschedule_contacts request": "after_position batch_id limit",
    "return_slot answer": "batch_is_gone spread status",
    "return_slot request": "attempt batch_id contact_id due_at ends",
    "settle_attempt answer": "answered_by batch_is_gone disposition due_at kind spread status summary",
    "settle_attempt request": "attempt batch_id contact_id started_by",
    "signal_changed_rules request": "lasts",
    "slot_grant": "attempt",
    "slot_requested": "attempt contact_id kind",
    "start_batches request": "lasts",
    "stop_stories answer": "next_position",
    "stop_stories request": "after_position batch_id limit",
}
TABLES: Mapping[str, str] = {
    "audit_log": "action actor after at before entry_number object_id organization_id token_id",
    "batches": (
        "batch_id call_context campaign_id client_metadata concurrency_limit created_at deleted_at "
        "dispatched_by disposition_rules ended_at erased_at keep_open kept_counts max_retries_override name "
        "on_machine organization_id parent_batch_id paused_by phone_number_strategy phone_numbers "
        "rests_since retry_policy rules_version scheduled_end scheduled_start status timezone "
        "total_contacts updated_at workflow_started_at working_hours working_hours_enforced zones_version"
    ),
    "call_events": (
        "body call_status delivered_at event_key event_number execution_id happened_at received_at "
        "source unread_fields"
    ),
    "caller_id_turns": "owner_id strategy turn",
    "calls": (
        "answered_at answered_by attempt awaited_by batch_id call_status campaign_id contact_id dial_state "
        "disposition disposition_data disposition_note duration_seconds ended_at erased_at error "
        "execution_id follow_up_at from_number hangup_by hangup_reason hash_until kind number_hash "
        "policy_version provider provider_call_id recording_url sentiment sip_status started_at summary "
        "to_number total_cost transcript"
    ),
    "campaigns": (
        "agent_id blackout_dates calls_per_second campaign_id client_metadata created_at "
        "default_call_variables deleted_at disposition_rules fallback_timezone frequency_caps holidays "
        "max_follow_ups name on_machine organization_id pace_version phone_number_strategy phone_numbers "
        "policy_version presets recomputed_version retry_policy status sticky_caller_id timezone "
        "updated_at working_hours working_hours_enforced"
    ),
    "contacts": (
        "batch_id call_variables campaign_id contact_id created_at erased_at external_id follow_up_at "
        "follow_up_count last_attempted_at next_retry_at not_before number_timezones phone_number position "
        "priority retry_count settled_attempt skip_detail skip_reason status timezone updated_at "
        "zones_version"
    ),
    "dial_turns": "campaign_id next_dial_at pace_version",
    "idempotency_keys": "body claimed_at fingerprint finished_at key kind organization_id",
    "organizations": "created_at organization_id",
    "provider_routes": "errors probe_at provider reason since state",
    "slot_demands": "batch_id campaign_id wanted_at wants",
    "slots": "attempt batch_id campaign_id checked_at contact_id granted_at granted_by kind",
    "suppressions": (
        "added_by created_at execution_id expires_at number_hash organization_id phone_number reason "
        "suppression_id updated_at"
    ),
    "tokens": (
        "created_at expires_at last_used_at name organization_id revoked_at scope secret_sha256 token_id"
    ),
    "webhook_deliveries": (
        "attempts attempts_made created_at delivery_id due_at endpoint_id event_id first_attempt_at "
        "organization_id state type updated_at"
    ),
    "webhook_diagnoses": "batch_id diagnosis looked_at",
    "webhook_endpoints": (
        "created_at deleted_at description disabled_reason enabled endpoint_id events failing_since "
        "organization_id updated_at url"
    ),
    "webhook_events": (
        "batch_id body contact_id erased_at event_id execution_id occurred_at organization_id published_at "
        "snapshot "
        "type"
    ),
    "webhook_replays": "behind endpoint_id up_to",
    "webhook_secrets": "created_at endpoint_id expires_at secret",
}
WORDS: Mapping[str, str] = {
    "Action": "cancel close dispatch pause resume",
    "AuditAction": (
        "batch.append batch.cancel batch.close batch.create batch.delete batch.dispatch batch.pause "
        "batch.resume "
        "batch.update campaign.cancel "
        "campaign.create campaign.delete campaign.pause campaign.resume campaign.update "
        "contact.follow_up contact.skip delivery.replay endpoint.create endpoint.delete "
        "endpoint.disable endpoint.replay endpoint.rotate_secret endpoint.test endpoint.update "
        "erasure.create "
        "execution.disposition suppression.create suppression.delete suppression.import "
        "suppression.update token.create token.revoke"
    ),
    "AnsweredBy": "fax human machine unknown",
    "AttemptKind": "follow_up initial retry",
    "BatchStatus": "cancelled completed expired in_progress paused pending",
    "BreakerState": "closed half_open open",
    "CallStatus": "busy cancelled completed failed in_progress no_answer queued ringing unknown",
    "CallerIdStrategy": "least_loaded random round_robin",
    "CampaignStatus": "active cancelled completed draft paused",
    "ContactStatus": (
        "busy completed dispatched failed followup_scheduled in_progress max_retries_reached "
        "no_answer pending retrying skipped"
    ),
    "DialState": "accepted ambiguous dialling ready refused",
    "EventSource": "dial poll webhook",
    "Gate": (
        "batch_gone batch_held batch_over contact_closed frequency_capped no_slot number_busy "
        "outside_hours suppressed"
    ),
    "PausedBy": "batch campaign",
    "DeliveryState": "delivered failed pending",
    "DisabledReason": "failing gone",
    "EventType": (
        "batch.cancelled batch.completed batch.expired batch.paused batch.resumed batch.started "
        "call.disposition call.ended contact.finished diagnosis.changed endpoint.test"
    ),
    "SkipReason": (
        "batch_cancelled batch_expired campaign_cancelled erased invalid_number manual suppressed"
    ),
    "TokenScope": "agent full read",
}
SEARCH_ATTRIBUTES: Mapping[str, str] = {
    "BatchId": "Keyword",
    "CampaignId": "Keyword",
    "OrganizationId": "Keyword",
    "BatchStatus": "Keyword",
    "ContactStatus": "Keyword",
    "NextActionAt": "Datetime",
    "Attempt": "Int",
    "Disposition": "Keyword",
}
"""Name to type."""
PATCHES = ("continue-waiting-as-new", "sleep-again", "grant-ends-sleep")
PRESETS = "au-telemarketing ca-crtc us-fl us-reg-f us-tcpa us-wa"
"""Campaigns name them, and one that is unknown lets nobody be called."""
