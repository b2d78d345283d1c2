"""What the router lends to tests, its own and those of a plug-in: servers, samples, a contract."""

from .contract import DeliveryContract, Rig, SinkContract
from .http_server import Fault, HttpServer, Receiver, Reply, Request
from .recording import RecordingSink
from .samples import resolved, sample_incident, sample_notification
from .slack import SlackCall, SlackMessage, SlackServer

__all__ = [
    "DeliveryContract",
    "Fault",
    "HttpServer",
    "Receiver",
    "RecordingSink",
    "Reply",
    "Request",
    "Rig",
    "SinkContract",
    "SlackCall",
    "SlackMessage",
    "SlackServer",
    "resolved",
    "sample_incident",
    "sample_notification",
]
