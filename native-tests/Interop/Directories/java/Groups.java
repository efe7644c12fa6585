import java.time.Duration;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.message.StreamsGroupHeartbeatRequestData;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.StreamsGroupHeartbeatRequest;
import org.apache.kafka.common.requests.StreamsGroupHeartbeatResponse;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Groups of every kind that the broker has, with offsets; each round commits further ones. */
final class Groups {
    /** What the share group has finished with so far, on every broker that the directory has been on. */
    private static final Map<TopicPartition, BitSet> ACKNOWLEDGED = new HashMap<>();

    private final Cluster cluster;
    private final String round;

    Groups(Cluster cluster, String round) {
        this.cluster = cluster;
        this.round = round;
    }

    void commit() throws Exception {
        consume("classic", "classic");
        consume("consumers", "consumer");
        share();
        stream();
        long offset = Long.parseLong(round) * 10;
        alter("simple", "shapes", 0, offset);
        alter("simple", "shapes", 1, offset + 1);
        alter("simple", "growing", 0, offset + 2);
        cluster.admin.deleteConsumerGroupOffsets("simple", Set.of(new TopicPartition("shapes", 1))).all().get();
        alter("gone", "shapes", 0, offset);
        cluster.admin.deleteConsumerGroups(List.of("gone")).all().get();
        alter("made." + round, "shapes", 2, offset);
    }

    private void alter(String group, String topic, int partition, long offset) throws Exception {
        OffsetAndMetadata value = new OffsetAndMetadata(offset, "round " + round);
        cluster.admin.alterConsumerGroupOffsets(group, Map.of(new TopicPartition(topic, partition), value)).all().get();
    }

    private void consume(String group, String protocol) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("group.id", group);
        settings.put("group.protocol", protocol);
        settings.put("client.id", "reader of " + group);
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(settings)) {
            consumer.subscribe(List.of("codec-none", "codec-zstd"));
            // All partitions have records that the group has not seen.
            while (consumer.assignment().size() < 4 || consumer.poll(Duration.ofMillis(500)).isEmpty()) {
                consumer.poll(Duration.ofMillis(100));
            }
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (TopicPartition partition : consumer.assignment()) {
                long offset = Math.max(1, consumer.position(partition) - partition.partition());
                offsets.put(partition, new OffsetAndMetadata(offset, java.util.Optional.of(0), "round " + round));
            }
            consumer.commitSync(offsets);
        }
    }

    /** Reads and acknowledges a piece. It begins where the group has come to, with whichever broker that was. */
    private void share() throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.GROUP, "shares");
        AlterConfigOp earliest = new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
        cluster.admin.incrementalAlterConfigs(Map.of(resource, List.of(earliest))).all().get();
        Set<TopicPartition> begun = new HashSet<>();
        Map<String, Object> settings = Map.of("bootstrap.servers", cluster.bootstrap, "group.id", "shares", "max.poll.records", 50);
        try (KafkaShareConsumer<byte[], byte[]> consumer = new KafkaShareConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of("codec-none"));
            Cluster.await("records of both partitions for the share group", () -> {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(500));
                for (TopicPartition partition : records.partitions()) {
                    BitSet done = ACKNOWLEDGED.computeIfAbsent(partition, any -> new BitSet());
                    long first = records.records(partition).get(0).offset();
                    if (begun.add(partition) && first != done.nextClearBit(0)) {
                        throw new IllegalStateException("of " + partition + " the group has finished " + done + " and is given " + first);
                    }
                }
                var confirmed = consumer.commitSync();
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                    confirmed.forEach((id, error) -> {
                        if (id.topicPartition().equals(partition) && error.isEmpty()) {
                            ACKNOWLEDGED.get(partition).set((int) record.offset());
                        }
                    });
                }
                return begun.size() == 2;
            });
        }
    }

    /** A member that says what it would work on and leaves again: the group and its topology stay. */
    private void stream() throws Exception {
        String member = Uuid.randomUuid().toString();
        StreamsGroupHeartbeatRequestData.Subtopology part = new StreamsGroupHeartbeatRequestData.Subtopology()
            .setSubtopologyId("0")
            .setSourceTopics(List.of("codec-none"));
        StreamsGroupHeartbeatRequestData join = new StreamsGroupHeartbeatRequestData()
            .setGroupId("streams")
            .setMemberId(member)
            .setRebalanceTimeoutMs(60_000)
            .setProcessId("process")
            .setTopology(new StreamsGroupHeartbeatRequestData.Topology().setSubtopologies(List.of(part)))
            .setActiveTasks(List.of())
            .setStandbyTasks(List.of())
            .setWarmupTasks(List.of());
        StreamsGroupHeartbeatRequestData leave =
            new StreamsGroupHeartbeatRequestData().setGroupId("streams").setMemberId(member).setMemberEpoch(-1);
        try (Wire wire = new Wire(cluster.bootstrap)) {
            for (StreamsGroupHeartbeatRequestData each : List.of(join, leave)) {
                StreamsGroupHeartbeatResponse answer = wire.call(new StreamsGroupHeartbeatRequest.Builder(each).build((short) 0));
                if (answer.data().errorCode() != 0) {
                    throw new IllegalStateException(Errors.forCode(answer.data().errorCode()) + " " + answer.data().errorMessage());
                }
            }
        }
    }
}
