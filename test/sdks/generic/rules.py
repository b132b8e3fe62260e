"""Rules by hand: requests to a subscription's management node, as rule managers send them (service-bus-amqp-request-response)."""

import uuid

from proton import Message, int32, symbol, ulong

from case import Case, address_of, case, same
from transactions import now

_RULE, _EMPTY_ACTION, _ACTION = 0x13700000004, 0x13700000005, 0x13700000006
_SQL, _TRUE, _FALSE, _CORRELATION = 0x1370000006, 0x1370000007, 0x1370000008, 0x1370000009


class _Rules:
    """The management node of a subscription."""

    def __init__(self, peer, address: str):
        reply = f"reply-{uuid.uuid4()}"
        self._sender = peer.sender(f"{address}/$management")
        self._receiver = peer.receiver(f"{address}/$management", target=reply)
        self._reply = reply

    def ask(self, operation: str, **arguments) -> "tuple[int, object]":
        """Gives the status code, and the body or else the condition."""
        body = {name.replace("_", "-"): value for name, value in arguments.items()}
        properties = {"operation": f"com.microsoft:{operation}"}
        identifier = str(uuid.uuid4())
        request = Message(body=body, properties=properties, id=identifier, reply_to=self._reply, inferred=False)
        self._sender.send(request)
        message, delivery = self._receiver.take_one()
        delivery.settle()
        same(message.correlation_id, identifier, "correlation_id")
        condition = message.properties.get("errorCondition")
        return message.properties["statusCode"], message.body if condition is None else str(condition)

    def add(self, name: str, **description):
        given = {key.replace("_", "-"): value for key, value in description.items()}
        return self.ask("add-rule", rule_name=name, rule_description=given)

    def list(self, top: int = 100, skip: int = 0) -> list:
        """Descriptors and values of filter and action, and the name, of every rule."""
        status, body = self.ask("enumerate-rules", top=int32(top), skip=int32(skip))
        if status == 204:
            return []
        same(status, 200, "status of enumerate-rules")
        found = []
        for rule in body["rules"]:
            described = rule["rule-description"]
            same(described.descriptor, ulong(_RULE), "descriptor of a rule")
            a_filter, action, name, created = described.value
            assert created > 1_700_000_000_000, f"created at {created}"
            found.append((a_filter.descriptor, a_filter.value, action.descriptor, action.value, name))
        return found


def _sql(expression: str) -> dict:
    return {"sql_filter": {"expression": expression}}


@case("rules by hand: every kind is added and listed with its descriptors")
def _(case: Case):
    peer = case.connect()
    rules = _Rules(peer, case.subscribe(case.topic(), "one", rules=[]))
    same(rules.list(), [], "rules of a subscription without any")
    same(rules.add("true", true_filter={})[0], 200, "status of a true filter")
    same(rules.add("false", false_filter={})[0], 200, "status of a false filter")
    action = {"sql_rule_action": {"expression": "SET a = 1"}}
    same(rules.add("sql", **_sql("a = 1"), **action)[0], 200, "status of a SQL filter")
    fields = {"label": "subject", "to": None, "properties": {"text": "green", "n": int32(7), "yes": True}}
    status, _ = rules.add("correlation", correlation_filter=fields, sql_rule_action=None)
    same(status, 200, "status of a correlation filter")
    found = rules.list()
    same([rule[4] for rule in found], ["true", "false", "sql", "correlation"], "names")
    same([rule[0] for rule in found], [_TRUE, _FALSE, _SQL, _CORRELATION], "descriptors of filters")
    same([rule[2] for rule in found], [_EMPTY_ACTION, _EMPTY_ACTION, _ACTION, _EMPTY_ACTION], "descriptors of actions")
    same((found[2][1][0], found[2][3][0]), ("a = 1", "SET a = 1"), "expressions")
    correlation = found[3][1]
    same(correlation[:8], [None, None, None, None, "subject", None, None, None], "fields")
    same(correlation[8], {"text": "green", "n": 7, "yes": True}, "properties")
    same(type(correlation[8]["n"]), int32, "type of a number")
    same([rule[4] for rule in rules.list(top=2, skip=1)], ["false", "sql"], "a part of the list")
    same(rules.list(skip=4), [], "behind the last")


@case("rules by hand: what is wrong is refused with its status and condition, and changes nothing")
def _(case: Case):
    peer = case.connect()
    topic = case.topic("one")
    rules = _Rules(peer, address_of(topic, "one"))
    argument = (400, "com.microsoft:argument-error")
    same(rules.add("$Default", true_filter={}), (409, "com.microsoft:entity-already-exists"), "a name that is taken")
    same(rules.ask("remove-rule", rule_name="none"), (404, "amqp:not-found"), "a rule that is not there")
    for what, description in {
        "no filter": {},
        "no expression": {"sql_filter": {}},
        "an expression that is none": _sql("colour ="),
        "an expression that is too long": _sql("a = '" + "x" * 1024 + "'"),
        "a correlation filter without a field": {"correlation_filter": {}},
        "an action that is none": {**_sql("1=1"), "sql_rule_action": {"expression": "SET"}},
        "a filter that is no map": {"sql_filter": "1=1"},
        "a value that is no property's": {"correlation_filter": {"properties": {"a": [1, 2]}}},
    }.items():
        same(rules.add("wrong", **description), argument, what)
    for name in ("", "a/b", "x" * 51):
        same(rules.add(name, true_filter={}), argument, f"the name '{name}'")
    same(rules.ask("add-rule", rule_name="wrong"), argument, "no description")
    same(rules.ask("add-rule", rule_description={"true-filter": {}}), argument, "no name")
    same([rule[4] for rule in rules.list()], ["$Default"], "rules")
    same(_Rules(peer, topic).add("wrong", true_filter={}), argument, "rules of a topic")
    same(_Rules(peer, case.queue()).add("wrong", true_filter={}), argument, "rules of a queue")


@case("rules by hand: they decide what comes from then on")
def _(case: Case):
    peer = case.connect()
    topic = case.topic("one")
    one = address_of(topic, "one")
    rules = _Rules(peer, one)
    sender = peer.sender(topic)
    sender.send("before")
    same(rules.ask("remove-rule", rule_name="$default")[0], 200, "status of remove-rule")
    sender.send("never")
    same(rules.add("green", correlation_filter={"properties": {"colour": "green"}})[0], 200, "status of add-rule")
    sender.send(Message(body="red", properties={"colour": "red"}))
    sender.send(Message(body="green", properties={"colour": "green"}))
    same(now(peer, one), ["before", "green"], "messages")


@case("rules by hand: filters see every type that AMQP has for a property")
def _(case: Case):
    peer = case.connect()
    topic = case.topic()
    identifier = uuid.UUID(int=5)
    expressions = {
        "text": "text = 'green'",
        "symbol": "symbol = 'sym'",
        "int": "small = 7 AND large = 9 AND unsigned > 0",
        "double": "half = 0.5",
        "null": "nothing IS NULL",
        "field": "sys.CorrelationId = 'c' AND sys.ContentType = 'type' AND sys.ReplyTo = 'reply'",
        "never": "text = 'red'",
    }
    for name, expression in expressions.items():
        _Rules(peer, case.subscribe(topic, name, rules=[])).add("rule", **_sql(expression))
    properties = {
        "text": "green",
        "symbol": symbol("sym"),
        "small": int32(7),
        "large": 9,
        "unsigned": ulong(2**40),
        "half": 0.5,
        "nothing": None,
        "id": identifier,
        "bytes": b"\x00",
    }
    fields = {"correlation_id": "c", "content_type": symbol("type"), "reply_to": "reply"}
    peer.sender(topic).send(Message(body="x", properties=properties, **fields))
    for name in expressions:
        expected = [] if name == "never" else ["x"]
        same(now(peer, address_of(topic, name)), expected, f"messages of {name}")
