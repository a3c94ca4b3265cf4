package main

import "github.com/openhqm/openhqm/internal/fault"

// A watch is the test that is to catch a bug.
type watch struct {
	bug  fault.Bug
	pkg  string // below the root
	test string // as -test.run wants it
}

const (
	embedded = "internal/store/embedded"
	crash    = "^TestEverythingAcknowledgedSurvivesACrash$/^0_percent"
	contract = "^TestStoreKeepsTheContract$/"
)

// watches names a test for every bug. Those of the crash test and of the model draw at random.
var watches = []watch{
	{fault.AckBeforeSync, embedded, crash},
	{fault.LeaseBeforeSync, embedded, crash},
	{fault.ResultAfterAck, embedded, crash},
	{fault.DeadLetterOutsideWrite, embedded, crash},
	{fault.CounterOutsideWrite, embedded, crash},
	{fault.BodyNotSynced, embedded, crash},
	{fault.BodyRemovedBeforeSync, embedded, "^TestABodyIsRemovedOnlyAfterItsRecord$"},
	{fault.ShownBeforeSync, embedded, "^TestNothingIsShownThatACrashTakesBack$"},
	{fault.UnknownToldAsRefused, embedded, "^TestWhatWasTriedWhenASyncFailedIsNotCalledRefused$"},

	{fault.NoTokenCheck, embedded, contract + "settle/fenced_off"},
	{fault.BackoffOnlySorts, embedded, contract + "schedule/a_retry_is_not_leased_before_its_time"},
	{fault.AttemptCountedOnCrash, embedded, contract + "lost/counted_as_a_crash"},
	{fault.CrashNotCounted, embedded, contract + "durability/a_second_crash_changes_nothing_more"},
	{fault.UnsafeResentAfterCrash, embedded, contract + "durability/leases_of_the_crashed_process"},
	{fault.CancelledRevived, embedded, contract + "cancel/does_not_go_back_to_the_queue"},
	{fault.RetentionFromSubmit, embedded, contract + "retention/counted_from_completion"},
	{fault.DeadlineIgnoredAtLease, embedded, contract + "schedule/without_Run_nothing_that_time_brings"},
	{fault.FullQueueAccepts, embedded, contract + "enqueue/the_bound_on_messages"},
	{fault.LimitOneTooMany, embedded, contract + "gate/no_more_is_leased_at_once"},
	{fault.RateNotCounted, embedded, contract + "gate/the_rate_is_never_exceeded"},
	{fault.LaneBoundIgnored, embedded, contract + "lane/a_wider_lane_lets_as_many"},
	{fault.LaneOvertaken, embedded, contract + "lane/nothing_overtakes_a_retry"},
	{fault.LowPriorityStarves, embedded, contract + "order/every_eighth_lease"},
	{fault.OneQueueTakesAll, embedded, contract + "lease/three_quarters"},
	{fault.KeyWithoutFingerprint, embedded, contract + "idempotency/a_key_with_another_request"},

	{fault.KeyOnlyInMemory, embedded, contract + "durability/idempotency_keys_stand"},
	{fault.LimitForgottenAtStart, embedded, contract + "durability/gates_stand"},
	{fault.BreakerForgottenAtStart, "test/e2e", "^TestAnOpenBreakerSurvivesAKill$"},
	{fault.OrderForgottenAtStart, embedded, contract + "durability/the_order_is_the_same"},
	{fault.LeaseOnWallClock, embedded, "^TestTheClockNeverRunsBackwards$"},
	{fault.LogTruncatedAtError, embedded, "^TestADamagedLogOfACrashIsRefused$"},
	{fault.BodyTruncatedAtError, embedded, "^TestADamagedBodyIsReportedWithPathAndOffset$"},
	{fault.BackupLetsBodiesGo, embedded, "^TestABodyThatIsRemovedDuringABackupIsInIt$"},
	{fault.BackupMarkedFirst, embedded, "^TestABackupThatIsCutShortIsNoStore$"},

	{fault.UnsafeResentAfterTimeout, "internal/endpoint", "^TestFaultsHaveTheirClass$"},
	{fault.ResentByTransport, "internal/endpoint", "^TestOneAttemptArrivesOnce$"},
	{fault.RetryAfterIgnored, "internal/endpoint", "^TestRetryAfter$"},
	{fault.HopByHopForwarded, "internal/endpoint", "^TestHeaderRules$"},
	{fault.CutAnswerIsResult, "internal/endpoint", "^TestFaultsHaveTheirClass$"},
	{fault.CutUploadStored, "internal/ingress", "^TestACutUploadIsNeverStored$"},
	{fault.AckOfRefused, "internal/ingress", "^TestARefusedRequestLeavesNothingBehind$"},
	{fault.CookieLostOnReplay, "internal/reply", "^TestReplayEqualsTheStoredAnswer$"},
	{fault.CancelReportedDone, "internal/api", "^TestCancel$"},
	{fault.ForbiddenAddressCalled, "internal/callback", "^TestNoConnectionIsMadeToAForbiddenAddress$"},
	{fault.SecretsShown, "internal/telemetry", "^TestSecretsDoNotReachTheLog$"},

	{fault.DrainDrops, "internal/worker", "^TestDrainReleasesWhatALeaseCallStillHandsOver$"},
	{fault.StaleCallGoesOn, "internal/worker", "^TestLateRenewalEndsTheCallBeforeTheLease$"},
	{fault.DoorClosedBeforeCalls, "internal/app", "^TestAHeldClientGetsAnAnswerThatComesAfterTheLag$"},
	{fault.RetryBudgetIgnored, "internal/flow", "^TestRetriesStayWithinTheBudget$"},
	{fault.SlowStartSkipped, "internal/flow", "^TestSlowStartDoublesTheCallsAtOnce$"},
}
