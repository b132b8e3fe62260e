package sdks;

import com.azure.core.util.BinaryData;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What only an operator could do: ../../../../../README.md says what. Entities are described with the names of Azure Resource Manager. */
final class Orders {
    private Orders() {
    }

    static void make(Scene t, String kind, Map<String, ?> description) throws Exception {
        send(t, "/make", Map.of(kind, List.of(description)));
    }

    /** `entity` names a queue, a topic, or a topic and one of its subscriptions. */
    static void change(Scene t, Map<String, ?> entity, Map<String, ?> to) throws Exception {
        send(t, "/change", with(entity, "to", to));
    }

    static void delete(Scene t, Map<String, ?> entity) throws Exception {
        send(t, "/delete", entity);
    }

    static Map<String, Object> with(Map<String, ?> given, String name, Object value) {
        Map<String, Object> more = new HashMap<>(given);
        more.put(name, value);
        return more;
    }

    private static void send(Scene t, String what, Object body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(t.settings().controlUrl() + what))
            .POST(HttpRequest.BodyPublishers.ofString(BinaryData.fromObject(body).toString())).build();
        HttpResponse<String> response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        t.check(response.statusCode() == 200, what + " " + body + " says " + response.body());
    }
}
