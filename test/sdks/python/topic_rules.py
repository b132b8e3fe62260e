"""Which messages a subscription gets: correlation and SQL filters, and what actions make of the copies."""

import datetime
import uuid

from azure.servicebus import ServiceBusMessage

from case import Case, case, nothing, receive, receive_one, same


def _correlation(name: str = "rule", action: "str | None" = None, **fields) -> dict:
    return {"name": name, "filterType": "CorrelationFilter", "correlationFilter": fields, **_action(action)}


def _sql(expression: str, name: str = "rule", action: "str | None" = None) -> dict:
    return {"name": name, "filterType": "SqlFilter", "sqlFilter": {"sqlExpression": expression}, **_action(action)}


def _action(expression: "str | None") -> dict:
    return {} if expression is None else {"action": {"sqlExpression": expression}}


def _bodies(case: Case, topic: str, name: str, count: int) -> list:
    receiver = case.subscriber(topic, name)
    messages = receive(receiver, count)
    nothing(receiver)
    nothing(case.subscriber(topic, name, sub_queue="deadletter"))
    return [str(message) for message in messages]


@case("correlation filters: every field of the message, and its own properties, all of them and exactly")
def _(case: Case):
    topic = case.topic()
    fields = {
        "contentType": "type",
        "correlationId": "correlation",
        "label": "subject",
        "messageId": "id",
        "replyTo": "reply",
        "replyToSessionId": "reply-session",
        "sessionId": "session",
        "to": "to",
    }
    for name, value in fields.items():
        case.subscription(topic, name, rules=[_correlation(**{name: value})])
    case.subscription(topic, "all", rules=[_correlation(**fields)])
    case.subscription(topic, "own", rules=[_correlation(properties={"text": "green", "number": 7, "yes": True})])
    case.subscription(topic, "mixed", rules=[_correlation(label="subject", properties={"text": "green"})])
    case.subscription(topic, "case", rules=[_correlation(label="Subject")])
    case.subscription(topic, "other", rules=[_correlation(label="other", properties={"text": "green"})])
    full = ServiceBusMessage(
        "full",
        content_type="type",
        correlation_id="correlation",
        subject="subject",
        message_id="id",
        reply_to="reply",
        reply_to_session_id="reply-session",
        session_id="session",
        to="to",
        application_properties={"text": "green", "number": 7, "yes": True},
    )
    case.publish(topic, full, ServiceBusMessage("empty", message_id="another"))
    for name in (*fields, "all", "own", "mixed"):
        same(_bodies(case, topic, name, 1), ["full"], f"messages of {name}")
    for name in ("case", "other"):
        nothing(case.subscriber(topic, name))
        nothing(case.subscriber(topic, name, sub_queue="deadletter"))


@case("SQL filters over what this client sends: strings, numbers, booleans, fields of the message")
def _(case: Case):
    topic = case.topic()
    expressions = {
        "text": "colour = 'green'",
        "name": "COLOUR = 'green'",
        "like": "colour LIKE 'gr%'",
        "in": "colour IN ('red', 'green')",
        "more": "size > 5 AND size <= 7",
        "sum": "size + 1 = 8",
        "fraction": "weight > 1.4 AND weight < 1.6",
        "yes": "yes = TRUE",
        "exists": "EXISTS(colour)",
        "null": "nothing IS NULL AND colour IS NOT NULL",
        "system": "sys.Label = 'subject' AND sys.MessageId = 'id'",
        "user": "user.colour = 'green' OR user.colour = 'blue'",
        "not": "NOT (colour = 'red')",
        "constant": "1=1",
    }
    for name, expression in expressions.items():
        case.subscription(topic, name, rules=[_sql(expression)])
    wrong = {
        "never": "1=0",
        "unknown": "missing = 'x'",
        "unknown-not": "NOT (missing = 'x')",
        "differs": "colour = 'Green'",
    }
    for name, expression in wrong.items():
        case.subscription(topic, name, rules=[_sql(expression)])
    properties = {"colour": "green", "size": 7, "weight": 1.5, "yes": True, "id": uuid.UUID(int=5)}
    properties["when"] = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
    case.publish(topic, ServiceBusMessage("x", subject="subject", message_id="id", application_properties=properties))
    for name in expressions:
        same(_bodies(case, topic, name, 1), ["x"], f"messages of {name}")
    for name in wrong:
        nothing(case.subscriber(topic, name))


@case("actions: a copy for each rule that has one, one for all rules that have none, with the rule's name")
def _(case: Case):
    topic = case.topic()
    rules = [
        _sql("colour = 'green'", "first", "SET colour = 'blue'; SET added = 5"),
        _sql("colour = 'green'", "second", "REMOVE colour; SET sys.Label = 'changed'"),
        _sql("colour = 'green'", "plain"),
        _sql("colour = 'green'", "plain-too"),
    ]
    case.subscription(topic, rules=rules)
    case.subscription(topic, "untouched")
    case.publish(topic, ServiceBusMessage("x", subject="subject", application_properties={"colour": "green"}))
    receiver = case.subscriber(topic)
    found = {}
    for message in receive(receiver, 3):
        own = {k.decode() if isinstance(k, bytes) else k: v for k, v in message.application_properties.items()}
        rule = own.pop("RuleName", b"none").decode()
        found[rule] = (message.subject, own)
    expected = {
        "first": ("subject", {"colour": b"blue", "added": 5}),
        "second": ("changed", {}),
        "none": ("subject", {"colour": b"green"}),
    }
    same(found, expected, "copies by rule")
    nothing(receiver)
    message = receive_one(case.subscriber(topic, "untouched"))
    same((message.subject, message.application_properties), ("subject", {b"colour": b"green"}), "the other's copy")


@case("a filter that cannot be evaluated: dead-lettered where the subscription says so")
def _(case: Case):
    topic = case.topic()
    broken = [_sql("1 / divisor = 1")]
    case.subscription(topic, "dead", rules=broken, deadLetteringOnFilterEvaluationExceptions=True)
    case.subscription(topic, "gone", rules=broken, deadLetteringOnFilterEvaluationExceptions=False)
    case.publish(topic, ServiceBusMessage("x", application_properties={"divisor": 0}))
    dead = receive_one(case.subscriber(topic, "dead", sub_queue="deadletter"))
    assert dead.dead_letter_reason and dead.dead_letter_error_description, "no reason, or no description"
    nothing(case.subscriber(topic, "dead"))
    nothing(case.subscriber(topic, "gone"))
    nothing(case.subscriber(topic, "gone", sub_queue="deadletter"))
