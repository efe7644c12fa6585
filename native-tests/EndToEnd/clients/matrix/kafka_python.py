"""kafka-python, 2.0 and 3.0.    usage: kafka_python.py BOOTSTRAP"""

import sys
import time

import kafka
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.coordinator.assignors.range import RangePartitionAssignor

from agent import Member, Members, No, headers_of, record, serve, value_of

IS_OLD = kafka.__version__.startswith("2.")
LIMIT = 20
FETCH = {"max_partition_fetch_bytes": 20_000_000}


def strategy_of(name):
    if name == "range":
        return RangePartitionAssignor
    if name == "sticky":
        from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

        return StickyPartitionAssignor
    if IS_OLD:
        raise No("it has no cooperative assignor")
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

    return CooperativeStickyAssignor


def not_in_old(what):
    if IS_OLD:
        raise No(f"it has no {what}")


class Listener(ConsumerRebalanceListener):
    def __init__(self, member):
        self.member = member

    def on_partitions_revoked(self, partitions):
        self.member.count_revocation(partitions)

    def on_partitions_assigned(self, partitions):
        pass


class KafkaPython(Members):
    def __init__(self, bootstrap):
        super().__init__()
        self.base = {"bootstrap_servers": bootstrap}
        self.client = KafkaAdminClient(**self.base)
        self.open = {}

    def create(self, topic, partitions, settings):
        self.client.create_topics([NewTopic(topic, partitions, 1, topic_configs=settings)])

    def delete(self, topic):
        self.client.delete_topics([topic])

    def topics(self):
        listed = self.client.list_topics()
        return [topic["name"] if isinstance(topic, dict) else topic for topic in listed]

    def set(self, topic, name, value):
        self.client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])

    def get(self, topic, name):
        found = self.client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: None} if IS_OLD else [name])])
        if not IS_OLD:
            return (found[0] if isinstance(found, list) else found["topic"][topic])[name]["value"]
        return [config[1] for config in found[0].resources[0][4] if config[0] == name][0]

    def groups(self):
        if IS_OLD:
            return [group[0] for group in self.client.list_consumer_groups()]
        return [group["group_id"] for group in self.client.list_groups()]

    def state(self, group):
        if IS_OLD:
            return self.client.describe_consumer_groups([group])[0].state
        found = self.client.describe_groups([group])[group]
        return found.get("group_state") or found["state"]

    def forget(self, group):
        if IS_OLD:
            [(_, error)] = self.client.delete_consumer_groups([group])
            if error.errno:
                raise error
        else:
            self.client.delete_groups([group])

    def trim(self, topic, offset):
        not_in_old("call for it")
        self.client.delete_records({TopicPartition(topic, 0): offset})

    def produce(self, topic, codec, idempotent, records):
        settings = {} if IS_OLD else {"enable_idempotence": idempotent}
        if idempotent:
            not_in_old("idempotent producer")
        codec = None if codec == "none" else codec
        try:
            producer = KafkaProducer(**self.base, compression_type=codec, max_request_size=20_000_000, **settings)
        except (AssertionError, RuntimeError) as missing:
            raise No(str(missing)) if "Libraries for" in str(missing) else missing
        try:
            sends = []
            for sent in records:
                key = sent["key"].encode() if sent["key"] is not None else None
                sends.append(producer.send(
                    topic, value=value_of(sent), key=key, headers=headers_of(sent), partition=sent["partition"],
                    timestamp_ms=sent["timestamp"],
                ))
            for send in sends:
                send.get(LIMIT)
        finally:
            producer.close(LIMIT)

    def read(self, topic, count, committed, timestamp, wait):
        if IS_OLD and committed:
            raise No("it has no read_committed")
        settings = {} if IS_OLD else {"isolation_level": "read_committed" if committed else "read_uncommitted"}
        consumer = KafkaConsumer(**self.base, **FETCH, **settings, enable_auto_commit=False)
        places = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        if timestamp is not None:
            place = TopicPartition(topic, 0)
            consumer.seek(place, consumer.offsets_for_times({place: timestamp})[place].offset)
        received = []
        end = time.monotonic() + wait / 1000
        while len(received) < count and time.monotonic() < end:
            for records in consumer.poll(timeout_ms=300, max_records=count - len(received)).values():
                received += [record(one.partition, one.key, one.value, one.headers) for one in records]
        consumer.close()
        return received

    def transact(self, id, topic, values, end, group, offset):
        not_in_old("transactions")
        producer = KafkaProducer(**self.base, transactional_id=id)
        producer.init_transactions()
        producer.begin_transaction()
        for value in values:
            producer.send(topic, value=value.encode())
        producer.flush(LIMIT)
        if group:
            from kafka.structs import OffsetAndMetadata

            offsets = {TopicPartition(topic, 0): OffsetAndMetadata(offset, "", -1)}
            producer.send_offsets_to_transaction(offsets, group)
        self.open[id] = producer
        if end != "open":
            self.end(id, end == "commit")

    def end(self, id, commit):
        producer = self.open.pop(id)
        producer.commit_transaction() if commit else producer.abort_transaction()
        producer.close(LIMIT)

    def committed(self, group, topic):
        consumer = KafkaConsumer(**self.base, group_id=group)
        offset = consumer.committed(TopicPartition(topic, 0))
        consumer.close()
        return -1 if offset is None else offset

    def join(self, member, group, topic, strategy, protocol, instance, reset):
        settings = {}
        if protocol:
            raise No("it has no KIP-848")
        if strategy:
            settings["partition_assignment_strategy"] = [strategy_of(strategy)]
        if instance:
            not_in_old("static members")
            settings["group_instance_id"] = instance

        def make(member):
            consumer = KafkaConsumer(**self.base, group_id=group, auto_offset_reset=reset, heartbeat_interval_ms=500, **settings)
            # It joins before it has asked for the topic, joins again, and now and then loses what the second join gave it.
            consumer.partitions_for_topic(topic)
            consumer.subscribe([topic], listener=Listener(member))
            return consumer

        def poll(consumer):
            return [one.value for records in consumer.poll(timeout_ms=100).values() for one in records]

        self._members[member] = Member(
            make, poll, lambda consumer: [place.partition for place in consumer.assignment()], lambda consumer: consumer.close()
        )


serve(KafkaPython(sys.argv[1]))
