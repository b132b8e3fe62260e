package sdks;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Java reads no PEM files: the certificate of the broker's authority goes into a trust store, as docs/connect.md says. */
final class Trust {
    private static final String PASSWORD = "changeit";

    private Trust() {
    }

    /** Before anything speaks TLS. */
    static void authority(String file) throws Exception {
        Path folder = Files.createTempDirectory("retrain-trust-");
        Path store = folder.resolve("retrain.p12");
        Path keytool = Path.of(System.getProperty("java.home"), "bin", "keytool");
        Process process = new ProcessBuilder(List.of(keytool.toString(), "-importcert", "-noprompt", "-alias", "retrain", "-file", file,
            "-keystore", store.toString(), "-storepass", PASSWORD)).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes());
        if (process.waitFor() != 0) {
            throw new IllegalStateException(said);
        }
        store.toFile().deleteOnExit();
        System.setProperty("javax.net.ssl.trustStore", store.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", PASSWORD);
        folder.toFile().deleteOnExit();
    }
}
