"""Transactions of aiokafka: commits and aborts in turn, with offsets; a reader of committed records sees what was committed.

usage: aiokafka_transactions.py BOOTSTRAP TOPIC COUNT     prints "same N records" and exits 0, or says what differs
"""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
EACH = 100


async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic + "-writer")
    await producer.start()
    committed = []
    number = 0
    while len(committed) < count:
        number += 1
        values = [f"{number}-{i}".encode() for i in range(min(EACH, count - len(committed)))]
        await producer.begin_transaction()
        for i, value in enumerate(values):
            await producer.send(topic, value, partition=i % 3)
        group = topic + "-group"
        await producer.send_offsets_to_transaction({TopicPartition(topic, 0): number}, group)
        if number % 4 == 0:
            await producer.abort_transaction()
        else:
            await producer.commit_transaction()
            committed += values
            last = number
    await producer.stop()

    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=topic + "-group-of-reader",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    received = []
    idle = 0
    while idle < 3:
        batches = await consumer.getmany(timeout_ms=1000)
        idle = 0 if batches or len(received) < count and idle < 2 else idle + 1
        received += [record.value for records in batches.values() for record in records]
    await consumer.stop()
    assert sorted(received) == sorted(committed), f"{len(committed)} committed, {len(received)} received"

    offsets = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=topic + "-group")
    await offsets.start()
    assert await offsets.committed(TopicPartition(topic, 0)) == last
    await offsets.stop()
    print(f"same {count} records")


asyncio.run(main())
