// Runs the behaviours of a Service Bus queue through the official Go client against a retrain broker. ../README.md says what the program is given
// and what it prints. Arguments select cases by a part of their name.
package main

import (
	"fmt"
	"os"
	"slices"
)

func main() {
	settings, err := settingsFromEnvironment()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	report := newReport(settings, os.Args[1:])
	report.runAll(casesAtOnce, slices.Concat(
		// Those that wait for the broker's clock go first, beside the others.
		lockCases(),
		sessionLockCases(),
		expiryCases(),
		schedulingCases(),
		sendingCases(),
		bodyCases(),
		receivingCases(),
		settlingCases(),
		deferralCases(),
		peekCases(),
		deadLetterCases(),
		duplicateCases(),
		sessionCases(),
		sessionMessageCases(),
		forwardingCases(),
		refusalCases(),
		topicCases(),
		topicLifetimeCases(),
		topicRefusalCases(),
		administrationCases(),
		transportCases(),
	))
	// These cut the connections of everybody.
	report.runAll(1, slices.Concat(connectionCases(), topicRestartCases(), transportRestartCases()))
	if !report.passed() {
		os.Exit(1)
	}
}
