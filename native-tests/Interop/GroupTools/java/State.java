import java.io.DataInputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.StreamsGroupHeartbeatRequestData;
import org.apache.kafka.common.message.StreamsGroupHeartbeatResponseData;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.requests.AbstractRequest;
import org.apache.kafka.common.requests.AbstractResponse;
import org.apache.kafka.common.requests.InitProducerIdRequest;
import org.apache.kafka.common.requests.InitProducerIdResponse;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.StreamsGroupHeartbeatRequest;
import org.apache.kafka.common.requests.StreamsGroupHeartbeatResponse;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Groups and transactions of every kind, the same in every broker: ended ones, living ones, and a transaction that hangs. */
final class State {
    private static final long START = 1_700_000_000_000L;
    private static final int RECORDS = 10;

    private final String bootstrap;
    private final Admin admin;
    private final List<Member> members = new ArrayList<>();
    private final List<KafkaProducer<String, String>> open = new ArrayList<>();

    State(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    void fill() throws Exception {
        Map<String, String> keeps = Map.of("retention.ms", "-1");
        admin.createTopics(List.of(
            new NewTopic("orders", 2, (short) 1).configs(keeps),
            new NewTopic("other", 1, (short) 1).configs(keeps),
            new NewTopic("transfers", 1, (short) 1).configs(keeps),
            new NewTopic("hanging", 1, (short) 1).configs(keeps))).all().get();
        produce();
        for (String protocol : List.of("classic", "consumer")) {
            commitAndLeave("done-" + protocol, protocol);
        }
        for (String group : List.of("simple", "to-delete-1", "to-delete-2", "to-reset")) {
            admin.alterConsumerGroupOffsets(group, Map.of(
                new TopicPartition("orders", 0), new OffsetAndMetadata(4, "by hand"),
                new TopicPartition("other", 0), new OffsetAndMetadata(7))).all().get();
        }
        takeAndLeave("done-share");
        processAndLeave("done-streams");
        members.add(new Member("live-classic", "classic", null));
        members.add(new Member("live-consumer", "consumer", null));
        members.add(new Member("static-classic", "classic", "instance-1"));
        await("the living groups have their partitions", () -> members.stream().allMatch(member -> member.assigned == 3));
        // One at a time, so that each has the same producer id everywhere.
        transact("transaction-committed", true);
        transact("transaction-aborted", false);
        open("transaction-open");
        hang("transaction-hanging");
    }

    /** Ends the living members and producers without a word to the broker's groups than their leaving. */
    void leave() throws Exception {
        for (Member member : members) {
            member.leave();
        }
        for (KafkaProducer<String, String> producer : open) {
            producer.close(Duration.ZERO);
        }
        admin.close();
    }

    private void produce() throws Exception {
        try (KafkaProducer<String, String> producer = producer(Map.of())) {
            for (int i = 0; i < RECORDS; i++) {
                for (TopicPartition place : places()) {
                    producer.send(new ProducerRecord<>(place.topic(), place.partition(), START + 1000L * i, null, "record " + i));
                }
                // A batch per record, so that offsets by time are those of records.
                producer.flush();
            }
        }
    }

    private static List<TopicPartition> places() {
        return List.of(new TopicPartition("orders", 0), new TopicPartition("orders", 1), new TopicPartition("other", 0));
    }

    private void commitAndLeave(String group, String protocol) throws Exception {
        try (KafkaConsumer<String, String> consumer = consumer(group, protocol, null)) {
            consumer.subscribe(List.of("orders", "other"));
            int[] polled = {0};
            await("all records", () -> (polled[0] += consumer.poll(Duration.ofMillis(100)).count()) == 3 * RECORDS);
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (TopicPartition place : places()) {
                offsets.put(place, new OffsetAndMetadata(5 + place.partition(), Optional.of(0), "half"));
            }
            consumer.commitSync(offsets);
        }
    }

    /** A share group that has accepted every record. */
    private void takeAndLeave(String group) throws Exception {
        admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.GROUP, group), List.of(
            new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET)))).all().get();
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", group);
        try (var consumer = new KafkaShareConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("orders", "other"));
            int[] polled = {0};
            await("all records", () -> (polled[0] += consumer.poll(Duration.ofMillis(100)).count()) == 3 * RECORDS);
            consumer.commitSync();
        }
    }

    /** A streams group that reads two topics: its member had all tasks, and is gone. */
    private void processAndLeave(String group) throws Exception {
        StreamsGroupHeartbeatRequestData beat = new StreamsGroupHeartbeatRequestData().setGroupId(group)
            .setMemberId(Uuid.randomUuid().toString()).setProcessId("process").setRebalanceTimeoutMs(60_000)
            .setTopology(new StreamsGroupHeartbeatRequestData.Topology().setEpoch(1).setSubtopologies(
                List.of(new StreamsGroupHeartbeatRequestData.Subtopology().setSubtopologyId("0").setSourceTopics(List.of("orders", "other")))))
            .setActiveTasks(List.of()).setStandbyTasks(List.of()).setWarmupTasks(List.of());
        await("the tasks of " + group, () -> {
            StreamsGroupHeartbeatResponseData answer = beat(beat);
            beat.setMemberEpoch(answer.memberEpoch()).setTopology(null);
            return answer.activeTasks() != null && !answer.activeTasks().isEmpty();
        });
        beat(beat.setMemberEpoch(-1).setRebalanceTimeoutMs(-1).setActiveTasks(null).setStandbyTasks(null).setWarmupTasks(null));
        admin.alterStreamsGroupOffsets(group, Map.of(
            new TopicPartition("orders", 0), new OffsetAndMetadata(4), new TopicPartition("orders", 1), new OffsetAndMetadata(6),
            new TopicPartition("other", 0), new OffsetAndMetadata(7))).all().get();
    }

    private StreamsGroupHeartbeatResponseData beat(StreamsGroupHeartbeatRequestData beat) throws Exception {
        StreamsGroupHeartbeatResponse answer = call(new StreamsGroupHeartbeatRequest.Builder(beat).build((short) 0));
        if (answer.data().errorCode() != 0) {
            throw new IllegalStateException("error " + answer.data().errorCode() + ": " + answer.data().errorMessage());
        }
        return answer.data();
    }

    private void transact(String id, boolean commits) throws Exception {
        try (KafkaProducer<String, String> producer = producer(Map.of("transactional.id", id))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>("transfers", 0, null, id)).get();
            if (commits) {
                producer.commitTransaction();
            } else {
                producer.abortTransaction();
            }
        }
    }

    private void open(String id) throws Exception {
        KafkaProducer<String, String> producer = producer(Map.of("transactional.id", id, "transaction.timeout.ms", 800_000));
        open.add(producer);
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>("transfers", 0, null, id)).get();
    }

    /** A record of a transaction that its coordinator does not know of: what a lost marker, or an old broker's bug, leaves behind. */
    private void hang(String id) throws Exception {
        InitProducerIdRequestData init = new InitProducerIdRequestData().setTransactionalId(id).setTransactionTimeoutMs(60_000);
        InitProducerIdResponse producer = call(new InitProducerIdRequest.Builder(init).build((short) 4));
        MemoryRecords records = MemoryRecords.withTransactionalRecords(
            Compression.NONE, producer.data().producerId(), producer.data().producerEpoch(), 0,
            new SimpleRecord(System.currentTimeMillis() - Duration.ofHours(2).toMillis(), "hangs".getBytes()));
        ProduceRequestData produce = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(30_000).setTransactionalId(id);
        produce.topicData().add(new ProduceRequestData.TopicProduceData().setName("hanging").setPartitionData(
            List.of(new ProduceRequestData.PartitionProduceData().setIndex(0).setRecords(records))));
        ProduceResponse answer = call(new ProduceRequest.Builder((short) 9, (short) 9, produce).build((short) 9));
        short error = answer.data().responses().iterator().next().partitionResponses().get(0).errorCode();
        if (error != 0) {
            throw new IllegalStateException("error " + error + " of the hanging record");
        }
    }

    @SuppressWarnings("unchecked")
    private <T extends AbstractResponse> T call(AbstractRequest request) throws Exception {
        String[] address = bootstrap.split(":");
        try (Socket socket = new Socket(address[0], Integer.parseInt(address[1]))) {
            RequestHeader header = new RequestHeader(request.apiKey(), request.version(), "wire", 1);
            ByteBuffer body = request.serializeWithHeader(header);
            ByteBuffer frame = ByteBuffer.allocate(4 + body.remaining());
            frame.putInt(body.remaining()).put(body);
            socket.getOutputStream().write(frame.array());
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] answer = new byte[in.readInt()];
            in.readFully(answer);
            return (T) AbstractResponse.parseResponse(ByteBuffer.wrap(answer), header);
        }
    }

    private KafkaProducer<String, String> producer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(settings);
        all.put("bootstrap.servers", bootstrap);
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    private KafkaConsumer<String, String> consumer(String group, String protocol, String instance) {
        Map<String, Object> all = new HashMap<>();
        all.put("bootstrap.servers", bootstrap);
        all.put("group.id", group);
        all.put("group.protocol", protocol);
        all.put("client.id", "reader-of-" + group);
        all.put("auto.offset.reset", "earliest");
        all.put("enable.auto.commit", false);
        if (instance != null) {
            all.put("group.instance.id", instance);
        }
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    private static void await(String what, Callable<Boolean> condition) throws Exception {
        long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!condition.call()) {
            if (System.nanoTime() > end) {
                throw new IllegalStateException("after a minute still not: " + what);
            }
            Thread.sleep(20);
        }
    }

    /** A consumer that is there, has committed, and goes on polling. */
    private final class Member {
        private final Thread thread;
        private volatile boolean leaves;
        private volatile int assigned;

        Member(String group, String protocol, String instance) {
            thread = new Thread(() -> run(group, protocol, instance));
            thread.setDaemon(true);
            thread.start();
        }

        private void run(String group, String protocol, String instance) {
            try (KafkaConsumer<String, String> consumer = consumer(group, protocol, instance)) {
                consumer.subscribe(List.of("orders", "other"));
                boolean hasCommitted = false;
                while (!leaves) {
                    consumer.poll(Duration.ofMillis(100));
                    if (consumer.assignment().size() == 3 && !hasCommitted) {
                        consumer.commitSync(Map.of(new TopicPartition("orders", 1), new OffsetAndMetadata(8, "on the way")));
                        hasCommitted = true;
                        assigned = 3;
                    }
                }
            }
        }

        void leave() throws InterruptedException {
            leaves = true;
            thread.join(30_000);
        }
    }
}
