import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Apache Kafka's tools of another version than the broker's, in the same process but with classes of their own. */
final class Tools {
    private final String classPath;
    private ClassLoader classes;

    /** A class path of folders with an asterisk, as on a command line. */
    Tools(String classPath) {
        this.classPath = classPath;
    }

    /** What the tool prints, of errors too, goes to the file. */
    void run(String tool, String file, String[] arguments) throws Exception {
        PrintStream output = System.out;
        PrintStream errors = System.err;
        Thread thread = Thread.currentThread();
        ClassLoader own = thread.getContextClassLoader();
        try (PrintStream out = new PrintStream(file, StandardCharsets.UTF_8)) {
            System.setOut(out);
            System.setErr(out);
            thread.setContextClassLoader(classes());
            classes().loadClass(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException failure) {
            throw new IOException(tool, failure.getCause());
        } finally {
            System.setOut(output);
            System.setErr(errors);
            thread.setContextClassLoader(own);
        }
    }

    private ClassLoader classes() throws MalformedURLException {
        if (classes == null) {
            List<URL> jars = new ArrayList<>();
            for (String entry : classPath.split(":")) {
                for (File jar : new File(entry).getParentFile().listFiles((folder, name) -> name.endsWith(".jar"))) {
                    jars.add(jar.toURI().toURL());
                }
            }
            classes = new URLClassLoader(jars.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
        }
        return classes;
    }
}
