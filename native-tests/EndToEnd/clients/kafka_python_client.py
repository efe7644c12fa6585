"""kafka-python (2.0 and 3.0): create, describe, produce with default settings, consume in a group, compare.

usage: kafka_python_client.py BOOTSTRAP TOPIC COUNT     prints "same N records" and exits 0, or says what differs
"""

import sys
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])

admin = KafkaAdminClient(bootstrap_servers=bootstrap)
admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])

producer = KafkaProducer(bootstrap_servers=bootstrap)
futures = []
for i in range(count):
    headers = [("n", str(i).encode())]
    futures.append((i, producer.send(topic, key=f"key-{i % 97}".encode(), value=f"value-{i}".encode(), headers=headers)))
producer.flush(timeout=60)
sent = {}
for i, future in futures:
    metadata = future.get(timeout=20)
    sent[(metadata.partition, metadata.offset)] = (f"key-{i % 97}".encode(), f"value-{i}".encode())
assert len(sent) == count, len(sent)
assert producer.partitions_for(topic) == {0, 1, 2}, producer.partitions_for(topic)
producer.close()

received = {}
consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic + "-group", auto_offset_reset="earliest")
give_up = time.monotonic() + 60
while len(received) < count and time.monotonic() < give_up:
    for records in consumer.poll(timeout_ms=1000).values():
        for record in records:
            received[(record.partition, record.offset)] = (record.key, record.value)
consumer.commit()
committed = sum(consumer.committed(partition) or 0 for partition in consumer.assignment())
consumer.close()
assert received == sent, f"{len(sent)} sent, {len(received)} received"
assert committed == count, committed
admin.delete_topics([topic])
admin.close()
print(f"same {len(sent)} records")
