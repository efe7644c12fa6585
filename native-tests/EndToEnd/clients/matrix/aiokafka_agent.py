"""aiokafka.    usage: aiokafka_agent.py BOOTSTRAP"""

import asyncio
import json
import sys
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import for_code

from agent import No, headers_of, record, value_of

STRATEGIES = {"range": RangePartitionAssignor, "sticky": StickyPartitionAssignor}


def check(code, message):
    if code:
        raise for_code(code)(message)


class Listener(ConsumerRebalanceListener):
    revoked = 0

    def on_partitions_revoked(self, revoked):
        self.revoked += 1 if revoked else 0

    def on_partitions_assigned(self, assigned):
        pass


class Member:
    def __init__(self, consumer, topic):
        self.consumer = consumer
        self.listener = Listener()
        self.values = []
        consumer.subscribe([topic], listener=self.listener)
        self.task = asyncio.create_task(self.run())

    async def run(self):
        await self.consumer.start()
        while True:
            for records in (await self.consumer.getmany(timeout_ms=100)).values():
                self.values += [one.value.decode() for one in records]

    def look(self):
        if self.task.done():
            self.task.result()
        assigned = sorted(place.partition for place in self.consumer.assignment())
        return {"assigned": assigned, "revoked": self.listener.revoked, "values": self.values}

    async def leave(self):
        self.task.cancel()
        await self.consumer.stop()


class Aiokafka:
    def __init__(self, bootstrap):
        self.base = {"bootstrap_servers": bootstrap}
        self.client = AIOKafkaAdminClient(**self.base)
        self.open = {}
        self.members = {}

    async def create(self, topic, partitions, settings):
        answer = await self.client.create_topics([NewTopic(topic, partitions, 1, topic_configs=settings)])
        for error in answer.topic_errors:
            check(error[1], f"{error}")

    async def delete(self, topic):
        answer = await self.client.delete_topics([topic])
        for error in answer.topic_error_codes:
            check(error[1], f"{error}")

    async def topics(self):
        return list(await self.client.list_topics())

    async def set(self, topic, name, value):
        answers = await self.client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])
        for resource in answers[0].resources:
            check(resource[0], f"{resource}")

    async def get(self, topic, name):
        answers = await self.client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: None})])
        return [config[1] for config in answers[0].resources[0][4] if config[0] == name][0]

    async def groups(self):
        return [group[0] for group in await self.client.list_consumer_groups()]

    async def state(self, group):
        return (await self.client.describe_consumer_groups([group]))[0].groups[0][2]

    async def forget(self, group):
        raise No("it has no call to delete groups")

    async def trim(self, topic, offset):
        await self.client.delete_records({TopicPartition(topic, 0): RecordsToDelete(offset)})

    async def produce(self, topic, codec, idempotent, records):
        codec = None if codec == "none" else codec
        producer = AIOKafkaProducer(
            **self.base, compression_type=codec, enable_idempotence=idempotent, max_request_size=20_000_000
        )
        await producer.start()
        try:
            sends = []
            for sent in records:
                key = sent["key"].encode() if sent["key"] is not None else None
                sends.append(await producer.send(
                    topic, value=value_of(sent), key=key, headers=headers_of(sent), partition=sent["partition"],
                    timestamp_ms=sent["timestamp"],
                ))
            for send in sends:
                await send
        finally:
            await producer.stop()

    async def read(self, topic, count, committed, timestamp, wait):
        isolation = "read_committed" if committed else "read_uncommitted"
        consumer = AIOKafkaConsumer(**self.base, isolation_level=isolation, max_partition_fetch_bytes=20_000_000)
        await consumer.start()
        places = [TopicPartition(topic, p["partition"]) for p in (await self.client.describe_topics([topic]))[0]["partitions"]]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        if timestamp is not None:
            place = TopicPartition(topic, 0)
            consumer.seek(place, (await consumer.offsets_for_times({place: timestamp}))[place].offset)
        received = []
        end = time.monotonic() + wait / 1000
        while len(received) < count and time.monotonic() < end:
            for records in (await consumer.getmany(timeout_ms=300, max_records=count - len(received))).values():
                received += [record(one.partition, one.key, one.value, one.headers) for one in records]
        await consumer.stop()
        return received

    async def transact(self, id, topic, values, end, group, offset):
        producer = AIOKafkaProducer(**self.base, transactional_id=id)
        await producer.start()
        await producer.begin_transaction()
        for value in values:
            await producer.send_and_wait(topic, value.encode())
        if group:
            await producer.send_offsets_to_transaction({TopicPartition(topic, 0): offset}, group)
        self.open[id] = producer
        if end != "open":
            await self.end(id, end == "commit")

    async def end(self, id, commit):
        producer = self.open.pop(id)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
        await producer.stop()

    async def committed(self, group, topic):
        consumer = AIOKafkaConsumer(**self.base, group_id=group)
        await consumer.start()
        offset = await consumer.committed(TopicPartition(topic, 0))
        await consumer.stop()
        return -1 if offset is None else offset

    async def join(self, member, group, topic, strategy, protocol, instance, reset):
        if protocol:
            raise No("it has no KIP-848")
        if strategy and strategy not in STRATEGIES:
            raise No("it has no cooperative assignor")
        settings = {"partition_assignment_strategy": [STRATEGIES[strategy]]} if strategy else {}
        consumer = AIOKafkaConsumer(
            **self.base, group_id=group, group_instance_id=instance, auto_offset_reset=reset, heartbeat_interval_ms=500, **settings
        )
        self.members[member] = Member(consumer, topic)

    async def member(self, member):
        return self.members[member].look()

    async def leave(self, member):
        await self.members.pop(member).leave()


async def main():
    agent = Aiokafka(sys.argv[1])
    await agent.client.start()
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        try:
            found = {"ok": await getattr(agent, command.pop("op"))(**command)}
        except No as no:
            found = {"no": str(no)}
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(found), flush=True)


asyncio.run(main())
