import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.ConfigResource;

/** Changes of topics, many of them, so that the metadata log grows and is condensed. */
final class Churn {
    private static final int TOPICS = 20;

    private Churn() {}

    /** Makes topics, changes a setting of each again and again, and deletes every other one. */
    static void run(Cluster cluster, String round, int changes) throws Exception {
        List<NewTopic> topics = new ArrayList<>();
        for (int i = 0; i < TOPICS; i++) {
            topics.add(new NewTopic(name(round, i), 1, (short) 1));
        }
        cluster.admin.createTopics(topics).all().get();
        for (int i = 0; i < changes / TOPICS; i++) {
            Map<ConfigResource, Collection<AlterConfigOp>> altered = new HashMap<>();
            ConfigEntry retention = new ConfigEntry("retention.bytes", Integer.toString(1_000_000 + i));
            for (int j = 0; j < TOPICS; j++) {
                AlterConfigOp set = new AlterConfigOp(retention, AlterConfigOp.OpType.SET);
                altered.put(new ConfigResource(ConfigResource.Type.TOPIC, name(round, j)), List.of(set));
            }
            cluster.admin.incrementalAlterConfigs(altered).all().get();
        }
        List<String> deleted = new ArrayList<>();
        for (int i = 0; i < TOPICS; i += 2) {
            deleted.add(name(round, i));
        }
        cluster.admin.deleteTopics(deleted).all().get();
    }

    private static String name(String round, int number) {
        return "churn." + round + "." + number;
    }
}
