import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Reads lines "Name version hex", lets Apache Kafka's own class of that message read the bytes and write them again,
 * and answers each line with the hex of what it wrote, or with what went wrong. In place of the hex, "fresh" asks for
 * an object that nobody has filled.
 */
public class MessageEcho {
    public static void main(String[] args) throws Exception {
        Map<String, String> classes = findClasses();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        PrintStream out = new PrintStream(System.out, false);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ", -1);
            byte[] bytes = words[2].equals("fresh") ? null : HexFormat.of().parseHex(words[2]);
            out.println(echo(classes, words[0], Short.parseShort(words[1]), bytes));
        }
        out.flush();
    }

    private static String echo(Map<String, String> classes, String name, short version, byte[] bytes) {
        String className = classes.getOrDefault(name + "Data", classes.get(name));
        if (className == null) {
            return "no class for " + name;
        }
        try {
            Message message = (Message) Class.forName(className).getDeclaredConstructor().newInstance();
            if (bytes != null) {
                ByteBuffer source = ByteBuffer.wrap(bytes);
                message.read(new ByteBufferAccessor(source), version);
                if (source.hasRemaining()) {
                    return source.remaining() + " bytes left";
                }
            }
            ObjectSerializationCache cache = new ObjectSerializationCache();
            ByteBuffer target = ByteBuffer.allocate(message.size(cache, version));
            message.write(new ByteBufferAccessor(target), cache, version);
            return HexFormat.of().formatHex(target.array());
        } catch (Throwable e) {
            return e.toString().replace('\n', ' ');
        }
    }

    /** The generated message classes on the class path by their simple names. */
    private static Map<String, String> findClasses() throws Exception {
        Map<String, String> found = new HashMap<>();
        for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!path.endsWith(".jar")) {
                continue;
            }
            try (JarFile jar = new JarFile(path)) {
                for (Enumeration<JarEntry> entries = jar.entries(); entries.hasMoreElements(); ) {
                    String entry = entries.nextElement().getName();
                    boolean generated =
                        entry.matches("org/apache/kafka/(common/(message|metadata)|.*/generated)/[A-Za-z]+\\.class");
                    if (generated) {
                        String name = entry.substring(entry.lastIndexOf('/') + 1, entry.length() - 6);
                        found.put(name, entry.substring(0, entry.length() - 6).replace('/', '.'));
                    }
                }
            }
        }
        return found;
    }
}
