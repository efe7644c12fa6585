import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A load for the checker of histories, with Apache Kafka's client. usage: Load BOOTSTRAP SECONDS FILE */
public final class Load {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String SOURCE = "plain";
    private static final String TARGET = "copies";
    private static final int PARTITIONS = 4;

    private static String bootstrap;
    private static long end;
    private static PrintWriter history;

    private Load() {}

    public static void main(String[] arguments) throws Exception {
        bootstrap = arguments[0];
        end = System.nanoTime() + (long) (Double.parseDouble(arguments[1]) * 1e9);
        history = new PrintWriter(arguments[2]);
        List<Thread> threads = new ArrayList<>();
        for (Client client : List.of(
            new Sender("java-sender"), new Copier("java-copier-0"), new Copier("java-copier-1"),
            new Reader("java-member-0", "consumer"), new Reader("java-member-1", "consumer"), new Reader("java-member-2", "classic"))) {
            Thread thread = new Thread(client::run);
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        history.close();
        System.exit(0);
    }

    private static boolean isOver() {
        return System.nanoTime() > end;
    }

    private static ArrayNode send(TopicPartition place, String value) {
        return JSON.createArrayNode().add("send").add(place.toString()).add(value);
    }

    private static ArrayNode polled(ConsumerRecords<String, String> records) {
        ObjectNode values = JSON.createObjectNode();
        for (ConsumerRecord<String, String> record : records) {
            values.withArray("/" + record.topic() + "-" + record.partition()).addArray().add(record.offset()).add(record.value());
        }
        return JSON.createArrayNode().add("poll").add(values);
    }

    /** A client that does one thing after the other, under one name through all its lives. */
    private abstract static class Client implements ConsumerRebalanceListener {
        final String name;
        final Random random;
        boolean rebalanced = true;
        private int values;

        Client(String name) {
            this.name = name;
            this.random = new Random(name.hashCode());
        }

        abstract void live() throws Exception;

        void run() {
            while (!isOver()) {
                try {
                    live();
                } catch (Exception failure) {
                    System.err.println(name + " begins anew: " + failure);
                    write("info", "crash", null);
                }
            }
        }

        String newValue() {
            return name + "." + ++values;
        }

        void write(String type, String function, ArrayNode value) {
            ObjectNode line = JSON.createObjectNode().put("process", name).put("type", type).put("f", function);
            line.set("value", value);
            if (rebalanced && !type.equals("invoke")) {
                line.put("rebalanced", true);
            }
            synchronized (history) {
                // As Python's monotonic clock counts here, so that both files can be one.
                history.println(line.put("time", System.nanoTime()));
            }
        }

        void complete(String type, String function, ArrayNode value) {
            write(type, function, value);
            rebalanced = false;
        }

        TopicPartition anyOf(String topic) {
            return new TopicPartition(topic, random.nextInt(PARTITIONS));
        }

        KafkaProducer<String, String> producer(Map<String, Object> settings) {
            Map<String, Object> all = new HashMap<>(settings);
            all.put("bootstrap.servers", bootstrap);
            return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
        }

        KafkaConsumer<String, String> consumer(String group, String protocol) {
            Map<String, Object> all = new HashMap<>();
            all.put("bootstrap.servers", bootstrap);
            all.put("group.id", group);
            all.put("group.protocol", protocol);
            all.put("isolation.level", "read_committed");
            all.put("auto.offset.reset", "earliest");
            all.put("enable.auto.commit", false);
            all.put("max.poll.records", 50);
            return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
        }

        void subscribe(KafkaConsumer<String, String> consumer, List<String> topics) {
            ArrayNode names = JSON.valueToTree(topics);
            write("invoke", "subscribe", names);
            consumer.subscribe(topics, this);
            write("ok", "subscribe", names);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            rebalanced = true;
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            rebalanced = true;
        }
    }

    private static final class Sender extends Client {
        Sender(String name) {
            super(name);
        }

        @Override
        void live() throws Exception {
            try (KafkaProducer<String, String> producer = producer(Map.of("delivery.timeout.ms", 60_000))) {
                while (!isOver()) {
                    TopicPartition place = anyOf(SOURCE);
                    String value = newValue();
                    write("invoke", "send", JSON.createArrayNode().add(send(place, value)));
                    Future<RecordMetadata> sent = producer.send(new ProducerRecord<>(place.topic(), place.partition(), null, value));
                    ArrayNode step = JSON.createArrayNode().add("send").add(place.toString());
                    try {
                        long offset = sent.get(90, TimeUnit.SECONDS).offset();
                        complete("ok", "send", JSON.createArrayNode().add(step.add(JSON.createArrayNode().add(offset).add(value))));
                    } catch (Exception unknown) {
                        complete("info", "send", JSON.createArrayNode().add(step.add(value)));
                        throw unknown;
                    }
                }
            }
        }
    }

    /** Transactions: what a group's member polls goes on as new values, with its offsets; some are aborted on purpose. */
    private static final class Copier extends Client {
        Copier(String name) {
            super(name);
        }

        @Override
        void live() throws Exception {
            try (KafkaConsumer<String, String> consumer = consumer("java-copiers", "consumer");
                KafkaProducer<String, String> producer = producer(Map.of("transactional.id", name, "transaction.timeout.ms", 20_000))) {
                producer.initTransactions();
                subscribe(consumer, List.of(SOURCE));
                while (!isOver()) {
                    transact(consumer, producer);
                }
            }
        }

        private void transact(KafkaConsumer<String, String> consumer, KafkaProducer<String, String> producer) {
            Map<String, TopicPartition> sends = new HashMap<>();
            ArrayNode asked = JSON.createArrayNode().add(JSON.createArrayNode().add("poll"));
            for (int i = 0; i < 3; i++) {
                String value = newValue();
                sends.put(value, anyOf(TARGET));
                asked.add(send(sends.get(value), value));
            }
            write("invoke", "txn", asked);
            ArrayNode steps = asked.deepCopy();
            String type = "info";
            ConsumerRecords<String, String> records = ConsumerRecords.empty();
            try {
                records = consumer.poll(Duration.ofMillis(300));
                steps.set(0, polled(records));
                producer.beginTransaction();
                sends.forEach((value, place) -> producer.send(new ProducerRecord<>(place.topic(), place.partition(), null, value)));
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                records.forEach(record -> offsets.put(
                    new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1)));
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                if (random.nextInt(5) == 0) {
                    producer.abortTransaction();
                    type = "fail";
                } else {
                    producer.commitTransaction();
                    type = "ok";
                }
            } catch (TimeoutException unknown) {
                complete("info", "txn", steps);
                throw unknown;
            } catch (KafkaException failure) {
                // An error that the client would not abort for is its last: its successor's start decides.
                try {
                    producer.abortTransaction();
                    type = "fail";
                } catch (KafkaException fatal) {
                    complete("info", "txn", steps);
                    throw fatal;
                }
            }
            complete(type, "txn", steps);
            if (type.equals("fail")) {
                goBack(consumer, records);
            }
        }

        /** To the first record that was polled, of the partitions that it still has. */
        private static void goBack(KafkaConsumer<String, String> consumer, ConsumerRecords<String, String> records) {
            for (TopicPartition place : records.partitions()) {
                if (consumer.assignment().contains(place)) {
                    consumer.seek(place, records.records(place).get(0).offset());
                }
            }
        }
    }

    private static final class Reader extends Client {
        private final String protocol;

        Reader(String name, String protocol) {
            super(name);
            this.protocol = protocol;
        }

        @Override
        void live() throws Exception {
            long until = System.nanoTime() + (long) ((6 + 6 * random.nextDouble()) * 1e9);
            try (KafkaConsumer<String, String> consumer = consumer("java-readers-" + protocol, protocol)) {
                subscribe(consumer, List.of(SOURCE, TARGET));
                while (!isOver() && System.nanoTime() < until) {
                    write("invoke", "poll", JSON.createArrayNode().add(JSON.createArrayNode().add("poll")));
                    ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(300));
                    complete("ok", "poll", JSON.createArrayNode().add(polled(records)));
                    try {
                        consumer.commitSync(Duration.ofSeconds(5));
                    } catch (KafkaException away) {
                        // The broker is away, or the member was: the next one begins where the last commit was.
                    }
                }
            }
            rebalanced = true;
            write("info", "crash", null);
        }
    }
}
