package fault

// Bug is a rule that is broken where it is kept.
type Bug string

// The bugs. Bugs says what each does.
const (
	AckBeforeSync            Bug = "ack-before-sync"
	LeaseBeforeSync          Bug = "lease-before-sync"
	ResultAfterAck           Bug = "result-after-ack"
	DeadLetterOutsideWrite   Bug = "dead-letter-outside-write"
	CounterOutsideWrite      Bug = "counter-outside-write"
	BodyNotSynced            Bug = "body-not-synced"
	NoTokenCheck             Bug = "no-token-check"
	BackoffOnlySorts         Bug = "backoff-only-sorts"
	AttemptCountedOnCrash    Bug = "attempt-counted-on-crash"
	CrashNotCounted          Bug = "crash-not-counted"
	UnsafeResentAfterCrash   Bug = "unsafe-resent-after-crash"
	UnsafeResentAfterTimeout Bug = "unsafe-resent-after-timeout"
	ResentByTransport        Bug = "resent-by-transport"
	KeyOnlyInMemory          Bug = "key-only-in-memory"
	LeaseOnWallClock         Bug = "lease-on-wall-clock"
	LogTruncatedAtError      Bug = "log-truncated-at-error"
	BodyTruncatedAtError     Bug = "body-truncated-at-error"
	CancelledRevived         Bug = "cancelled-revived"
	CancelReportedDone       Bug = "cancel-reported-done"
	RetentionFromSubmit      Bug = "retention-from-submit"
	DeadlineIgnoredAtLease   Bug = "deadline-ignored-at-lease"
	LimitForgottenAtStart    Bug = "limit-forgotten-at-start"
	BreakerForgottenAtStart  Bug = "breaker-forgotten-at-start"
	OrderForgottenAtStart    Bug = "order-forgotten-at-start"
	LimitOneTooMany          Bug = "limit-one-too-many"
	RateNotCounted           Bug = "rate-not-counted"
	FullQueueAccepts         Bug = "full-queue-accepts"
	LaneBoundIgnored         Bug = "lane-bound-ignored"
	LaneOvertaken            Bug = "lane-overtaken"
	DrainDrops               Bug = "drain-drops"
	StaleCallGoesOn          Bug = "stale-call-goes-on"
	RetryAfterIgnored        Bug = "retry-after-ignored"
	HopByHopForwarded        Bug = "hop-by-hop-forwarded"
	CutAnswerIsResult        Bug = "cut-answer-is-result"
	CutUploadStored          Bug = "cut-upload-stored"
	AckOfRefused             Bug = "ack-of-refused"
	CookieLostOnReplay       Bug = "cookie-lost-on-replay"
	ForbiddenAddressCalled   Bug = "forbidden-address-called"
	ShownBeforeSync          Bug = "shown-before-sync"
	BodyRemovedBeforeSync    Bug = "body-removed-before-sync"
	UnknownToldAsRefused     Bug = "unknown-told-as-refused"
	KeyWithoutFingerprint    Bug = "key-without-fingerprint"
	LowPriorityStarves       Bug = "low-priority-starves"
	OneQueueTakesAll         Bug = "one-queue-takes-all"
	BackupLetsBodiesGo       Bug = "backup-lets-bodies-go"
	BackupMarkedFirst        Bug = "backup-marked-first"
	RetryBudgetIgnored       Bug = "retry-budget-ignored"
	SlowStartSkipped         Bug = "slow-start-skipped"
	SecretsShown             Bug = "secrets-shown"
	DoorClosedBeforeCalls    Bug = "door-closed-before-calls"
)

// Fault is a bug or a point as people read of it.
type Fault struct {
	Name string
	Does string // one sentence
}

// Bugs returns every bug.
func Bugs() []Fault {
	return []Fault{
		{string(AckBeforeSync), "A write is acknowledged before it was synced."},
		{string(LeaseBeforeSync), "A lease is handed out before it was synced."},
		{string(ResultAfterAck), "The result is written after its completion was acknowledged."},
		{string(DeadLetterOutsideWrite), "A message leaves its queue in one write and joins the dead letters in another."},
		{string(CounterOutsideWrite), "The counters of a queue move in a write of their own."},
		{string(BodyNotSynced), "The file of a large body is not synced before the record that names it."},
		{string(NoTokenCheck), "Whoever settles a leased message may, whatever token is shown."},
		{string(BackoffOnlySorts), "A retry is ready at once, behind the others, instead of after its delay."},
		{string(AttemptCountedOnCrash), "A lease that nobody settled costs an attempt."},
		{string(CrashNotCounted), "A lease that nobody settled is not counted as a crash, so that no message is ever poison."},
		{string(UnsafeResentAfterCrash), "A request that may not be repeated is sent again after its worker died."},
		{string(UnsafeResentAfterTimeout), "A call without an answer counts as never sent, and is sent again."},
		{string(ResentByTransport), "The HTTP transport may repeat a request by itself."},
		{string(KeyOnlyInMemory), "Idempotency keys do not outlive the process."},
		{string(LeaseOnWallClock), "The store's clock follows each step of the wall clock."},
		{string(LogTruncatedAtError), "A log with a damaged middle is cut off there and opened."},
		{string(BodyTruncatedAtError), "A damaged body ends at the damage as if it were whole."},
		{string(CancelledRevived), "A cancelled message goes back to its queue when its call fails."},
		{string(CancelReportedDone), "The cancel of a running message is answered as if it had ended."},
		{string(RetentionFromSubmit), "A result is kept for its time counted from the submit, not from the completion."},
		{string(DeadlineIgnoredAtLease), "A message whose deadline has passed is still handed to a worker."},
		{string(LimitForgottenAtStart), "The stored limits of a queue do not count after a restart."},
		{string(BreakerForgottenAtStart), "An open breaker is closed by a restart."},
		{string(OrderForgottenAtStart), "Places in the order are given a second time after a restart."},
		{string(LimitOneTooMany), "One more call than the limit is under way."},
		{string(RateNotCounted), "A lease takes no token of the rate limit."},
		{string(FullQueueAccepts), "A full queue goes on accepting."},
		{string(LaneBoundIgnored), "Whatever waits behind a lane is promoted at once."},
		{string(LaneOvertaken), "A retry of an ordered lane stands behind what came later."},
		{string(DrainDrops), "What a lease call hands over during the drain is dropped instead of released."},
		{string(StaleCallGoesOn), "A call whose lease was not renewed goes on."},
		{string(RetryAfterIgnored), "The Retry-After of an answer is ignored."},
		{string(HopByHopForwarded), "Fields of the client's connection are sent to the endpoint."},
		{string(CutAnswerIsResult), "What arrived of an answer that broke off is taken for the whole."},
		{string(CutUploadStored), "An upload that broke off is stored as if it were whole."},
		{string(AckOfRefused), "A request that the store refused is answered as accepted."},
		{string(CookieLostOnReplay), "Of several cookies of an answer one is replayed."},
		{string(ForbiddenAddressCalled), "A callback goes to whatever address its name resolves to."},
		{string(ShownBeforeSync), "Readers are shown a change that is not synced."},
		{string(BodyRemovedBeforeSync), "A body file is removed before the end of its record is synced."},
		{string(UnknownToldAsRefused), "What was tried when a sync failed is told as refused."},
		{string(KeyWithoutFingerprint), "Another request under a used idempotency key gets the first one's answer."},
		{string(LowPriorityStarves), "Every lease takes the most urgent message, however long another waits."},
		{string(OneQueueTakesAll), "One queue may hold every slot of a worker while another has work."},
		{string(BackupLetsBodiesGo), "Body files are removed while a backup copies them."},
		{string(BackupMarkedFirst), "A backup bears the mark of a store before its files are there."},
		{string(RetryBudgetIgnored), "Retries come when they are due, however many there are."},
		{string(SlowStartSkipped), "An endpoint that is back gets all calls at once."},
		{string(SecretsShown), "Values under the names of secrets are shown."},
		{string(DoorClosedBeforeCalls), "The listeners close before the calls that held clients wait for have ended."},
	}
}
