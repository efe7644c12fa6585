"""Transactions of librdkafka: copies a topic, every tenth transaction is aborted and done again, offsets travel with the records.

usage: confluent_transactions.py BOOTSTRAP TOPIC COUNT     prints "same N records" and exits 0, or says what differs
"""

import sys

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
target = topic + "-copied"

admin = AdminClient({"bootstrap.servers": bootstrap})
for future in admin.create_topics([NewTopic(name, num_partitions=3) for name in (topic, target)]).values():
    future.result(timeout=20)

source = Producer({"bootstrap.servers": bootstrap})
for i in range(count):
    source.produce(topic, value=f"value-{i}")
    source.poll(0)
assert source.flush(30) == 0, "not everything was delivered"

settings = {"bootstrap.servers": bootstrap, "auto.offset.reset": "earliest", "enable.auto.commit": False}
# With its only broker away this client would begin from its bootstrap addresses again, and wait for ever for the broker
# that it then takes out of use.
patient = {"metadata.recovery.strategy": "none"}
reader = Consumer({**settings, **patient, "group.id": topic + "-copier"})
reader.subscribe([topic])
producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": topic + "-copier", **patient})
producer.init_transactions(30)
copied = transactions = 0
while copied < count:
    # While the broker is away the client reports that, between the records; it goes on by itself.
    messages = [message for message in reader.consume(200, timeout=1) if message.error() is None]
    if not messages:
        continue
    ends = {}
    transactions += 1
    aborts = transactions % 10 == 3
    producer.begin_transaction()
    for message in messages:
        producer.produce(target, value=message.value())
        ends[message.partition()] = message.offset() + 1
    offsets = [TopicPartition(topic, p, o) for p, o in ends.items()]
    try:
        producer.send_offsets_to_transaction(offsets, reader.consumer_group_metadata(), 30)
        if not aborts:
            producer.commit_transaction(30)
    except KafkaException as failure:
        if not failure.args[0].txn_requires_abort():
            raise
        aborts = True
    if aborts:
        producer.abort_transaction(30)
        for partition in reader.committed([TopicPartition(topic, p) for p in ends], timeout=20):
            partition.offset = max(partition.offset, 0)
            reader.seek(partition)
    else:
        copied += len(messages)
reader.close()

values = []
checker = Consumer({**settings, "group.id": topic + "-checker", "isolation.level": "read_committed"})
checker.subscribe([target])
idle = 0
while idle < 3 and len(values) <= count:
    messages = checker.consume(10000, timeout=1)
    idle = 0 if messages or len(values) < count and idle < 2 else idle + 1
    values += [message.value() for message in messages if message.error() is None]
checker.close()
assert sorted(values) == sorted(f"value-{i}".encode() for i in range(count)), f"{count} sent, {len(values)} copied"
print(f"same {count} records")
