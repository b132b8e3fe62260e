package sdks;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Where the broker is and how to prove who we are. */
record Settings(String connectionString, String sendOnly, String listenOnly, String host, String port, String keyName, String prefix,
                String controlUrl, String admin, String plainAdmin, String secure, String trustFile) {

    static Settings fromEnvironment() {
        List<String> missing = new ArrayList<>();
        UnaryOperator<String> read = name -> {
            String value = System.getenv(name);
            if (value == null || value.isEmpty()) {
                missing.add(name);
            }
            return value;
        };
        Settings settings = new Settings(read.apply("RETRAIN_CONNECTION_STRING"), read.apply("RETRAIN_SEND_ONLY_CONNECTION_STRING"),
            read.apply("RETRAIN_LISTEN_ONLY_CONNECTION_STRING"), read.apply("RETRAIN_HOST"), read.apply("RETRAIN_PORT"),
            read.apply("RETRAIN_KEY_NAME"), read.apply("RETRAIN_QUEUE_PREFIX"), read.apply("RETRAIN_CONTROL_URL"),
            read.apply("RETRAIN_ADMIN_CONNECTION_STRING"), read.apply("RETRAIN_HTTP_ADMIN_CONNECTION_STRING"),
            read.apply("RETRAIN_TLS_CONNECTION_STRING"), read.apply("RETRAIN_TRUST_FILE"));
        if (!missing.isEmpty()) {
            System.err.println("not set: " + String.join(", ", missing) + "; run it through npm run test:sdks -- java");
            System.exit(2);
        }
        return settings;
    }
}
