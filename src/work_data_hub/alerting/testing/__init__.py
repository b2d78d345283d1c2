"""What the router lends to tests, its own and those of a plug-in: servers, samples, a contract."""

from .contract import Rig, SinkContract
from .recording import RecordingSink
from .samples import resolved, sample_incident, sample_notification
from .slack import SlackCall, SlackMessage, SlackServer
from .slack_wire import Fault

__all__ = [
    "Fault",
    "RecordingSink",
    "Rig",
    "SinkContract",
    "SlackCall",
    "SlackMessage",
    "SlackServer",
    "resolved",
    "sample_incident",
    "sample_notification",
]
