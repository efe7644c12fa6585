import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Apache Kafka's Java client, at its defaults but for what a command asks. usage: Agent BOOTSTRAP */
public final class Agent {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int SHOWN = 64;
    private static final Map<String, String> ASSIGNORS = Map.of(
        "range", "org.apache.kafka.clients.consumer.RangeAssignor",
        "sticky", "org.apache.kafka.clients.consumer.StickyAssignor",
        "cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");

    private final String bootstrap;
    private final Admin admin;
    private final Map<String, KafkaProducer<String, String>> open = new HashMap<>();
    private final Map<String, Member> members = new HashMap<>();

    private Agent(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] arguments) throws Exception {
        Agent agent = new Agent(arguments[0]);
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                answer.set("ok", JSON.valueToTree(agent.carryOut(JSON.readTree(line))));
            } catch (Exception error) {
                answer.put("error", String.valueOf(error.getCause() == null ? error : error.getCause()));
            }
            System.out.println(answer);
        }
        System.exit(0);
    }

    private Object carryOut(JsonNode command) throws Exception {
        String topic = text(command, "topic");
        String group = text(command, "group");
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic == null ? "" : topic);
        switch (text(command, "op")) {
            case "create":
                Map<String, String> settings = new HashMap<>();
                command.get("settings").properties().forEach(entry -> settings.put(entry.getKey(), entry.getValue().asText()));
                NewTopic made = new NewTopic(topic, Optional.of(command.get("partitions").asInt()), Optional.empty());
                return admin.createTopics(List.of(made.configs(settings))).all().get();
            case "delete":
                return admin.deleteTopics(List.of(topic)).all().get();
            case "topics":
                return admin.listTopics().names().get();
            case "set":
                ConfigEntry entry = new ConfigEntry(text(command, "name"), text(command, "value"));
                AlterConfigOp set = new AlterConfigOp(entry, AlterConfigOp.OpType.SET);
                return admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
            case "get":
                return admin.describeConfigs(List.of(resource)).all().get().get(resource).get(text(command, "name")).value();
            case "groups":
                return admin.listGroups().all().get().stream().map(listed -> listed.groupId()).toList();
            case "state":
                return admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState().toString();
            case "forget":
                return admin.deleteConsumerGroups(List.of(group)).all().get();
            case "trim":
                RecordsToDelete before = RecordsToDelete.beforeOffset(command.get("offset").asLong());
                return admin.deleteRecords(Map.of(new TopicPartition(topic, 0), before)).all().get();
            case "produce":
                return produce(command, topic);
            case "read":
                return read(command, topic);
            case "transact":
                return transact(command, topic, group);
            case "end":
                return end(text(command, "id"), command.get("commit").asBoolean());
            case "committed":
                OffsetAndMetadata offset =
                    admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(new TopicPartition(topic, 0));
                return offset == null ? -1 : offset.offset();
            case "join":
                members.put(text(command, "member"), new Member(command, topic, group));
                return null;
            case "member":
                return members.get(text(command, "member")).look();
            case "leave":
                members.remove(text(command, "member")).leave();
                return null;
            default:
                throw new IllegalArgumentException("no such command: " + command);
        }
    }

    private Object produce(JsonNode command, String topic) throws Exception {
        Map<String, Object> settings = new HashMap<>();
        settings.put("compression.type", text(command, "codec"));
        settings.put("enable.idempotence", command.get("idempotent").asBoolean());
        settings.put("max.request.size", 20_000_000);
        try (KafkaProducer<String, String> producer = producer(settings)) {
            List<Future<RecordMetadata>> sends = new ArrayList<>();
            for (JsonNode sent : command.get("records")) {
                Integer partition = sent.get("partition").isNull() ? null : Integer.valueOf(sent.get("partition").asInt());
                Long timestamp = sent.get("timestamp").isNull() ? null : Long.valueOf(sent.get("timestamp").asLong());
                String value = text(sent, "value").repeat(sent.get("repeat").asInt());
                ProducerRecord<String, String> record = new ProducerRecord<>(topic, partition, timestamp, text(sent, "key"), value);
                sent.get("headers").forEach(header -> record.headers().add(header.get(0).asText(), header.get(1).asText().getBytes()));
                sends.add(producer.send(record));
            }
            for (Future<RecordMetadata> send : sends) {
                send.get();
            }
        }
        return null;
    }

    private Object read(JsonNode command, String topic) {
        ArrayNode received = JSON.createArrayNode();
        Map<String, Object> settings = new HashMap<>();
        settings.put("isolation.level", command.get("committed").asBoolean() ? "read_committed" : "read_uncommitted");
        settings.put("max.partition.fetch.bytes", 20_000_000);
        int count = command.get("count").asInt();
        settings.put("max.poll.records", count);
        try (KafkaConsumer<String, String> consumer = consumer(settings)) {
            List<TopicPartition> places = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(found -> places.add(new TopicPartition(topic, found.partition())));
            consumer.assign(places);
            consumer.seekToBeginning(places);
            if (!command.get("timestamp").isNull()) {
                TopicPartition place = new TopicPartition(topic, 0);
                consumer.seek(place, consumer.offsetsForTimes(Map.of(place, command.get("timestamp").asLong())).get(place).offset());
            }
            long end = System.currentTimeMillis() + command.get("wait").asLong();
            while (received.size() < count && System.currentTimeMillis() < end) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(300))) {
                    if (received.size() < count) {
                        received.add(describe(record));
                    }
                }
            }
        }
        return received;
    }

    private static ObjectNode describe(ConsumerRecord<String, String> record) {
        ObjectNode described = JSON.createObjectNode();
        described.put("partition", record.partition());
        described.put("key", record.key());
        described.put("value", record.value().substring(0, Math.min(SHOWN, record.value().length())));
        described.put("length", record.value().length());
        ArrayNode headers = described.putArray("headers");
        record.headers().forEach(header -> headers.addArray().add(header.key()).add(new String(header.value())));
        return described;
    }

    private Object transact(JsonNode command, String topic, String group) {
        String id = text(command, "id");
        KafkaProducer<String, String> producer = producer(new HashMap<>(Map.of("transactional.id", id)));
        producer.initTransactions();
        producer.beginTransaction();
        command.get("values").forEach(value -> producer.send(new ProducerRecord<>(topic, value.asText())));
        producer.flush();
        if (group != null) {
            try (KafkaConsumer<String, String> consumer = consumer(new HashMap<>(Map.of("group.id", group)))) {
                OffsetAndMetadata offset = new OffsetAndMetadata(command.get("offset").asLong());
                producer.sendOffsetsToTransaction(Map.of(new TopicPartition(topic, 0), offset), consumer.groupMetadata());
            }
        }
        open.put(id, producer);
        String how = text(command, "end");
        return how.equals("open") ? null : end(id, how.equals("commit"));
    }

    private Object end(String id, boolean commits) {
        try (KafkaProducer<String, String> producer = open.remove(id)) {
            if (commits) {
                producer.commitTransaction();
            } else {
                producer.abortTransaction();
            }
        }
        return null;
    }

    private KafkaProducer<String, String> producer(Map<String, Object> settings) {
        settings.put("bootstrap.servers", bootstrap);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    private KafkaConsumer<String, String> consumer(Map<String, Object> settings) {
        settings.put("bootstrap.servers", bootstrap);
        settings.putIfAbsent("auto.offset.reset", "earliest");
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    private static String text(JsonNode node, String name) {
        JsonNode value = node.get(name);
        return value == null || value.isNull() ? null : value.asText();
    }

    /** A consumer that a thread of its own polls. */
    private final class Member implements org.apache.kafka.clients.consumer.ConsumerRebalanceListener {
        private final List<String> values = new ArrayList<>();
        private final java.util.Set<Integer> assigned = ConcurrentHashMap.newKeySet();
        private final Thread thread;
        private volatile int revoked;
        private volatile boolean leaves;
        private volatile Exception failure;

        Member(JsonNode command, String topic, String group) {
            Map<String, Object> settings = new HashMap<>();
            settings.put("group.id", group);
            if (text(command, "protocol") == null) {
                settings.put("heartbeat.interval.ms", 500);
            }
            settings.put("auto.offset.reset", text(command, "reset"));
            if (text(command, "strategy") != null) {
                settings.put("partition.assignment.strategy", ASSIGNORS.get(text(command, "strategy")));
            }
            if (text(command, "protocol") != null) {
                settings.put("group.protocol", text(command, "protocol"));
            }
            if (text(command, "instance") != null) {
                settings.put("group.instance.id", text(command, "instance"));
            }
            thread = new Thread(() -> run(settings, topic));
            thread.start();
        }

        private void run(Map<String, Object> settings, String topic) {
            try (KafkaConsumer<String, String> consumer = consumer(settings)) {
                consumer.subscribe(List.of(topic), this);
                while (!leaves) {
                    for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                        synchronized (values) {
                            values.add(record.value());
                        }
                    }
                }
            } catch (Exception error) {
                failure = error;
            }
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            if (!partitions.isEmpty()) {
                revoked++;
            }
            partitions.forEach(place -> assigned.remove(place.partition()));
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            partitions.forEach(place -> assigned.add(place.partition()));
        }

        Object look() throws Exception {
            if (failure != null) {
                throw failure;
            }
            synchronized (values) {
                return Map.of("assigned", assigned.stream().sorted().toList(), "revoked", revoked, "values", List.copyOf(values));
            }
        }

        void leave() throws Exception {
            leaves = true;
            thread.join(30_000);
        }
    }
}
