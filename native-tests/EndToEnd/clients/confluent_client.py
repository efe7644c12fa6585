"""librdkafka through confluent-kafka: create, describe, produce with default settings, consume in a group, compare.

usage: confluent_client.py BOOTSTRAP TOPIC COUNT     prints "same N records" and exits 0, or says what differs
"""

import sys

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])

admin = AdminClient({"bootstrap.servers": bootstrap})
for future in admin.create_topics([NewTopic(topic, num_partitions=3, config={"retention.ms": "3600000"})]).values():
    future.result(timeout=20)
described = admin.list_topics(topic, timeout=20).topics[topic]
assert described.error is None and len(described.partitions) == 3, described
resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
configs = list(admin.describe_configs([resource]).values())[0].result(timeout=20)
assert configs["retention.ms"].value == "3600000", configs["retention.ms"].value

sent = {}
failures = []
for idempotent in (False, True):
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": idempotent})

    def delivered(error, message):
        if error:
            failures.append(error)
        else:
            sent[(message.partition(), message.offset())] = (message.key(), message.value())

    for i in range(count // 2):
        while True:
            try:
                headers = [("n", str(i).encode())]
                producer.produce(topic, key=f"key-{i % 97}", value=f"value-{idempotent}-{i}", headers=headers, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(30) == 0, "not everything was delivered"
assert not failures, failures[:3]
assert len(sent) == count // 2 * 2, len(sent)

received = {}
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic + "-group", "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
idle = 0
while len(received) < len(sent) and idle < 30:
    messages = consumer.consume(10000, timeout=1)
    idle = 0 if messages else idle + 1
    for message in messages:
        assert message.error() is None, message.error()
        received[(message.partition(), message.offset())] = (message.key(), message.value())
consumer.commit(asynchronous=False)
committed = consumer.committed(consumer.assignment(), timeout=20)
consumer.close()
assert received == sent, f"{len(sent)} sent, {len(received)} received"
assert sum(p.offset for p in committed) == len(sent), committed
for future in admin.delete_topics([topic]).values():
    future.result(timeout=20)
print(f"same {len(sent)} records")
