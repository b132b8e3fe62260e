package sdks;

import java.util.List;
import java.util.stream.Stream;

/**
 * Runs the behaviours of a Service Bus queue through the official Java client against a retrain broker. ../../../../../README.md says what the
 * program is given and what it prints. Arguments select cases by a part of their name.
 */
public final class Main {
    private static final int CASES_AT_ONCE = 4;

    private Main() {
    }

    public static void main(String[] arguments) throws Exception {
        Settings settings = Settings.fromEnvironment();
        Trust.authority(settings.trustFile());
        Report report = new Report(settings, List.of(arguments));
        report.runAll(CASES_AT_ONCE, Stream.of(
            // Those that wait for the broker's clock go first, beside the others.
            Locks.CASES, Expiry.CASES, Scheduling.CASES, Sending.CASES, Bodies.CASES, Receiving.CASES, Settling.CASES, Deferral.CASES,
            Browsing.CASES, Sessions.CASES, SessionMessages.CASES, Processors.CASES, Forwarding.CASES, Transactions.CASES, Refusals.CASES,
            Topics.CASES, TopicLifetimes.CASES, TopicRules.CASES, TopicRefusals.CASES,
            Administration.CASES, Transports.CASES).flatMap(List::stream).toList());
        // These cut the connections of everybody.
        report.runAll(1, Connections.CASES);
        report.runAll(1, Transports.RESTARTS);
        // The client leaves threads behind.
        System.exit(report.passed() ? 0 : 1);
    }
}
