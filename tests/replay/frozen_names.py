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
}
ACTIVITIES: Mapping[str, str] = {
    "apollo-contact": "settle_attempt",
    "apollo-control": "grant_slots",
    "apollo-dial": "check_call hang_up_skipped place_call",
    "apollo-store": (
        "act_on_batch begin_batch close_contact expire_batch find_lost_slots finish_batch is_over "
        "notify_rescheduled return_slot stop_stories"
    ),
}
"""By task queue."""
MESSAGES: Mapping[str, str] = {
    "ActOnBatch": "action batch_id",
    "ActedOnBatch": "came_of",
    "AttemptReported": "attempt contact_id status withheld",
    "BatchInput": "batch_id campaign_id contacts_per_run organization_id state",
    "BatchState": (
        "actions asked counted_at counts cursor idle_looks in_flight next_wake notes notified_up_to "
        "rereads rescheduled_since runs skipped_are_told stands zones"
    ),
    "BeginBatch": "batch_id",
    "CallEvent": "attempt call_status",
    "CallTiming": "lookup_is_proof max_call ring_limit silence",
    "CheckCall": "attempt conclude contact_id must_end",
    "CheckedCall": "call_status is_known",
    "CloseContact": "attempt contact_id",
    "ClosedContact": "status was",
    "ContactInput": "attempt batch_id campaign_id contact_id due_at kind",
    "ContactOfBatch": "batch_id contact_id",
    "ContactSkipped": "contact_id was",
    "DialTurn": "at pace_version",
    "DueChanged": "attempt due_at",
    "Entry": "at came_of what",
    "ExpireBatch": "batch_id",
    "FindLostSlots": "batch_id limit with_calls",
    "FinishBatch": "batch_id",
    "FinishedBatch": "is_over",
    "FollowUpScheduled": "at attempt contact_id",
    "GrantedSlot": "attempt contact_id kind",
    "GrantedSlots": (
        "campaign_in_use campaign_limit concurrency_limit counts cursor granted has_more holders "
        "in_use is_begin_due is_done is_end_due is_unattended paused_by refused rereads status "
        "total_contacts waiting_batches wakes zones"
    ),
    "HangUpSkipped": "batch_id",
    "LostSlot": "attempt contact_id is_final kind",
    "NoSlot": "attempt contact_id due_at",
    "NotifiedRescheduled": "next_position",
    "NotifyRescheduled": "after_position batch_id limit since",
    "OperatorRequest": "by reason",
    "PlaceCall": "attempt contact_id kind turn",
    "PlacedCall": "answer ask_again_in asked_at call_status gate opens_at timing turn",
    "PolicyChanged": "action rescheduled_since",
    "ReturnSlot": "attempt batch_id contact_id due_at ends",
    "ReturnedSlot": "batch_is_gone spread status",
    "SettleAttempt": "attempt batch_id contact_id",
    "SettledAttempt": "batch_is_gone due_at kind spread status summary",
    "SlotGrant": "attempt",
    "SlotGrants": "asked at_most batch_id cursor is_counted key zones",
    "SlotRequested": "attempt contact_id kind",
    "StopStories": "after_position batch_id limit",
    "StoppedStories": "next_position",
    "Wake": "after what",
}
TABLES: Mapping[str, str] = {
    "batches": (
        "batch_id call_context campaign_id client_metadata concurrency_limit created_at kept_counts "
        "max_retries_override name organization_id paused_by phone_number_strategy phone_numbers "
        "retry_policy scheduled_end scheduled_start status timezone total_contacts updated_at "
        "workflow_started_at working_hours working_hours_enforced"
    ),
    "call_events": (
        "body call_status delivered_at event_key event_number execution_id happened_at received_at "
        "source unread_fields"
    ),
    "caller_id_turns": "owner_id strategy turn",
    "calls": (
        "answered_at attempt batch_id call_status campaign_id contact_id dial_state "
        "duration_seconds ended_at error execution_id follow_up_at from_number hangup_by "
        "hangup_reason kind policy_version provider provider_call_id recording_url sentiment "
        "sip_status started_at summary to_number total_cost transcript"
    ),
    "campaigns": (
        "agent_id blackout_dates calls_per_second campaign_id client_metadata created_at "
        "default_call_variables deleted_at frequency_caps max_follow_ups name organization_id "
        "pace_version phone_number_strategy phone_numbers policy_version recomputed_version "
        "retry_policy status sticky_caller_id timezone updated_at working_hours "
        "working_hours_enforced"
    ),
    "contacts": (
        "batch_id call_variables campaign_id contact_id created_at external_id follow_up_at "
        "follow_up_count last_attempted_at next_retry_at phone_number position retry_count "
        "skip_detail skip_reason status timezone updated_at"
    ),
    "dial_turns": "campaign_id next_dial_at pace_version",
    "idempotency_keys": "body claimed_at fingerprint finished_at key kind organization_id",
    "organizations": "created_at organization_id",
    "provider_routes": "errors probe_at provider reason since state",
    "slot_demands": "batch_id campaign_id wanted_at wants",
    "slots": "attempt batch_id campaign_id checked_at contact_id granted_at granted_by kind",
    "suppressions": (
        "added_by created_at execution_id expires_at organization_id phone_number reason "
        "suppression_id updated_at"
    ),
    "tokens": "created_at last_used_at name organization_id revoked_at secret_sha256 token_id",
}
WORDS: Mapping[str, str] = {
    "Action": "cancel dispatch pause resume",
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
    "SkipReason": ("batch_cancelled batch_expired campaign_cancelled invalid_number manual suppressed"),
}
SEARCH_ATTRIBUTES: Mapping[str, str] = {
    "BatchId": "Keyword",
    "CampaignId": "Keyword",
    "OrganizationId": "Keyword",
    "BatchStatus": "Keyword",
    "ContactStatus": "Keyword",
    "NextActionAt": "Datetime",
    "Attempt": "Int",
}
"""Name to type."""
PATCHES = ("continue-waiting-as-new", "sleep-again", "grant-ends-sleep")
