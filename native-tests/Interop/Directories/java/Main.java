import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * One process of Java that does what the tests of data directories need: runs Apache Kafka on a directory, and, against
 * any broker, fills topics and groups and describes all that can be seen of them. Commands come line by line, their
 * words separated by tabs; the answer to each ends with a line "done" or "failed".
 */
public final class Main {
    private static final PrintStream ANSWERS = System.out;
    private static final Server SERVER = new Server();
    private static final Tools TOOLS = new Tools(System.getProperty("tools"));

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split("\t");
            try {
                run(words[0], Arrays.copyOfRange(words, 1, words.length));
                ANSWERS.println("done");
            } catch (Throwable failure) {
                failure.printStackTrace(System.err);
                System.err.flush();
                ANSWERS.println("failed");
            }
            ANSWERS.flush();
        }
        System.exit(0);
    }

    private static void run(String command, String[] words) throws Exception {
        switch (command) {
            case "format" -> Server.format(words[0], words[1], Arrays.copyOfRange(words, 2, words.length));
            case "start" -> SERVER.start(words[0]);
            case "stop" -> SERVER.stop();
            case "fill" -> fill(words[0], words[1]);
            case "describe" -> describe(words[0], words[1]);
            case "churn" -> churn(words[0], words[1], Integer.parseInt(words[2]));
            case "rewrite" -> rewrite(words[0], Integer.parseInt(words[1]));
            case "prepare" -> prepare(words[0]);
            case "load" -> new Load(words[0], words[1], words[2]).run();
            case "settle" -> settle(words[0], words[1]);
            case "tool" -> TOOLS.run(words[0], words[1], Arrays.copyOfRange(words, 2, words.length));
            default -> throw new IllegalArgumentException(command);
        }
    }

    private static void fill(String bootstrap, String round) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap)) {
            new Topics(cluster, round).fill();
            new Settings(cluster, round).change();
            new Groups(cluster, round).commit();
            new Sequences(cluster, round).send();
            new Transactions(cluster, round).send();
        }
    }

    private static void churn(String bootstrap, String round, int changes) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap)) {
            Churn.run(cluster, round, changes);
        }
    }

    private static void rewrite(String bootstrap, int times) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap)) {
            Rewrites.run(cluster, times);
        }
    }

    private static void prepare(String bootstrap) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap)) {
            Load.prepare(cluster);
        }
    }

    private static void describe(String bootstrap, String file) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap); PrintStream out = new PrintStream(file, StandardCharsets.UTF_8)) {
            new Description(cluster, out).write();
        }
    }

    /** Ends the transactions that were left open, by force or by their own producer. */
    private static void settle(String bootstrap, String how) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap)) {
            Transactions.settle(cluster, how);
        }
    }
}
