"""What is refused, and the exception class in which the client shows it."""

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus._base_handler import _generate_sas_token
from azure.servicebus.exceptions import (
    MessagingEntityDisabledError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
)

from case import CONNECTION_STRING, LISTEN_ONLY, SEND_ONLY, Case, case, nothing, raises, receive_one, same

_ENDPOINT = CONNECTION_STRING.split(";")[0]


@case("an unknown queue: ServiceBusAuthenticationError")
def _(case: Case):
    # The service answers the token with 404, in which this client sees a failed authentication; its own live tests expect that.
    client = case.impatient()
    raises(ServiceBusAuthenticationError, client.get_queue_sender("no-such-queue").__enter__)
    raises(ServiceBusAuthenticationError, client.get_queue_receiver("no-such-queue").__enter__)
    raises(ServiceBusAuthenticationError, client.get_queue_receiver("no-such-queue", session_id="a").__enter__)


@case("a wrong key: ServiceBusAuthenticationError")
def _(case: Case):
    head, tail = CONNECTION_STRING.split("SharedAccessKey=")
    wrong = f"{head}SharedAccessKey=x{tail}"
    client = case.impatient(wrong)
    raises(ServiceBusAuthenticationError, client.get_queue_sender(case.queue()).__enter__)
    raises(ServiceBusAuthenticationError, client.get_queue_receiver(case.queue()).__enter__)


@case("an unknown key name: ServiceBusAuthenticationError")
def _(case: Case):
    wrong = CONNECTION_STRING.replace("RootManageSharedAccessKey", "Nobody")
    raises(ServiceBusAuthenticationError, case.impatient(wrong).get_queue_sender(case.queue()).__enter__)


@case("a rule that may only send, and one that may only receive")
def _(case: Case):
    queue = case.queue()
    sending, listening = case.impatient(SEND_ONLY), case.impatient(LISTEN_ONLY)
    raises(ServiceBusAuthorizationError, sending.get_queue_receiver(queue).__enter__)
    raises(ServiceBusAuthorizationError, listening.get_queue_sender(queue).__enter__)
    with sending.get_queue_sender(queue) as sender:
        sender.send_messages(ServiceBusMessage("x"))
    receiver = case.within(listening.get_queue_receiver(queue))
    same(len(receiver.peek_messages(1)), 1, "peeked")
    receiver.complete_message(receive_one(receiver))


def _signature(resource: str) -> str:
    fields = dict(field.split("=", 1) for field in CONNECTION_STRING.split(";"))
    uri = f"{fields['Endpoint'].rstrip('/')}/{resource}"
    token = _generate_sas_token(uri, fields["SharedAccessKeyName"], fields["SharedAccessKey"]).token
    return token.decode() if isinstance(token, bytes) else token


@case("a shared access signature in place of the key: for its queue only")
def _(case: Case):
    queue = case.queue()
    text = f"{_ENDPOINT};SharedAccessSignature={_signature(queue)};UseDevelopmentEmulator=true"
    client = case.impatient(text)
    with client.get_queue_sender(queue) as sender:
        sender.send_messages(ServiceBusMessage("x"))
    same(str(receive_one(case.within(client.get_queue_receiver(queue)))), "x", "message")
    raises(ServiceBusAuthenticationError, client.get_queue_sender(case.queue()).__enter__)


@case("the credential classes for a key and for a signature")
def _(case: Case):
    queue = case.queue()
    fields = dict(field.split("=", 1) for field in CONNECTION_STRING.split(";"))
    key = AzureNamedKeyCredential(fields["SharedAccessKeyName"], fields["SharedAccessKey"])
    for credential in (key, AzureSasCredential(_signature(queue))):
        host = fields["Endpoint"].removeprefix("sb://")
        with ServiceBusClient(host, credential, use_tls=False) as client, client.get_queue_sender(queue) as sender:
            sender.send_messages(ServiceBusMessage("x"))


@case("a disabled queue: MessagingEntityDisabledError")
def _(case: Case):
    client = case.impatient()
    queue = case.queue("disabled")
    raises(MessagingEntityDisabledError, client.get_queue_sender(queue).__enter__)
    raises(MessagingEntityDisabledError, client.get_queue_receiver(queue).__enter__)


@case("a queue that is disabled one way")
def _(case: Case):
    client = case.impatient()
    queue = case.queue("send-disabled")
    raises(MessagingEntityDisabledError, client.get_queue_sender(queue).__enter__)
    nothing(case.within(client.get_queue_receiver(queue)))
    queue = case.queue("receive-disabled")
    raises(MessagingEntityDisabledError, client.get_queue_receiver(queue).__enter__)
    case.send(queue, ServiceBusMessage("x"))
