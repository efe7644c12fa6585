import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** Topics of every kind with records in them. Each round adds to all of them, makes a topic and deletes one. */
final class Topics {
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    static final String COMPACTED = "compacted";
    static final String SEQUENCES = "sequences";
    static final String TRANSACTIONS = "transactions";

    private final Cluster cluster;
    private final String round;
    private final boolean isFirst;
    private final long now = System.currentTimeMillis();
    private final List<Future<RecordMetadata>> sent = new ArrayList<>();

    Topics(Cluster cluster, String round) {
        this.cluster = cluster;
        this.round = round;
        isFirst = round.equals("0");
    }

    void fill() throws Exception {
        if (isFirst) {
            create();
        } else {
            cluster.admin.createPartitions(Map.of("growing", NewPartitions.increaseTo(1 + Integer.parseInt(round)))).all().get();
            cluster.admin.createTopics(List.of(topic("made." + round, 2, Map.of("segment.bytes", "2097152")))).all().get();
        }
        for (String codec : CODECS) {
            try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of("compression.type", codec))) {
                sendPlain(producer, "codec-" + codec, 2, 300);
                if (codec.equals("none")) {
                    sendShapes(producer);
                    sendSegments(producer);
                    sendKeys(producer);
                }
                if (codec.equals("gzip")) {
                    sendPlain(producer, "append-time", 1, 60);
                    sendPlain(producer, "recompressed", 1, 60);
                    sendPlain(producer, isFirst ? "deleted" : "made." + round, 2, 60);
                }
                producer.flush();
            }
        }
        for (Future<RecordMetadata> each : sent) {
            each.get();
        }
        deleteRecords();
        cluster.admin.deleteTopics(List.of(isFirst ? "deleted" : before())).all().get();
    }

    /** What the round before made; the first one made a topic for the second to delete. */
    private String before() {
        return "made." + (Integer.parseInt(round) - 1);
    }

    private void create() throws Exception {
        List<NewTopic> topics = new ArrayList<>();
        for (String codec : CODECS) {
            topics.add(topic("codec-" + codec, 2, Map.of()));
        }
        topics.add(topic("shapes", 3, Map.of("retention.ms", "604900000", "max.message.bytes", "2000000")));
        topics.add(topic("segments-by-time", 1, Map.of("segment.ms", "10000")));
        topics.add(topic("segments-by-size", 1, Map.of("segment.bytes", "1048576", "index.interval.bytes", "1024")));
        topics.add(topic("records-deleted", 2, Map.of("segment.ms", "10000")));
        topics.add(topic("append-time", 1, Map.of("message.timestamp.type", "LogAppendTime")));
        topics.add(topic("recompressed", 1, Map.of("compression.type", "zstd")));
        topics.add(topic("deleted", 2, Map.of()));
        topics.add(topic("made.0", 1, Map.of()));
        topics.add(topic("growing", 1, Map.of()));
        topics.add(topic("empty", 4, Map.of()));
        topics.add(topic(SEQUENCES, 1, Map.of()));
        topics.add(topic(TRANSACTIONS, 2, Map.of("segment.ms", "60000")));
        Map<String, String> compacted =
            Map.of("cleanup.policy", "compact", "segment.ms", "1000", "min.cleanable.dirty.ratio", "0.01", "delete.retention.ms", "3600000");
        topics.add(topic(COMPACTED, 1, compacted));
        cluster.admin.createTopics(topics).all().get();
    }

    private static NewTopic topic(String name, int partitions, Map<String, String> settings) {
        return new NewTopic(name, partitions, (short) 1).configs(settings);
    }

    private void sendPlain(KafkaProducer<byte[], byte[]> producer, String topic, int partitions, int count) {
        for (int i = 0; i < count; i++) {
            String text = "round " + round + " record " + i + " of " + topic;
            send(producer, topic, i % partitions, now - 3_600_000 + i, i % 3 == 0 ? null : "key " + i % 7, text);
        }
    }

    /** Records without key, value or both, empty ones, headers with and without value, times out of order. */
    private void sendShapes(KafkaProducer<byte[], byte[]> producer) {
        Random random = new Random(round.hashCode());
        for (int i = 0; i < 120; i++) {
            String key = i % 4 == 0 ? null : i % 4 == 1 ? "" : "key " + i;
            String value = i % 5 == 0 ? null : i % 5 == 1 ? "" : "round " + round + " value " + "v".repeat(random.nextInt(300));
            long timestamp = now - random.nextInt(100_000);
            ProducerRecord<byte[], byte[]> record = new ProducerRecord<>("shapes", i % 3, timestamp, bytes(key), bytes(value));
            for (int h = 0; h < i % 6; h++) {
                record.headers().add("header " + h, h % 2 == 0 ? null : bytes("of " + i));
            }
            sent.add(producer.send(record));
        }
        send(producer, "growing", 0, now, null, "round " + round);
    }

    /** Batches whose times are apart, each after the one before: segments end by their age. */
    private void sendSegments(KafkaProducer<byte[], byte[]> producer) {
        for (int i = 0; i < 12; i++) {
            long timestamp = now - 3_000_000 + i * 4_000L;
            for (int j = 0; j < 5; j++) {
                send(producer, "segments-by-time", 0, timestamp, "key " + j, "round " + round + " batch " + i);
                send(producer, "records-deleted", j % 2, timestamp, null, "round " + round + " batch " + i);
            }
            producer.flush();
        }
        byte[] value = new byte[9_000];
        new Random(7).nextBytes(value);
        for (int i = 0; i < 280; i++) {
            sent.add(producer.send(new ProducerRecord<>("segments-by-size", 0, now + i, bytes("key " + i), value)));
        }
    }

    /** The same keys again and again, some deleted, in many small segments. */
    private void sendKeys(KafkaProducer<byte[], byte[]> producer) {
        for (int i = 0; i < 20; i++) {
            for (int key = 0; key < 10; key++) {
                boolean isDeleted = key == 3 && i == 18;
                long timestamp = now - 100_000 + i * 2_000L;
                send(producer, COMPACTED, 0, timestamp, "key " + key, isDeleted ? null : "round " + round + " turn " + i);
            }
            producer.flush();
        }
    }

    private void deleteRecords() throws Exception {
        TopicPartition partition = new TopicPartition("records-deleted", 0);
        long offset = 14 + 20L * Integer.parseInt(round);
        long low = cluster.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(offset))).lowWatermarks().get(partition).get().lowWatermark();
        if (low != offset) {
            throw new IllegalStateException("records before " + offset + " were to be deleted, and the log starts at " + low);
        }
    }

    private void send(KafkaProducer<byte[], byte[]> producer, String topic, int partition, long timestamp, String key, String value) {
        sent.add(producer.send(new ProducerRecord<>(topic, partition, timestamp, bytes(key), bytes(value))));
    }

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }
}
