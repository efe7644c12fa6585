import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** The same offsets and transactions again and again: in the coordinators' topics little counts among much that does not any more. */
final class Rewrites {
    private static final String TOPIC = "rewritten";
    private static final int GROUPS = 5;
    private static final int PRODUCERS = 3;
    private static final int GONE_EVERY = 50;

    private Rewrites() {}

    static void run(Cluster cluster, int times) throws Exception {
        String padding = "p".repeat(2000);
        cluster.admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get();
        List<KafkaProducer<byte[], byte[]>> producers = new ArrayList<>();
        for (int i = 0; i < PRODUCERS; i++) {
            Map<String, Object> settings = new HashMap<>();
            settings.put("transactional.id", "rewriter." + i + padding);
            settings.put("linger.ms", 0);
            KafkaProducer<byte[], byte[]> producer = cluster.producer(settings);
            producer.initTransactions();
            producers.add(producer);
        }
        for (int i = 0; i < times; i++) {
            commit(cluster, "rewritten." + i % GROUPS, i, padding);
            if (i % GONE_EVERY == 0) {
                commit(cluster, "gone." + i, i, padding);
                cluster.admin.deleteConsumerGroups(List.of("gone." + i)).all().get();
            }
            KafkaProducer<byte[], byte[]> producer = producers.get(i % PRODUCERS);
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(TOPIC, 0, Topics.bytes("key"), Topics.bytes("transaction " + i)));
            if (i % 4 == 0) {
                producer.flush();
                producer.abortTransaction();
            } else {
                producer.commitTransaction();
            }
        }
        producers.forEach(KafkaProducer::close);
    }

    private static void commit(Cluster cluster, String group, long offset, String padding) throws Exception {
        OffsetAndMetadata value = new OffsetAndMetadata(offset, Optional.of(0), offset + padding);
        cluster.admin.alterConsumerGroupOffsets(group, Map.of(new TopicPartition(TOPIC, 0), value)).all().get();
    }
}
