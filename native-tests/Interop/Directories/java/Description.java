import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.quota.ClientQuotaFilter;

/**
 * All that clients can see of a broker's data as lines, sorted, so that two brokers on the same directory give the same
 * text: what it is, a tab, whose, a tab, its value.
 */
final class Description {
    private final Cluster cluster;
    private final PrintStream out;
    private final TreeSet<String> lines = new TreeSet<>();
    private final Map<String, TopicDescription> topics = new TreeMap<>();
    private final List<TopicPartition> partitions = new ArrayList<>();

    Description(Cluster cluster, PrintStream out) {
        this.cluster = cluster;
        this.out = out;
    }

    void write() throws Exception {
        addTopics();
        addConfigs();
        addFeaturesQuotasAndCredentials();
        addOffsets();
        addProducers();
        awaitCoordinators();
        addGroups();
        addLogDirs();
        addTransactions();
        for (IsolationLevel isolation : IsolationLevel.values()) {
            addRecords(isolation);
        }
        lines.forEach(out::println);
    }

    private void add(String what, Object whose, Object value) {
        lines.add(what + "\t" + whose + "\t" + value);
    }

    private void addTopics() throws Exception {
        Set<String> names = cluster.admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
        topics.putAll(cluster.admin.describeTopics(names).allTopicNames().get());
        add("cluster", "id", cluster.admin.describeCluster().clusterId().get());
        for (TopicDescription topic : topics.values()) {
            add("topic", topic.name(), topic.topicId() + " internal=" + topic.isInternal());
            for (TopicPartitionInfo each : topic.partitions()) {
                TopicPartition partition = new TopicPartition(topic.name(), each.partition());
                partitions.add(partition);
                add("partition", partition, "leader=" + each.leader().id() + " replicas=" + each.replicas().size() + " isr=" + each.isr().size());
            }
        }
    }

    private void addConfigs() throws Exception {
        List<ConfigResource> resources = new ArrayList<>();
        topics.keySet().forEach(name -> resources.add(new ConfigResource(ConfigResource.Type.TOPIC, name)));
        resources.add(new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(Cluster.BROKER_ID)));
        resources.add(new ConfigResource(ConfigResource.Type.BROKER, ""));
        for (ConfigResource listed : cluster.admin.listConfigResources().all().get()) {
            if (listed.type() == ConfigResource.Type.GROUP || listed.type() == ConfigResource.Type.CLIENT_METRICS) {
                resources.add(listed);
            }
        }
        cluster.admin.describeConfigs(resources).all().get().forEach((resource, config) -> {
            for (ConfigEntry entry : config.entries()) {
                if (entry.source().name().startsWith("DYNAMIC_")) {
                    add("config", resource.type() + " " + resource.name(), entry.name() + "=" + entry.value() + " " + entry.source());
                }
            }
        });
    }

    private void addFeaturesQuotasAndCredentials() throws Exception {
        cluster.admin.describeFeatures().featureMetadata().get().finalizedFeatures()
            .forEach((name, range) -> add("feature", name, range.maxVersionLevel()));
        cluster.admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get()
            .forEach((entity, values) -> add("quota", new TreeMap<>(entity.entries()), new TreeMap<>(values)));
        cluster.admin.describeUserScramCredentials().all().get()
            .forEach((user, description) -> add("credential", user, description.credentialInfos()));
    }

    private void addOffsets() throws Exception {
        addOffsets("start", OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED);
        addOffsets("end", OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED);
        addOffsets("stable", OffsetSpec.latest(), IsolationLevel.READ_COMMITTED);
        addOffsets("newest", OffsetSpec.maxTimestamp(), IsolationLevel.READ_UNCOMMITTED);
    }

    private void addOffsets(String what, OffsetSpec spec, IsolationLevel isolation) throws Exception {
        Map<TopicPartition, OffsetSpec> asked = partitions.stream().filter(this::isFilledByUs).collect(Collectors.toMap(each -> each, each -> spec));
        cluster.admin.listOffsets(asked, new org.apache.kafka.clients.admin.ListOffsetsOptions(isolation)).all().get()
            .forEach((partition, answer) -> add("offset", partition + " " + what, answer.offset() + " " + answer.timestamp()));
    }

    private void addProducers() throws Exception {
        List<TopicPartition> asked = partitions.stream().filter(this::isFilledByUs).toList();
        cluster.admin.describeProducers(asked).all().get().forEach((partition, answer) -> {
            for (ProducerState state : answer.activeProducers()) {
                add("producer", partition + " " + state.producerId(),
                    "epoch=" + state.producerEpoch() + " sequence=" + state.lastSequence() + " time=" + state.lastTimestamp()
                        + " coordinator=" + state.coordinatorEpoch() + " transaction=" + state.currentTransactionStartOffset());
            }
        });
    }

    /** A coordinator that has just started lists the groups that it has loaded so far; to a question about one it says "later". */
    private void awaitCoordinators() throws Exception {
        int waiting = topics.containsKey("__consumer_offsets") ? topics.get("__consumer_offsets").partitions().size() : 0;
        Set<Integer> asked = new TreeSet<>();
        for (int i = 0; asked.size() < waiting; i++) {
            if (asked.add(Math.abs(("probe " + i).hashCode()) % waiting)) {
                cluster.admin.listConsumerGroupOffsets("probe " + i).all().get();
            }
        }
    }

    private void addGroups() throws Exception {
        Collection<GroupListing> listed = cluster.admin.listGroups().all().get();
        Set<String> withOffsets = new TreeSet<>();
        Map<String, ListShareGroupOffsetsSpec> shares = new TreeMap<>();
        for (GroupListing group : listed) {
            GroupType type = group.type().orElse(GroupType.UNKNOWN);
            add("group", group.groupId(), type + " " + group.protocol() + " " + group.groupState().orElse(null));
            if (type == GroupType.CLASSIC || type == GroupType.CONSUMER) {
                withOffsets.add(group.groupId());
            }
            if (type == GroupType.SHARE) {
                shares.put(group.groupId(), new ListShareGroupOffsetsSpec());
            }
        }
        cluster.admin.listConsumerGroupOffsets(withOffsets.stream().collect(Collectors.toMap(id -> id, id -> new ListConsumerGroupOffsetsSpec()))).all().get()
            .forEach((group, offsets) -> offsets.forEach((partition, offset) -> add("committed", group + " " + partition, text(offset))));
        for (String group : shares.keySet()) {
            cluster.admin.listShareGroupOffsets(shares).partitionsToOffsetInfo(group).get()
                .forEach((partition, offset) -> add("shared", partition + " of " + group, offset));
        }
    }

    private static String text(OffsetAndMetadata offset) {
        return offset == null ? "none" : offset.offset() + " epoch=" + offset.leaderEpoch().orElse(-1) + " " + offset.metadata();
    }

    private void addLogDirs() throws Exception {
        cluster.admin.describeLogDirs(List.of(Cluster.BROKER_ID)).allDescriptions().get().get(Cluster.BROKER_ID)
            .forEach((path, dir) -> dir.replicaInfos().forEach((partition, info) -> {
                if (isFilledByUs(partition)) {
                    add("size", partition, path + " " + info.size());
                }
            }));
    }

    private void addTransactions() throws Exception {
        for (TransactionListing listing : cluster.admin.listTransactions().all().get()) {
            var description = cluster.admin.describeTransactions(List.of(listing.transactionalId())).all().get().get(listing.transactionalId());
            List<TopicPartition> sorted = new ArrayList<>(description.topicPartitions());
            sorted.sort(Comparator.comparing(TopicPartition::toString));
            add("transaction", listing.transactionalId(), description.state() + " " + description.producerId() + "/" + description.producerEpoch()
                + " timeout=" + description.transactionTimeoutMs() + " start=" + description.transactionStartTimeMs().orElse(-1) + " " + sorted);
        }
    }

    /** Coordinators and compaction rewrite internal topics on their own account: those are compared by what they mean. */
    private boolean isFilledByUs(TopicPartition partition) {
        return !partition.topic().startsWith("__") && !partition.topic().equals(Topics.COMPACTED);
    }

    private void addRecords(IsolationLevel isolation) throws Exception {
        Map<String, Object> settings = new HashMap<>();
        settings.put("isolation.level", isolation.toString().toLowerCase(java.util.Locale.ROOT));
        settings.put("fetch.max.wait.ms", 20);
        settings.put("max.poll.records", 5000);
        Map<String, String> newest = new TreeMap<>();
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(settings)) {
            List<TopicPartition> read = partitions.stream().filter(each -> !each.topic().startsWith("__")).toList();
            consumer.assign(read);
            consumer.seekToBeginning(read);
            Map<TopicPartition, Long> ends = consumer.endOffsets(read);
            while (!read.stream().allMatch(each -> consumer.position(each) >= ends.get(each))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    if (record.topic().equals(Topics.COMPACTED)) {
                        newest.put(text(record.key()), record.value() == null ? null : record.offset() + " " + text(record));
                    } else {
                        add(isolation.toString(), record.topic() + "-" + record.partition(), String.format("%06d %s", record.offset(), text(record)));
                    }
                }
            }
        }
        newest.values().removeIf(java.util.Objects::isNull);
        newest.forEach((key, value) -> add(isolation + " newest", Topics.COMPACTED + " " + key, value));
    }

    private static String text(ConsumerRecord<byte[], byte[]> record) {
        StringBuilder text = new StringBuilder();
        text.append(record.timestampType()).append(' ').append(record.timestamp()).append(' ').append(record.leaderEpoch().orElse(-1));
        text.append(" [").append(text(record.key())).append("] [").append(text(record.value())).append(']');
        for (Header header : record.headers()) {
            text.append(' ').append(header.key()).append('=').append(text(header.value()));
        }
        return text.toString();
    }

    private static String text(byte[] bytes) {
        if (bytes == null) {
            return "null";
        }
        return bytes.length > 400
            ? bytes.length + " bytes " + Integer.toHexString(java.util.Arrays.hashCode(bytes))
            : new String(bytes, java.nio.charset.StandardCharsets.UTF_8);
    }
}
