"""What Slack is told, and how: a new message, an edit, a reply in the thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ...message import Message
from ...plain_text import one_line
from ...render import MAX_TITLE_CHARS, in_order, message
from ...sink import Deadline, Notification, Purpose, Receipt
from ...templates import Templates
from .answers import FORM_REFUSED, NOT_EDITABLE, SlackRefusal
from .blocks import Block, bare_message, slack_message
from .client import SlackApi, SlackWebhook
from .laid_out import laid_out

Content = Mapping[str, Any]
Result = TypeVar("Result")

# For each channel, short bursts aside. https://docs.slack.dev/apis/web-api/rate-limits
MESSAGE_EVERY_S = 1.0


class SlackTokenSink:
    """One message an episode: posted, edited in silence, marked resolved, answered in its thread.

    The receipt is always that of the episode's message, never of a reply.
    """

    can_edit = True
    pace_s = MESSAGE_EVERY_S

    def __init__(self, api: SlackApi, own: Templates) -> None:
        self.pace_key = api.pace_key
        self._api = api
        self._own = own

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:
        """Post, or edit the episode's message; a NOTICE then replies in its thread.

        The edit comes first: it may be repeated, a reply may not. Where the message is gone or
        closed to edits, a new one is posted and its receipt returned.
        """
        news, failed = in_own_words(notification, self._own)
        return replace(self._told(notification, news, deadline), templates_failed=failed)

    def _told(self, notification: Notification, news: Told, deadline: Deadline) -> Receipt:
        previous = notification.previous
        if previous is None or not {"channel", "ts"} <= set(previous.values):
            # Slack did not say where the message is: an edit of it would be another message.
            is_silent = notification.purpose is Purpose.UPDATE
            return Receipt() if is_silent else self._post(news, deadline)
        try:
            if notification.purpose is not Purpose.NOTICE:
                return self._edit(previous, news, deadline)
            as_it_is = replace(notification, purpose=Purpose.UPDATE, causes=())
            state, _ = in_own_words(as_it_is, self._own)
            receipt = self._edit(previous, state, deadline)
            self._reply(previous, news, deadline)
        except SlackRefusal as refused:
            if refused.code not in NOT_EDITABLE:
                raise
            return self._post(news, deadline)
        return receipt

    def _post(self, told: Told, deadline: Deadline) -> Receipt:
        return in_some_form(told, lambda content: self._api.post(content, deadline=deadline))

    def _edit(self, at: Receipt, told: Told, deadline: Deadline) -> Receipt:
        return in_some_form(told, lambda content: self._api.update(at, content, deadline=deadline))

    def _reply(self, at: Receipt, told: Told, deadline: Deadline) -> Receipt:
        return in_some_form(
            told, lambda content: self._api.post(content, deadline=deadline, thread=at)
        )


class SlackWebhookSink:
    """A new message whenever there is something to notice; nothing can be edited, so no updates."""

    can_edit = False
    pace_s = MESSAGE_EVERY_S

    def __init__(self, webhook: SlackWebhook, own: Templates) -> None:
        self.pace_key = webhook.pace_key
        self._webhook = webhook
        self._own = own

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:
        """Post. The receipt says nothing of the message."""
        told, failed = in_own_words(notification, self._own)
        in_some_form(told, lambda content: self._webhook.post(content, deadline=deadline))
        return Receipt(templates_failed=failed)


@dataclass(frozen=True)
class Told:
    """A message, and the blocks that its publisher has laid out for it."""

    message: Message
    laid_out: Sequence[Block] = ()


def in_own_words(notification: Notification, own: Templates) -> tuple[Told, int]:
    """The message as the operator has it worded, and how many of the templates failed."""
    ours = message(notification)
    filled = own.fill_in(notification, title=ours.title)
    title = one_line(filled.texts.get("title", ours.title), MAX_TITLE_CHARS)
    worded = replace(ours, title=title, body=filled.texts.get("text"))
    return Told(worded, laid_out(in_order(notification)[0])), filled.failed


def in_some_form(told: Told, send: Callable[[Content], Result]) -> Result:
    """Send the blocks; where Slack refuses their form, ours alone, and then the bare text."""
    for blocks in [told.laid_out, ()] if told.laid_out else [()]:
        try:
            return send(slack_message(told.message, blocks))
        except SlackRefusal as refused:
            if refused.code not in FORM_REFUSED:
                raise
    return send(bare_message(told.message))
