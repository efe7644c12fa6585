import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
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

    /** With which the tool that runs has ended; null = it has not. */
    private Integer code;

    /** A class path of folders with an asterisk, as on a command line. */
    Tools(String classPath) {
        this.classPath = classPath;
    }

    /** What the tool prints, of errors too, goes to the file. One that ends with another code than 0 has failed. */
    void run(String tool, String file, String[] arguments) throws Exception {
        PrintStream output = System.out;
        PrintStream errors = System.err;
        Thread thread = Thread.currentThread();
        ClassLoader own = thread.getContextClassLoader();
        code = null;
        try (PrintStream out = new PrintStream(file, StandardCharsets.UTF_8)) {
            System.setOut(out);
            System.setErr(out);
            thread.setContextClassLoader(classes());
            classes().loadClass(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException failure) {
            if (code == null || code != 0) {
                throw new IOException(tool + " " + code, failure.getCause());
            }
        } finally {
            System.setOut(output);
            System.setErr(errors);
            thread.setContextClassLoader(own);
        }
    }

    /**
     * A tool has come to its end; in this process that must not end the others. Some take what is thrown for a failure of
     * their own, and end once more: the first code counts, and nothing that is printed afterwards.
     */
    private Object end(Integer given) {
        if (code == null) {
            code = given;
            System.setOut(new PrintStream(OutputStream.nullOutputStream()));
            System.setErr(System.out);
        }
        throw new IllegalStateException("code " + given);
    }

    private ClassLoader classes() throws MalformedURLException, ReflectiveOperationException {
        if (classes == null) {
            List<URL> jars = new ArrayList<>();
            for (String entry : classPath.split(":")) {
                for (File jar : new File(entry).getParentFile().listFiles((folder, name) -> name.endsWith(".jar"))) {
                    jars.add(jar.toURI().toURL());
                }
            }
            classes = new URLClassLoader(jars.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
            Class<?> exit = classes.loadClass("org.apache.kafka.common.utils.Exit");
            Class<?> procedure = classes.loadClass("org.apache.kafka.common.utils.Exit$Procedure");
            Class<?>[] types = {procedure};
            Object end = Proxy.newProxyInstance(classes, types, (self, method, words) -> end((Integer) words[0]));
            exit.getMethod("setExitProcedure", procedure).invoke(null, end);
        }
        return classes;
    }
}
