"""What an answer of Slack means. Pure: status, headers and body in, one Reason out.

Web API errors come as HTTP 200 with `{"ok": false, "error": CODE}`, a webhook's as a status and a
bare word. Codes: https://docs.slack.dev/reference/methods/chat.postMessage#errors and
https://docs.slack.dev/reference/methods/chat.update#errors; a webhook's:
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors and
https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ...errors import DeliveryError, Reason
from ...http import Answer
from ...http_status import reason as of_status
from ...redact import Redactor

# The message is there no more, or may not be edited any more: a new one takes its place.
NOT_EDITABLE = frozenset(
    {
        *("message_not_found", "edit_window_closed", "cant_update_message"),
        # Theirs was rich text, ours is not: somebody edited it by hand.
        *("block_mismatch", "thread_not_found", "cannot_reply_to_message"),
        "restricted_action_non_threadable_channel",
    }
)

# Slack did not like the form of it: bare text may still get through.
FORM_REFUSED = frozenset(
    {
        *("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"),
        *("invalid_attachments", "too_many_attachments", "invalid_arguments", "invalid_payload"),
    }
)

_REASONS: Mapping[Reason, frozenset[str]] = {
    Reason.RATE_LIMITED: frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"}),
    Reason.UNAVAILABLE: frozenset(
        {
            *("service_unavailable", "request_timeout", "update_failed", "rollup_error"),
            *("team_added_to_org", "org_login_required", "external_channel_migrating"),
            "streaming_state_conflict",
        }
    ),
    # "It's possible some aspect of the operation succeeded before the error was raised."
    Reason.DROPPED: frozenset({"internal_error", "fatal_error"}),
    Reason.UNAUTHORIZED: frozenset(
        {
            *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"),
            *("invalid_token", "missing_scope", "not_allowed_token_type", "access_denied"),
            *("accesslimited", "two_factor_setup_required", "team_access_not_granted"),
            *("ekm_access_denied", "enterprise_is_restricted", "team_disabled"),
        }
    ),
    Reason.NOT_FOUND: frozenset(
        {
            *("channel_not_found", "not_in_channel", "is_archived", "is_inactive"),
            *("channel_is_archived", "no_permission", "user_not_found", "team_not_found"),
            *("no_service", "no_active_hooks", "no_team", "no_service_id", *NOT_EDITABLE),
        }
    ),
    Reason.MISCONFIGURED: frozenset(
        {"unknown_method", "deprecated_endpoint", "method_deprecated", "as_user_not_supported"}
    ),
    Reason.REJECTED: frozenset(
        {
            *("no_text", "action_prohibited", "posting_to_general_channel_denied"),
            *("restricted_action", "restricted_action_read_only_channel"),
            *("restricted_action_thread_only_channel", "invalid_arg_name", "invalid_array_arg"),
            *("invalid_charset", "invalid_form_data", "invalid_post_type", "missing_post_type"),
            *("missing_text_or_fallback_or_attachments", "invalid_channel", *FORM_REFUSED),
        }
    ),
}
REASON_OF = {code: reason for reason, codes in _REASONS.items() for code in codes}

# What the one who reads the dead letter should do about it.
_HINTS = {
    "not_in_channel": "invite the bot to the channel",
    "channel_not_found": "the channel's name or id is wrong, or the bot was not invited to it",
    "missing_scope": "the app needs the scope chat:write",
    "invalid_auth": "the bot token is wrong",
    "token_revoked": "the app was removed or its token revoked",
    "account_inactive": "the app was removed from the workspace",
    "no_service": "the webhook was removed or disabled",
    "invalid_token": "the webhook's address is wrong",
    "action_prohibited": "a workspace setting forbids this webhook to post",
    "is_archived": "the channel is archived",
    "channel_is_archived": "the channel is archived",
}


class SlackRefusal(DeliveryError):
    """A DeliveryError that still knows Slack's own word for it, empty when there was none."""

    def __init__(
        self, reason: Reason, detail: str, *, code: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(reason, detail, retry_after_s=retry_after_s)
        self.code = code


def api_result(answer: Answer, redact: Redactor) -> Mapping[str, Any]:
    """The object of a successful Web API call. Raises SlackRefusal for every other answer."""
    said = _json_object(answer.body)
    if answer.status == HTTPStatus.OK and said is not None and said.get("ok") is True:
        return said
    code = str(said.get("error", "")) if said is not None else ""
    if not code and answer.status == HTTPStatus.OK:
        raise SlackRefusal(
            Reason.MISCONFIGURED, "HTTP 200, but not from Slack's Web API: check app_url", code=""
        )
    raise refusal(answer, code, redact)


def check_webhook(answer: Answer, redact: Redactor) -> None:
    """Returns when the webhook took it. Raises SlackRefusal for every other answer.

    Slack says `ok`; its imitators (Mattermost, Rocket.Chat) any 2xx. A page of HTML is neither.
    """
    text = answer.body[:200].decode("utf-8", "replace").strip()
    said = _json_object(answer.body)
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        if said is not None and said.get("ok", said.get("success", True)) is False:
            raise refusal(answer, str(said.get("error", "")), redact)
        if text.startswith("<"):
            raise SlackRefusal(
                Reason.MISCONFIGURED, "a web page answered, not a webhook: check api_url", code=""
            )
        return
    word = text if text.replace("_", "").isalnum() else ""
    raise refusal(answer, word, redact)


def refusal(answer: Answer, code: str, redact: Redactor) -> SlackRefusal:
    """The error for a refused call: by Slack's code where it is known, else by the status.

    An unknown code is taken as transient: a retry costs less than an alert that nobody gets.
    """
    reason = REASON_OF.get(code) or of_status(answer.status)
    said = redact.text(code[:80]) or f"HTTP {answer.status}"
    hint = _HINTS.get(code)
    return SlackRefusal(
        reason,
        f"{said}: {hint}" if hint else said,
        code=code,
        retry_after_s=answer.retry_after_s,
    )


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        said = json.loads(body)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
