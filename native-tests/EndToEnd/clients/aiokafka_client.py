"""aiokafka: create, describe, produce with default settings and idempotent, consume in a group, compare.

usage: aiokafka_client.py BOOTSTRAP TOPIC COUNT     prints "same N records" and exits 0, or says what differs
"""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])
    described = await admin.describe_topics([topic])
    assert len(described[0]["partitions"]) == 3, described

    sent = {}
    for idempotent in (False, True):
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=idempotent)
        await producer.start()
        futures = []
        for i in range(count // 2):
            key, value = f"key-{i % 97}".encode(), f"value-{idempotent}-{i}".encode()
            futures.append((key, value, await producer.send(topic, key=key, value=value, headers=[("n", b"1")])))
        await producer.flush()
        for key, value, future in futures:
            metadata = await future
            sent[(metadata.partition, metadata.offset)] = (key, value)
        await producer.stop()
    assert len(sent) == count // 2 * 2, len(sent)

    received = {}
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic + "-group", auto_offset_reset="earliest")
    await consumer.start()

    async def receive():
        while len(received) < len(sent):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    received[(record.partition, record.offset)] = (record.key, record.value)

    await asyncio.wait_for(receive(), 60)
    await consumer.commit()
    committed = sum([await consumer.committed(partition) for partition in consumer.assignment()])
    await consumer.stop()
    assert received == sent, f"{len(sent)} sent, {len(received)} received"
    assert committed == len(sent), committed
    await admin.delete_topics([topic])
    await admin.close()
    print(f"same {len(sent)} records")


asyncio.run(main())
