import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Counts words with Kafka Streams while they are written, and checks that every one was counted once:
 * BOOTSTRAP PROTOCOL GUARANTEE LINES DIRECTORY. A line of the output topic says how often a word has come so far, so the last
 * one of each word is its count, and an output of exactly one count after the other has none twice.
 */
public final class WordCount {
    private static final int PARTITIONS = 3;
    private static final int WORDS = 40;
    private static final long LIMIT_MS = 170_000;

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String protocol = args[1];
        String guarantee = args[2];
        int lines = Integer.parseInt(args[3]);
        Map<String, Object> clients = Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        try (Admin admin = Admin.create(clients)) {
            admin.createTopics(Set.of(new NewTopic("lines", PARTITIONS, (short) 1), new NewTopic("counts", PARTITIONS, (short) 1))).all().get();
        }
        try (KafkaStreams first = start(bootstrap, protocol, guarantee, args[4] + "/a");
             KafkaStreams second = start(bootstrap, protocol, guarantee, args[4] + "/b")) {
            Thread writer = new Thread(() -> write(bootstrap, lines));
            writer.start();
            boolean isExact = "exactly_once_v2".equals(guarantee);
            Map<String, Long> counts = read(bootstrap, lines, isExact);
            writer.join();
            long sum = counts.values().stream().mapToLong(Long::longValue).sum();
            System.out.println("counted " + sum + " of " + counts.size() + " words");
            first.close(Duration.ofSeconds(10));
            second.close(Duration.ofSeconds(10));
        }
        System.exit(0);
    }

    private static KafkaStreams start(String bootstrap, String protocol, String guarantee, String directory) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "word-count");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, protocol);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, directory);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        if ("classic".equals(protocol)) {
            settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), 10_000);
        }
        StreamsBuilder topology = new StreamsBuilder();
        topology.<String, String>stream("lines")
            .groupBy((key, word) -> word)
            .count()
            .toStream()
            .to("counts", Produced.with(Serdes.String(), Serdes.Long()));
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        KafkaStreams streams = new KafkaStreams(topology.build(), settings);
        streams.setUncaughtExceptionHandler(fault -> {
            System.err.println("a thread of the application ended and is replaced: " + fault);
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.start();
        return streams;
    }

    private static void write(String bootstrap, int lines) {
        Map<String, Object> settings = Map.of(
            ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
            ProducerConfig.LINGER_MS_CONFIG, 5,
            ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, (int) LIMIT_MS);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < lines; i++) {
                producer.send(new ProducerRecord<>("lines", Integer.toString(i), "word-" + i % WORDS));
                if (i % 100 == 0) {
                    Thread.sleep(10);
                }
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    /** The last count of each word, as soon as they add up to what was written. */
    private static Map<String, Long> read(String bootstrap, int lines, boolean isExact) {
        Map<String, Object> settings = Map.of(
            ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
            ConsumerConfig.GROUP_ID_CONFIG, "reader-" + UUID.randomUUID(),
            ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false,
            ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest",
            ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        Map<String, Long> counts = new TreeMap<>();
        long end = System.currentTimeMillis() + LIMIT_MS;
        try (KafkaConsumer<String, Long> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new LongDeserializer())) {
            consumer.assign(java.util.stream.IntStream.range(0, PARTITIONS).mapToObj(p -> new org.apache.kafka.common.TopicPartition("counts", p)).toList());
            consumer.seekToBeginning(consumer.assignment());
            long sum = 0;
            while (sum < lines) {
                if (System.currentTimeMillis() > end) {
                    throw new IllegalStateException("after " + LIMIT_MS + " ms only " + sum + " are counted");
                }
                for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(200))) {
                    long before = counts.getOrDefault(record.key(), 0L);
                    if (isExact && record.value() != before + 1) {
                        throw new IllegalStateException(record.key() + " went from " + before + " to " + record.value());
                    }
                    counts.put(record.key(), record.value());
                    sum += record.value() - before;
                }
            }
        }
        return counts;
    }
}
