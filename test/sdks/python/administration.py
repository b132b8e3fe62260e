"""The admin client: entities over HTTPS, with the certificate of the broker's own authority."""

import datetime
import json
import os
import threading

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.management import (
    AuthorizationRule,
    CorrelationRuleFilter,
    FalseRuleFilter,
    ServiceBusAdministrationClient,
    SqlRuleAction,
    SqlRuleFilter,
    TrueRuleFilter,
)

from case import Case, case, raises, receive_one, same

_ADMIN = os.environ["RETRAIN_ADMIN_CONNECTION_STRING"]
_OPTIONS = json.loads(os.environ["RETRAIN_ADMIN_OPTIONS"])
_PREFIX = os.environ["RETRAIN_QUEUE_PREFIX"]

_lock = threading.Lock()
_made = 0


def _name() -> str:
    global _made
    with _lock:
        _made += 1
        return f"{_PREFIX}admin/{_made}"


def _client(case: Case, connection_string: str = _ADMIN, **options) -> ServiceBusAdministrationClient:
    return case.within(
        ServiceBusAdministrationClient.from_connection_string(
            connection_string, retry_total=0, **_OPTIONS, **options
        )
    )


def _with_rule(name: str, key: str) -> str:
    fields = dict(field.split("=", 1) for field in _ADMIN.split(";"))
    return f"Endpoint={fields['Endpoint']};SharedAccessKeyName={name};SharedAccessKey={key}"


def _raises_status(status: int, action, *, containing: str = "") -> None:
    try:
        action()
    except HttpResponseError as error:
        same(error.status_code, status, "the status")
        assert containing in str(error), f"'{error}' does not contain '{containing}'"
        return
    raise AssertionError(f"no error came, status {status} was expected")


@case("admin: the namespace")
def _(case: Case):
    properties = _client(case).get_namespace_properties()
    same(properties.name, "retrain", "the name")
    same(properties.messaging_sku, "Standard", "the SKU")
    assert properties.created_at_utc is not None


@case("admin: a queue is made, read, changed, listed and deleted")
def _(case: Case):
    client, name = _client(case), _name()
    made = client.create_queue(
        name,
        lock_duration=datetime.timedelta(seconds=30),
        max_delivery_count=7,
        requires_session=True,
        requires_duplicate_detection=True,
        duplicate_detection_history_time_window="PT1M",
        default_message_time_to_live=datetime.timedelta(days=1, hours=2),
        dead_lettering_on_message_expiration=True,
        user_metadata="a <note> & more",
        max_size_in_megabytes=2048,
        max_message_size_in_kilobytes=2048,
        enable_batched_operations=False,
    )
    queue = client.get_queue(name)
    for each in (made, queue):
        same(each.name, name, "the name")
        same(each.lock_duration, datetime.timedelta(seconds=30), "the lock duration")
        same(each.max_delivery_count, 7, "the delivery count")
        same(each.default_message_time_to_live, datetime.timedelta(days=1, hours=2), "the time to live")
        same(each.user_metadata, "a <note> & more", "the metadata")
        same(each.max_size_in_megabytes, 2048, "the size")
        same(each.max_message_size_in_kilobytes, 2048, "the size of messages")
        same((each.requires_session, each.requires_duplicate_detection), (True, True), "what is fixed")
        same((each.status, each.availability_status), ("Active", "Available"), "the status")
    # The longest time of the service goes to and fro in this client's own way of writing it.
    same(queue.auto_delete_on_idle.days, 10675199, "days without use")
    queue.max_delivery_count = 8
    queue.user_metadata = None
    client.update_queue(queue)
    same((client.get_queue(name).max_delivery_count, client.get_queue(name).user_metadata), (8, None), "what changed")
    assert name in [each.name for each in client.list_queues()]
    client.delete_queue(name)
    raises(ResourceNotFoundError, lambda: client.get_queue(name))


@case("admin: what a queue holds")
def _(case: Case):
    client, name = _client(case), _name()
    client.create_queue(name)
    case.send(name, ServiceBusMessage("a"), ServiceBusMessage("b"), ServiceBusMessage("c"))
    with case.client().get_queue_sender(name) as sender:
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        sender.schedule_messages(ServiceBusMessage("d"), later)
    receiver = case.receiver(name)
    receiver.dead_letter_message(receive_one(receiver))
    counts = client.get_queue_runtime_properties(name)
    same(
        (
            counts.total_message_count,
            counts.active_message_count,
            counts.dead_letter_message_count,
            counts.scheduled_message_count,
            counts.transfer_message_count,
            counts.transfer_dead_letter_message_count,
        ),
        (4, 2, 1, 1, 0, 0),
        "the counts",
    )
    assert counts.size_in_bytes > 0
    assert counts.created_at_utc <= counts.updated_at_utc <= counts.accessed_at_utc
    assert name in [each.name for each in client.list_queues_runtime_properties()]


@case("admin: what does not exist, exists already, or cannot be")
def _(case: Case):
    client, name = _client(case), _name()
    for ask in (client.get_queue, client.get_topic, client.delete_queue, client.delete_topic):
        raises(ResourceNotFoundError, lambda ask=ask: ask(name))
    queue = client.create_queue(name)
    raises(ResourceExistsError, lambda: client.create_queue(name), containing="SubCode=40900")
    _raises_status(400, lambda: client.update_queue(queue, requires_session=True), containing="RequiresSession")
    _raises_status(400, lambda: client.create_queue(_name(), lock_duration="PT6M"), containing="PT6M")
    _raises_status(400, lambda: client.create_queue(_name(), max_message_size_in_kilobytes=1), containing="1024 and 102400")


@case("admin: the lists come in pages")
def _(case: Case):
    client, name = _client(case), _name()
    client.create_topic(name)
    names = [f"s{index:03}" for index in range(205)]
    for each in names:
        client.create_subscription(name, each)
    same([each.name for each in client.list_subscriptions(name)], names, "all of them")
    same([each.name for each in client.list_subscriptions(name, max_page_size=90)], names, "in other pages")
    same([each.name for each in client.list_subscriptions(name, start_index=200)], names[200:], "the last")
    client.delete_topic(name)


@case("admin: a topic and its subscriptions")
def _(case: Case):
    client, topic = _client(case), _name()
    client.create_topic(topic, enable_partitioning=True, support_ordering=False, user_metadata="note")
    same(client.get_topic(topic).max_size_in_megabytes, 16384, "the size of all partitions")
    properties = client.get_topic(topic)
    properties.user_metadata = "other"
    client.update_topic(properties)
    same((client.get_topic(topic).user_metadata, client.get_topic(topic).max_size_in_megabytes), ("other", 16384), "it")
    client.create_subscription(topic, "s", max_delivery_count=3, lock_duration="PT30S", requires_session=True)
    subscription = client.get_subscription(topic, "s")
    same((subscription.name, subscription.max_delivery_count), ("s", 3), "the subscription")
    subscription.max_delivery_count = 4
    client.update_subscription(topic, subscription)
    same(client.get_subscription(topic, "s").max_delivery_count, 4, "the delivery count")
    with case.client().get_topic_sender(topic) as sender:
        sender.send_messages(ServiceBusMessage("a", session_id="1"))
    counts = client.get_subscription_runtime_properties(topic, "s")
    same((counts.total_message_count, counts.active_message_count), (1, 1), "the counts")
    counts = client.get_topic_runtime_properties(topic)
    same((counts.subscription_count, counts.scheduled_message_count), (1, 0), "the topic's")
    same((counts.sql_filter_count, counts.correlation_filter_count), (1, 0), "the topic's filters")
    same([each.name for each in client.list_subscriptions_runtime_properties(topic)], ["s"], "the list")
    assert topic in [each.name for each in client.list_topics_runtime_properties()]
    client.delete_subscription(topic, "s")
    raises(ResourceNotFoundError, lambda: client.get_subscription(topic, "s"))
    client.delete_topic(topic)
    raises(ResourceNotFoundError, lambda: client.get_topic(topic))


@case("admin: rules of every kind, with values of every type")
def _(case: Case):
    client, topic = _client(case), _name()
    client.create_topic(topic)
    client.create_subscription(topic, "s")
    values = {
        "text": "a",
        "int": 5,
        "long": 5_000_000_000,
        "double": 1.5,
        "flag": True,
        "time": datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc),
        "span": datetime.timedelta(minutes=5),
    }
    correlation = CorrelationRuleFilter(correlation_id="c", label="l", to="t", properties=values)
    sql = SqlRuleFilter("a = @text OR b = @int", parameters={f"@{key}": value for key, value in values.items()})
    action = SqlRuleAction("SET c = @text", parameters={"@text": "x"})
    client.create_rule(topic, "s", "correlation", filter=correlation, action=None)
    client.create_rule(topic, "s", "sql", filter=sql, action=action)
    client.create_rule(topic, "s", "true", filter=TrueRuleFilter())
    client.create_rule(topic, "s", "false", filter=FalseRuleFilter())
    read = client.get_rule(topic, "s", "correlation").filter
    same((read.correlation_id, read.label, read.to, read.properties), ("c", "l", "t", values), "the correlation filter")
    rule = client.get_rule(topic, "s", "sql")
    same((rule.filter.sql_expression, rule.filter.parameters), (sql.sql_expression, sql.parameters), "the SQL filter")
    same((rule.action.sql_expression, rule.action.parameters), (action.sql_expression, action.parameters), "the action")
    kinds = {each.name: type(each.filter) for each in client.list_rules(topic, "s")}
    same(kinds["true"], TrueRuleFilter, "the true filter")
    same(kinds["false"], FalseRuleFilter, "the false filter")
    same(kinds["$Default"], TrueRuleFilter, "the first rule")
    rule.filter = SqlRuleFilter("a = 2")
    client.update_rule(topic, "s", rule)
    same(client.get_rule(topic, "s", "sql").filter.sql_expression, "a = 2", "the changed filter")
    _raises_status(400, lambda: client.create_rule(topic, "s", "bad", filter=SqlRuleFilter("a = = 2")), containing="at character")
    client.delete_rule(topic, "s", "sql")
    raises(ResourceNotFoundError, lambda: client.get_rule(topic, "s", "sql"))


@case("admin: what is forwarded to reads back as an address")
def _(case: Case):
    client, to, name = _client(case), _name(), _name()
    client.create_queue(to)
    queue = client.create_queue(name, forward_to=to, forward_dead_lettered_messages_to=to)
    assert queue.forward_to.endswith(f"/{to}"), queue.forward_to
    client.update_queue(queue, max_delivery_count=3)
    case.send(name, ServiceBusMessage("a"))
    same(str(receive_one(case.receiver(to))), "a", "the message")


@case("admin: access rules of a queue, and what their keys open")
def _(case: Case):
    client, name = _client(case), _name()
    key = "a-primary-key-of-the-owner"
    owner = AuthorizationRule(
        key_name="owner",
        claim_type="SharedAccessKey",
        claim_value="None",
        rights=["Manage", "Send", "Listen"],
        primary_key=key,
        secondary_key="a-secondary-key-of-the-owner",
    )
    client.create_queue(name, authorization_rules=[owner])
    (rule,) = client.get_queue(name).authorization_rules
    same((rule.key_name, rule.primary_key, sorted(rule.rights)), ("owner", key, ["Listen", "Manage", "Send"]), "the rule")
    # This client signs for the whole namespace, for which the rule of a queue is none.
    own = _client(case, _with_rule("owner", key))
    _raises_status(401, lambda: own.get_queue(name))


@case("admin: a rule without Manage, and a wrong key")
def _(case: Case):
    for rule, key in (("send-only", "key-that-may-only-send"), ("listen-only", "key-that-may-only-listen")):
        client = _client(case, _with_rule(rule, key))
        _raises_status(401, lambda client=client: client.create_queue(_name()), containing="Manage,EntityWrite claims")
        _raises_status(401, lambda client=client: list(client.list_queues()), containing="Manage,EntityRead claims")
    _raises_status(401, lambda: _client(case, _with_rule("send-only", "wrong")).get_namespace_properties())
