import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;

/** Dynamic settings of topics, brokers, groups and clients; quotas; credentials. Each round changes some. */
final class Settings {
    private final Cluster cluster;
    private final String round;

    Settings(Cluster cluster, String round) {
        this.cluster = cluster;
        this.round = round;
    }

    void change() throws Exception {
        int number = Integer.parseInt(round);
        Map<ConfigResource, Collection<AlterConfigOp>> changes = Map.of(
            new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(Cluster.BROKER_ID)),
            List.of(set("background.threads", 10 + number), set("log.cleaner.io.buffer.size", 600_000 + number)),
            new ConfigResource(ConfigResource.Type.BROKER, ""),
            List.of(set("message.max.bytes", 1_100_000 + number), number == 1 ? delete("log.retention.ms") : set("log.retention.ms", 900_000_000L)),
            new ConfigResource(ConfigResource.Type.TOPIC, "empty"),
            List.of(set("retention.bytes", 5_000_000 + number), number == 1 ? delete("flush.ms") : set("flush.ms", 60_000)),
            new ConfigResource(ConfigResource.Type.GROUP, "consumers"),
            List.of(set("consumer.session.timeout.ms", 50_000 + number)),
            new ConfigResource(ConfigResource.Type.CLIENT_METRICS, "metrics"),
            List.of(set("interval.ms", 60_000 + number)));
        cluster.admin.incrementalAlterConfigs(changes).all().get();

        ClientQuotaEntity user = new ClientQuotaEntity(Map.of("user", "ann", "client-id", "shop"));
        ClientQuotaEntity everyone = new ClientQuotaEntity(Collections.singletonMap("client-id", null));
        cluster.admin.alterClientQuotas(List.of(
            new ClientQuotaAlteration(user, List.of(new ClientQuotaAlteration.Op("consumer_byte_rate", 1e9 + number))),
            new ClientQuotaAlteration(everyone, List.of(new ClientQuotaAlteration.Op("request_percentage", 900.5 + number))))).all().get();
        ScramCredentialInfo info = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096 + number);
        cluster.admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("ann", info, "secret " + round))).all().get();
    }

    private static AlterConfigOp set(String name, long value) {
        return new AlterConfigOp(new ConfigEntry(name, Long.toString(value)), AlterConfigOp.OpType.SET);
    }

    private static AlterConfigOp delete(String name) {
        return new AlterConfigOp(new ConfigEntry(name, null), AlterConfigOp.OpType.DELETE);
    }
}
