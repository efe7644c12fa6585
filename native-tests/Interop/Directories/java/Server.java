import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import kafka.tools.StorageTool;
import org.apache.kafka.common.utils.Time;

/** Apache Kafka, broker and controller in one, inside of this process: a second start costs no second Java. */
final class Server {
    private KafkaRaftServer server;

    static void format(String file, String clusterId, String[] options) {
        List<String> words = new ArrayList<>(List.of("format", "-t", clusterId, "-c", file));
        words.addAll(List.of(options));
        int code = StorageTool.execute(words.toArray(String[]::new), System.err);
        if (code != 0) {
            throw new IllegalStateException("format ended with code " + code);
        }
    }

    /** Returns when it takes requests. */
    void start(String file) throws IOException {
        Properties settings = new Properties();
        try (InputStream in = new FileInputStream(file)) {
            settings.load(in);
        }
        server = new KafkaRaftServer(new KafkaConfig(settings), Time.SYSTEM);
        server.startup();
    }

    /** The clean stop that SIGTERM asks for. */
    void stop() {
        server.shutdown();
        server.awaitShutdown();
        server = null;
    }
}
