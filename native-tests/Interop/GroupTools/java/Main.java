import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import org.apache.kafka.common.utils.Exit;

/**
 * Apache Kafka's command-line tools about groups and transactions, many runs in one process, and the state that they are shown.
 * Commands come line by line, their words separated by tabs; the answer is what the tool printed, errors too, in Base64.
 */
public final class Main {
    private static final PrintStream ANSWERS = System.out;
    private static final PrintStream ERRORS = System.err;

    /** Ends a tool that would end the process. */
    private static final class Ended extends RuntimeException {
        Ended(int code, String message) {
            super("exit code " + code + (message == null ? "" : ": " + message), null, false, false);
        }
    }

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        Exit.setExitProcedure((code, message) -> {
            throw new Ended(code, message);
        });
        Exit.setHaltProcedure((code, message) -> {
            throw new Ended(code, message);
        });
        State state = null;
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split("\t");
            String said = "";
            try {
                switch (words[0]) {
                    case "fill" -> (state = new State(words[1])).fill();
                    case "leave" -> state.leave();
                    default -> said = run(words[0], Arrays.copyOfRange(words, 1, words.length));
                }
            } catch (Throwable failure) {
                failure.printStackTrace(ERRORS);
                said = "FAILED " + failure;
            }
            ANSWERS.println(Base64.getEncoder().encodeToString(said.getBytes(StandardCharsets.UTF_8)));
            ANSWERS.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    private static String run(String tool, String[] arguments) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
            System.setOut(out);
            System.setErr(out);
            try {
                Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
            } catch (InvocationTargetException failure) {
                if (!(failure.getCause() instanceof Ended)) {
                    throw failure;
                }
                out.println(failure.getCause().getMessage());
            }
        } finally {
            System.setOut(ANSWERS);
            System.setErr(ERRORS);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
