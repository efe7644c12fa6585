import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * Records, offsets and topics without a pause until the broker is gone. A file says what was acknowledged, each line
 * written when the answer was there: what, a tab, whose, a tab, its value.
 */
final class Load {
    private static final int PARTITIONS = 3;
    private static final List<String> CODECS = List.of("none", "zstd");

    private final String round;
    private final String bootstrap;
    private final PrintStream acknowledged;
    private final AtomicBoolean isOver = new AtomicBoolean();

    Load(String bootstrap, String round, String file) throws Exception {
        this.bootstrap = bootstrap;
        this.round = round;
        acknowledged = new PrintStream(file, StandardCharsets.UTF_8);
    }

    static void prepare(Cluster cluster) throws Exception {
        for (String codec : CODECS) {
            Map<String, String> settings = Map.of("segment.bytes", "1048576", "index.interval.bytes", "1024");
            cluster.admin.createTopics(List.of(new NewTopic("load-" + codec, PARTITIONS, (short) 1).configs(settings))).all().get();
        }
    }

    void run() throws Exception {
        try (Cluster cluster = new Cluster(bootstrap, Map.of("default.api.timeout.ms", 4000, "request.timeout.ms", 2000))) {
            List<Thread> threads = CODECS.stream().map(codec -> new Thread(() -> produce(cluster, codec))).toList();
            threads.forEach(Thread::start);
            administer(cluster);
            for (Thread thread : threads) {
                thread.join();
            }
        }
        acknowledged.close();
    }

    private void produce(Cluster cluster, String codec) {
        Map<String, Object> settings = Map.of("compression.type", codec, "linger.ms", 2, "delivery.timeout.ms", 4000, "request.timeout.ms", 2000, "max.block.ms", 4000);
        String topic = "load-" + codec;
        String padding = "p".repeat(300);
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(settings)) {
            for (int i = 0; !isOver.get(); i++) {
                String value = "round " + round + " load " + i;
                producer.send(new ProducerRecord<>(topic, i % PARTITIONS, Topics.bytes(value), Topics.bytes(padding)), (sent, failure) -> {
                    if (failure != null) {
                        isOver.set(true);
                    } else {
                        acknowledged.println("record\t" + sent.topic() + "-" + sent.partition() + "\t" + sent.offset() + " " + value);
                    }
                });
            }
        }
    }

    private void administer(Cluster cluster) throws Exception {
        for (int i = 1; !isOver.get(); i++) {
            try {
                TopicPartition partition = new TopicPartition("load-none", 0);
                cluster.admin.alterConsumerGroupOffsets("load", Map.of(partition, new OffsetAndMetadata(i))).all().get();
                acknowledged.println("offset\tload\t" + i);
                String name = "load." + round + "." + i;
                cluster.admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all().get();
                acknowledged.println("topic\t" + name + "\t");
            } catch (java.util.concurrent.ExecutionException failure) {
                isOver.set(true);
            }
        }
    }
}
