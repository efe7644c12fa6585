import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.SharePartitionOffsetInfo;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.IntegerDeserializer;
import org.apache.kafka.common.serialization.IntegerSerializer;

/**
 * Numbered records go through a share group while the broker may be killed at any time: Sharing BOOTSTRAP RECORDS. The
 * members take records, release some that come for the first time, and accept the others. It ends when the group has
 * finished with each record; a record whose acceptance is confirmed a second time was handed out after it was done with, and is an error. (That
 * it comes twice is none: a record may lie in a client that heard of nothing while another client got it from the restarted
 * broker. The broker then refuses the acknowledgement of the former.)
 */
public final class Sharing {
    private static final String TOPIC = "shared";
    private static final String GROUP = "sharers";
    private static final int PARTITIONS = 3;
    private static final int MEMBERS = 3;

    /** Each of so many new records is released instead of accepted. */
    private static final int RELEASED_OF = 20;

    /** The producer is ahead of the group by so many records at most: every life of the broker sees both at work. */
    private static final int AHEAD_MAX = 3_000;

    private final String bootstrap;
    private final int count;
    private final BitSet delivered = new BitSet();
    private final BitSet accepted = new BitSet();

    /** Acknowledged to a broker that was killed before it answered: it may have taken effect, and then they do not come again. */
    private final BitSet unconfirmed = new BitSet();
    private volatile boolean isDone;
    private final Semaphore mayBeSent = new Semaphore(AHEAD_MAX);
    private long deliveries;

    private Sharing(String bootstrap, int count) {
        this.bootstrap = bootstrap;
        this.count = count;
    }

    public static void main(String[] words) throws Exception {
        new Sharing(words[0], Integer.parseInt(words[1])).run();
        System.exit(0);
    }

    private void run() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).all().get();
            List<AlterConfigOp> settings = new ArrayList<>();
            settings.add(set("share.auto.offset.reset", "earliest"));
            // A record that a kill takes from a member time and again must not be given up.
            settings.add(set("share.delivery.count.limit", "10"));
            settings.add(set("share.record.lock.duration.ms", "2000"));
            admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.GROUP, GROUP), settings)).all().get();
            ExecutorService threads = Executors.newCachedThreadPool();
            List<Future<?>> all = new ArrayList<>();
            all.add(threads.submit(this::send));
            for (int i = 0; i < MEMBERS; i++) {
                all.add(threads.submit(this::share));
            }
            while (!isSettled() || lag(admin) != 0) {
                for (Future<?> each : all) {
                    if (each.isDone()) {
                        finish(each);
                    }
                }
                Thread.sleep(50);
            }
            isDone = true;
            for (Future<?> each : all) {
                finish(each);
            }
            unconfirmed.andNot(accepted);
            int settled = accepted.cardinality() + unconfirmed.cardinality();
            System.out.println("accepted " + settled + " of " + deliveries + " deliveries, "
                + unconfirmed.cardinality() + " without confirmation, lag " + lag(admin));
        }
    }

    private static AlterConfigOp set(String name, String value) {
        return new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
    }

    private static void finish(Future<?> thread) throws Exception {
        try {
            thread.get();
        } catch (ExecutionException failure) {
            failure.getCause().printStackTrace();
            System.exit(1);
        }
    }

    /** How many records the group has not finished with; -1 while nobody can say. */
    private static long lag(Admin admin) throws InterruptedException {
        try {
            long lag = 0;
            var spec = Map.of(GROUP, new ListShareGroupOffsetsSpec());
            for (SharePartitionOffsetInfo offset : admin.listShareGroupOffsets(spec).partitionsToOffsetInfo(GROUP).get().values()) {
                if (offset.lag().isEmpty()) {
                    return -1;
                }
                lag += offset.lag().get();
            }
            return lag;
        } catch (ExecutionException brokerIsAway) {
            return -1;
        }
    }

    private Void send() throws Exception {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("linger.ms", 2);
        settings.put("reconnect.backoff.max.ms", 100);
        List<Future<?>> sent = new ArrayList<>();
        try (KafkaProducer<Integer, Integer> producer = new KafkaProducer<>(settings, new IntegerSerializer(), new IntegerSerializer())) {
            for (int i = 0; i < count; i++) {
                mayBeSent.acquire();
                sent.add(producer.send(new ProducerRecord<>(TOPIC, i % PARTITIONS, i, i)));
            }
            for (Future<?> each : sent) {
                each.get();
            }
        }
        return null;
    }

    private Void share() {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("group.id", GROUP);
        settings.put("share.acknowledgement.mode", "explicit");
        settings.put("max.poll.records", 100);
        settings.put("fetch.max.wait.ms", 100);
        settings.put("reconnect.backoff.max.ms", 100);
        try (KafkaShareConsumer<Integer, Integer> consumer =
                new KafkaShareConsumer<>(settings, new IntegerDeserializer(), new IntegerDeserializer())) {
            consumer.subscribe(List.of(TOPIC));
            while (!isDone) {
                ConsumerRecords<Integer, Integer> records = consumer.poll(Duration.ofMillis(200));
                if (!records.isEmpty()) {
                    acknowledge(consumer, records);
                }
            }
        }
        return null;
    }

    private void acknowledge(KafkaShareConsumer<Integer, Integer> consumer, ConsumerRecords<Integer, Integer> records) {
        Map<TopicPartition, List<Integer>> taken = new HashMap<>();
        for (ConsumerRecord<Integer, Integer> record : records) {
            boolean isNew = deliver(record.value());
            if (isNew && record.value() % RELEASED_OF == 0) {
                consumer.acknowledge(record, AcknowledgeType.RELEASE);
            } else {
                consumer.acknowledge(record, AcknowledgeType.ACCEPT);
                taken.computeIfAbsent(new TopicPartition(record.topic(), record.partition()), partition -> new ArrayList<>()).add(record.value());
            }
        }
        Set<TopicPartition> confirmed = new HashSet<>();
        for (Map.Entry<TopicIdPartition, Optional<KafkaException>> result : consumer.commitSync().entrySet()) {
            if (result.getValue().isEmpty()) {
                confirmed.add(result.getKey().topicPartition());
            }
        }
        taken.forEach((partition, numbers) -> settle(numbers, confirmed.contains(partition)));
    }

    /** False for a record that came before. */
    private synchronized boolean deliver(int number) {
        deliveries++;
        boolean isNew = !delivered.get(number);
        delivered.set(number);
        return isNew;
    }

    private synchronized void settle(List<Integer> numbers, boolean isConfirmed) {
        for (int number : numbers) {
            if (isConfirmed && accepted.get(number)) {
                throw new IllegalStateException("record " + number + " was accepted twice");
            }
            if (!accepted.get(number) && !unconfirmed.get(number)) {
                mayBeSent.release();
            }
            (isConfirmed ? accepted : unconfirmed).set(number);
        }
    }

    /** Each record was acknowledged by somebody. */
    private synchronized boolean isSettled() {
        BitSet either = (BitSet) accepted.clone();
        either.or(unconfirmed);
        return either.cardinality() == count;
    }
}
