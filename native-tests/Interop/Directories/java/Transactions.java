import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Transactions that commit, that abort, and two of each round that their producers leave open. */
final class Transactions {
    private static final String GROUP = "in-transactions";

    private final Cluster cluster;
    private final String round;

    Transactions(Cluster cluster, String round) {
        this.cluster = cluster;
        this.round = round;
    }

    void send() throws Exception {
        for (int i = 0; i < 3; i++) {
            end("committed", i, true);
            end("aborted", i, false);
        }
        leaveOpen("open." + round);
        leaveOpen("lost." + round);
        end("committed", 3, true);
    }

    /** Ends what was left open: "abort" as a person would with the tools, "fence" as the producer that comes back. */
    static void settle(Cluster cluster, String how) throws Exception {
        if (how.equals("fence")) {
            for (var listing : cluster.admin.listTransactions().all().get()) {
                if (listing.transactionalId().startsWith("open.")) {
                    try (KafkaProducer<byte[], byte[]> producer = producer(cluster, listing.transactionalId())) {
                        producer.initTransactions();
                    }
                }
            }
            return;
        }
        for (int i = 0; i < 2; i++) {
            TopicPartition partition = new TopicPartition(Topics.TRANSACTIONS, i);
            for (ProducerState state : cluster.admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers()) {
                if (state.currentTransactionStartOffset().isPresent()) {
                    cluster.admin.abortTransaction(new AbortTransactionSpec(partition, state.producerId(), (short) state.producerEpoch(), state.coordinatorEpoch().orElse(0))).all().get();
                }
            }
        }
    }

    private void end(String id, int number, boolean commits) {
        try (KafkaProducer<byte[], byte[]> producer = producer(cluster, id)) {
            begin(producer, id + " " + number);
            long offset = 100L * Integer.parseInt(round) + number;
            Map<TopicPartition, OffsetAndMetadata> offsets =
                Map.of(new TopicPartition("codec-none", 0), new OffsetAndMetadata(offset, "of " + id));
            producer.sendOffsetsToTransaction(offsets, group(GROUP));
            if (commits) {
                producer.commitTransaction();
            } else {
                producer.flush();
                producer.abortTransaction();
            }
        }
    }

    private void leaveOpen(String id) {
        KafkaProducer<byte[], byte[]> producer = producer(cluster, id);
        begin(producer, id);
        Map<TopicPartition, OffsetAndMetadata> offsets = Map.of(new TopicPartition("codec-none", 1), new OffsetAndMetadata(1, "pending"));
        producer.sendOffsetsToTransaction(offsets, group("pending." + round));
        producer.flush();
        // Without waiting, or the producer would abort.
        producer.close(Duration.ZERO);
    }

    private void begin(KafkaProducer<byte[], byte[]> producer, String text) {
        producer.initTransactions();
        producer.beginTransaction();
        for (int i = 0; i < 20; i++) {
            producer.send(new ProducerRecord<>(Topics.TRANSACTIONS, i % 2, Topics.bytes("key " + i), Topics.bytes("round " + round + " " + text + " record " + i)));
        }
    }

    private ConsumerGroupMetadata group(String id) {
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of("group.id", id))) {
            return consumer.groupMetadata();
        }
    }

    private static KafkaProducer<byte[], byte[]> producer(Cluster cluster, String id) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("transactional.id", id);
        settings.put("transaction.timeout.ms", 900_000);
        settings.put("linger.ms", 5);
        return cluster.producer(settings);
    }
}
