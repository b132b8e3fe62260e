package sdks;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs cases and prints how each ended. */
final class Report {
    /** Longest time that one case may take. */
    private static final long CASE_SECONDS = 90;

    private final Settings settings;
    private final List<String> selected;
    /** Queues of each kind that have been given to a case. */
    private final Map<String, Integer> used = new HashMap<>();
    private int ok;
    private int failed;

    Report(Settings settings, List<String> selected) {
        this.settings = settings;
        this.selected = selected;
    }

    boolean passed() {
        return failed == 0 && ok > 0;
    }

    /** A queue of that kind which no other case uses. */
    synchronized String queue(String kind) {
        return settings.prefix() + kind + "-" + used.merge(kind, 1, Integer::sum);
    }

    /** Runs the cases, so many at a time. */
    void runAll(int atOnce, List<Case> cases) {
        ExecutorService workers = Executors.newFixedThreadPool(atOnce);
        ExecutorService scenes = Executors.newCachedThreadPool();
        cases.stream().filter(c -> selected.isEmpty() || selected.stream().anyMatch(c.name()::contains))
            .forEach(c -> workers.submit(() -> run(c, scenes)));
        workers.shutdown();
        try {
            workers.awaitTermination(1, TimeUnit.HOURS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        scenes.shutdownNow();
    }

    private void run(Case c, ExecutorService scenes) {
        Scene scene = new Scene(settings, this);
        Future<?> running = scenes.submit(() -> {
            c.steps().run(scene);
            return null;
        });
        Throwable cause = null;
        try {
            running.get(CASE_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            cause = new Failure("not over after " + CASE_SECONDS + " s");
            running.cancel(true);
        } catch (ExecutionException e) {
            cause = e.getCause();
        } catch (InterruptedException e) {
            cause = e;
        }
        print(c.name(), scene.notes(), cause);
        scene.close();
    }

    private synchronized void print(String name, List<String> notes, Throwable cause) {
        for (String note : notes) {
            System.out.println("note " + name + ": " + oneLine(note));
        }
        if (cause == null) {
            ok++;
            System.out.println("ok " + name);
            return;
        }
        failed++;
        System.out.println("FAIL " + name + ": " + oneLine(cause instanceof Failure ? cause.getMessage() : told(cause)));
    }

    /** The error with its causes, and where the case met it. */
    static String told(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            text.append(cause == error ? "" : ", caused by ").append(cause);
        }
        for (StackTraceElement frame : error.getStackTrace()) {
            if (frame.getClassName().startsWith("sdks.")) {
                return text.append(" at ").append(frame.getFileName()).append(':').append(frame.getLineNumber()).toString();
            }
        }
        return text.toString();
    }

    private static String oneLine(String text) {
        return text.replaceAll("\\s+", " ");
    }
}
