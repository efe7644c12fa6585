"""librdkafka through confluent-kafka.    usage: confluent.py BOOTSTRAP"""

import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

from agent import Member, Members, No, headers_of, record, serve, value_of

LIMIT = 20


def only(futures):
    return list(futures.values())[0].result(timeout=LIMIT)


class Confluent(Members):
    def __init__(self, bootstrap):
        super().__init__()
        self.base = {"bootstrap.servers": bootstrap}
        self.client = AdminClient(self.base)
        self.open = {}

    def create(self, topic, partitions, settings):
        only(self.client.create_topics([NewTopic(topic, num_partitions=partitions, config=settings)]))

    def delete(self, topic):
        only(self.client.delete_topics([topic]))

    def topics(self):
        return list(self.client.list_topics(timeout=LIMIT).topics)

    def set(self, topic, name, value):
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        only(self.client.incremental_alter_configs([resource]))

    def get(self, topic, name):
        return only(self.client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]))[name].value

    def groups(self):
        return [group.group_id for group in self.client.list_consumer_groups().result(timeout=LIMIT).valid]

    def state(self, group):
        return only(self.client.describe_consumer_groups([group])).state.name

    def forget(self, group):
        only(self.client.delete_consumer_groups([group]))

    def trim(self, topic, offset):
        only(self.client.delete_records([TopicPartition(topic, 0, offset)]))

    def produce(self, topic, codec, idempotent, records):
        settings = {"compression.type": codec, "enable.idempotence": idempotent, "message.max.bytes": 20_000_000}
        producer = Producer({**self.base, **settings})
        failures = []

        def delivered(error, _):
            if error:
                failures.append(str(error))

        for sent in records:
            optional = {name: sent[name] for name in ("partition", "timestamp") if sent[name] is not None}
            producer.produce(
                topic, key=sent["key"], value=value_of(sent), headers=headers_of(sent), on_delivery=delivered, **optional
            )
        if producer.flush(LIMIT) or failures:
            raise RuntimeError(failures[0] if failures else "not everything was delivered")

    def read(self, topic, count, committed, timestamp, wait):
        consumer = Consumer({
            **self.base, "group.id": "none", "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "isolation.level": "read_committed" if committed else "read_uncommitted", "fetch.message.max.bytes": 20_000_000,
        })
        partitions = consumer.list_topics(topic, timeout=LIMIT).topics[topic].partitions
        places = [TopicPartition(topic, partition, 0) for partition in partitions]
        if timestamp is not None:
            places = consumer.offsets_for_times([TopicPartition(topic, 0, timestamp)], timeout=LIMIT)
        consumer.assign([TopicPartition(place.topic, place.partition, place.offset or -2) for place in places])
        received = []
        end = time.monotonic() + wait / 1000
        while len(received) < count and time.monotonic() < end:
            for message in consumer.consume(count - len(received), timeout=0.3):
                if message.error():
                    raise RuntimeError(str(message.error()))
                received.append(record(message.partition(), message.key(), message.value(), message.headers()))
        consumer.close()
        return received

    def transact(self, id, topic, values, end, group, offset):
        producer = Producer({**self.base, "transactional.id": id})
        producer.init_transactions(LIMIT)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value=value)
        producer.flush(LIMIT)
        if group:
            consumer = Consumer({**self.base, "group.id": group})
            producer.send_offsets_to_transaction([TopicPartition(topic, 0, offset)], consumer.consumer_group_metadata(), LIMIT)
            consumer.close()
        self.open[id] = producer
        if end != "open":
            self.end(id, end == "commit")

    def end(self, id, commit):
        producer = self.open.pop(id)
        producer.commit_transaction(LIMIT) if commit else producer.abort_transaction(LIMIT)

    def committed(self, group, topic):
        consumer = Consumer({**self.base, "group.id": group})
        offset = consumer.committed([TopicPartition(topic, 0)], timeout=LIMIT)[0].offset
        consumer.close()
        return offset

    def join(self, member, group, topic, strategy, protocol, instance, reset):
        if strategy == "sticky":
            raise No("librdkafka has only the cooperative form of it")
        settings = {"partition.assignment.strategy": strategy, "group.protocol": protocol, "group.instance.id": instance}
        settings = {name: value for name, value in settings.items() if value is not None}
        if not protocol:
            settings["heartbeat.interval.ms"] = 500

        def make(member):
            consumer = Consumer({**self.base, "group.id": group, "auto.offset.reset": reset, **settings})
            consumer.subscribe([topic], on_revoke=lambda _, partitions: member.count_revocation(partitions))
            return consumer

        def poll(consumer):
            return [message.value() for message in consumer.consume(100, timeout=0.1) if message.error() is None]

        self._members[member] = Member(
            make, poll, lambda consumer: [place.partition for place in consumer.assignment()], lambda consumer: consumer.close()
        )


serve(Confluent(sys.argv[1]))
