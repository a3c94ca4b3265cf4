// Package telemetry is how a process tells what it does: the log, the metrics and the probes.
//
// It owns the names of all metrics, the list of log keys, and the words of the probes.
//
// # Guarantees
//
//  1. The names and labels of metrics are those of testdata/metrics.golden (TestMetricsAreTheGoldenOnes); every label
//     value comes from a closed set or from the configuration, never from a request (TestForeignMethodsShareOneLabel,
//     TestQueuesBeyondTheLimitShareOneLabel).
//  2. Counting costs no look-up by label: what is counted often is resolved once and then found by name in a map that
//     never changes (BenchmarkSubmitIsCounted).
//  3. Values under keys that name credentials, header fields that bear them, and user information in URLs do not reach the
//     log (TestSecretsDoNotReachTheLog).
//  4. A probe answers within [CheckTimeout] whatever the store does (TestAProbeDoesNotWaitForAStuckCheck).
//
// # Concurrency
//
// Everything here may be used by many goroutines at once.
//
// # Failure
//
// A scrape during which the store does not answer serves every other metric and counts
// openhqm_queue_stats_errors_total; nothing here stops a process.
//
// # Not here
//
// What is healthy: internal/app says what the components are and how to ask them.
package telemetry
