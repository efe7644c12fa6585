import java.io.IOException;
import java.util.List;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.requests.InitProducerIdRequest;
import org.apache.kafka.common.requests.InitProducerIdResponse;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;

/**
 * An idempotent producer that outlives brokers: each round it sends its last batch again, which must be known, then the
 * next one, then one that leaves a gap, which must be refused.
 */
final class Sequences {
    private static final TopicPartition PARTITION = new TopicPartition(Topics.SEQUENCES, 0);
    private static final int RECORDS = 3;

    private final Cluster cluster;
    private final String round;

    Sequences(Cluster cluster, String round) {
        this.cluster = cluster;
        this.round = round;
    }

    void send() throws Exception {
        try (Wire wire = new Wire(cluster.bootstrap)) {
            List<ProducerState> known =
                cluster.admin.describeProducers(List.of(PARTITION)).partitionResult(PARTITION).get().activeProducers();
            if (round.equals("0")) {
                check("no producer before the first", 0, known.size());
                InitProducerIdResponse id = wire.call(new InitProducerIdRequest.Builder(new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(60_000)).build());
                check("error of the producer id", 0, id.data().errorCode());
                send(wire, id.data().producerId(), id.data().producerEpoch(), 0);
                return;
            }
            check("producers", 1, known.size());
            ProducerState producer = known.get(0);
            short epoch = (short) producer.producerEpoch();
            int last = producer.lastSequence();
            ProduceResponseData.PartitionProduceResponse again = send(wire, producer.producerId(), epoch, last + 1 - RECORDS);
            check("error of a batch that is known", 0, again.errorCode());
            ProduceResponseData.PartitionProduceResponse next = send(wire, producer.producerId(), epoch, last + 1);
            check("error of the next batch", 0, next.errorCode());
            check("offset of the next batch behind the known one", again.baseOffset() + RECORDS, next.baseOffset());
            ProduceResponseData.PartitionProduceResponse gap = send(wire, producer.producerId(), epoch, last + 1 + 2 * RECORDS);
            check("error of a gap", Errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code(), gap.errorCode());
        }
    }

    private ProduceResponseData.PartitionProduceResponse send(Wire wire, long producerId, short epoch, int sequence) throws IOException {
        SimpleRecord[] records = new SimpleRecord[RECORDS];
        for (int i = 0; i < RECORDS; i++) {
            records[i] = new SimpleRecord(System.currentTimeMillis(), null, Topics.bytes("sequence " + (sequence + i)));
        }
        MemoryRecords batch = MemoryRecords.withIdempotentRecords(Compression.NONE, producerId, epoch, sequence, records);
        ProduceRequestData.TopicProduceData topic = new ProduceRequestData.TopicProduceData()
            .setName(PARTITION.topic())
            .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData().setIndex(0).setRecords(batch)));
        ProduceRequestData request = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(30_000);
        request.topicData().add(topic);
        ProduceResponse response = wire.call(new ProduceRequest(request, (short) 12));
        return response.data().responses().iterator().next().partitionResponses().get(0);
    }

    private static void check(String what, long expected, long actual) {
        if (expected != actual) {
            throw new IllegalStateException(what + ": " + actual + " where " + expected + " was expected");
        }
    }
}
