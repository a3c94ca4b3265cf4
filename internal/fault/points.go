package fault

// Crash is a named place at which the process can be made to die.
type Crash string

// The points, by the part of the product that they lie in. Points says where each is.
const (
	CommitBeforeSync Crash = "commit-before-sync"
	CommitAfterSync  Crash = "commit-after-sync"
	CommitBeforeWake Crash = "commit-before-wake"
	CommitAfterWake  Crash = "commit-after-wake"

	SubmitBeforeStore Crash = "submit-before-store"
	SubmitStored      Crash = "submit-stored"
	EnqueueCreated    Crash = "enqueue-created"
	EnqueueKeyed      Crash = "enqueue-keyed"

	LeaseGranted   Crash = "lease-granted"
	LeaseHandedOut Crash = "lease-handed-out"

	CallBeforeSend Crash = "call-before-send"
	CallAnswered   Crash = "call-answered"
	CallReceived   Crash = "call-received"

	SettleBeforeStore Crash = "settle-before-store"
	SettleStored      Crash = "settle-stored"
	SettleDone        Crash = "settle-done"
	SettleRetry       Crash = "settle-retry"
	SettleDead        Crash = "settle-dead"
	SettleCancelled   Crash = "settle-cancelled"

	LaneParked   Crash = "lane-parked"
	LanePromoted Crash = "lane-promoted"

	TimeDue     Crash = "time-due"
	TimeExpired Crash = "time-expired"
	TimeRemoved Crash = "time-removed"

	BodyWritten   Crash = "body-written"
	BodySynced    Crash = "body-synced"
	BodyRenamed   Crash = "body-renamed"
	BodyCommitted Crash = "body-committed"
	BodyUnlinked  Crash = "body-unlinked"

	OpenBegun     Crash = "open-begun"
	OpenCreated   Crash = "open-created"
	OpenLoaded    Crash = "open-loaded"
	OpenRecovered Crash = "open-recovered"
	OpenSwept     Crash = "open-swept"
	RecoveryLost  Crash = "recovery-lost"

	BackupBegun  Crash = "backup-begun"
	BackupCopied Crash = "backup-copied"
	BackupBodies Crash = "backup-bodies"

	DrainBegun    Crash = "drain-begun"
	DrainStopped  Crash = "drain-stopped"
	DrainWorked   Crash = "drain-worked"
	DrainClosed   Crash = "drain-closed"
	CloseRefused  Crash = "close-refused"
	CloseDatabase Crash = "close-database"

	RedriveReady  Crash = "redrive-ready"
	CancelWaiting Crash = "cancel-waiting"
	CancelRunning Crash = "cancel-running"
	PurgeRemoved  Crash = "purge-removed"
	GateSet       Crash = "gate-set"

	CallbackAnnounced Crash = "callback-announced"
	CallbackSending   Crash = "callback-sending"
	CallbackAnswered  Crash = "callback-answered"
)

// Points returns every point.
func Points() []Fault {
	return []Fault{
		{string(CommitBeforeSync), "A group of changes is built, and not yet written to the log."},
		{string(CommitAfterSync), "A group of changes is synced, and nobody has been told."},
		{string(CommitBeforeWake), "Readers have seen a group of changes, and its callers have not been woken."},
		{string(CommitAfterWake), "The callers of a group of changes have been woken, and body files wait to be removed."},

		{string(SubmitBeforeStore), "A request was taken in whole, and is not yet handed to the store."},
		{string(SubmitStored), "A request is stored, and its 202 has not been sent."},
		{string(EnqueueCreated), "A new message is in its group, which is not written."},
		{string(EnqueueKeyed), "An idempotency key is reserved in its group, which is not written."},

		{string(LeaseGranted), "A lease is in its group, which is not written."},
		{string(LeaseHandedOut), "A worker has its delivery, and has not begun the call."},

		{string(CallBeforeSend), "The request to the endpoint is made, and not yet sent."},
		{string(CallAnswered), "The head of an answer is there, and its body has not been read."},
		{string(CallReceived), "An answer is there to its end, and only in memory or staged."},

		{string(SettleBeforeStore), "A worker has the outcome of a call, and has not settled it."},
		{string(SettleStored), "An outcome is stored, and the worker still counts the delivery as its own."},
		{string(SettleDone), "A result is in its group, which is not written."},
		{string(SettleRetry), "A retry is in its group, which is not written."},
		{string(SettleDead), "A dead letter is in its group, which is not written."},
		{string(SettleCancelled), "The end of a cancelled call is in its group, which is not written."},

		{string(LaneParked), "A message was parked behind its lane, in a group that is not written."},
		{string(LanePromoted), "A parked message was made ready, in a group that is not written."},

		{string(TimeDue), "A scheduled message became ready, in a group that is not written."},
		{string(TimeExpired), "A deadline has passed, in a group that is not written."},
		{string(TimeRemoved), "A retention has ended, in a group that is not written."},

		{string(BodyWritten), "A large body is written, and not synced."},
		{string(BodySynced), "A large body is synced under its temporary name."},
		{string(BodyRenamed), "A large body has its name, and the directory is not synced."},
		{string(BodyCommitted), "A large body is durable, and no record names it."},
		{string(BodyUnlinked), "The first body file of a removed record is gone."},

		{string(OpenBegun), "A new data directory is marked as begun, and has no database."},
		{string(OpenCreated), "A new data directory has its database, and not yet the mark of a store."},
		{string(OpenLoaded), "Counters and gates are read, and the leases of the process before still stand."},
		{string(OpenRecovered), "The leases of the process before have ended, and staged bodies still lie there."},
		{string(OpenSwept), "The store is open, and nothing has been served."},
		{string(RecoveryLost), "A lease of the process before has ended, in a group that is not written."},

		{string(BackupBegun), "The directory of a backup is begun, and empty."},
		{string(BackupCopied), "A backup has its database, and no body files."},
		{string(BackupBodies), "A backup has all its files, and not the mark of a store."},

		{string(DrainBegun), "Readiness is off, and everything else still goes on."},
		{string(DrainStopped), "Nothing more is leased, and calls are under way."},
		{string(DrainWorked), "Calls have ended, and the listeners are open."},
		{string(DrainClosed), "The listeners are closed, and the store is open."},
		{string(CloseRefused), "The store refuses every call, and the database is open."},
		{string(CloseDatabase), "The database is closed, and the directory is still taken."},

		{string(RedriveReady), "A dead letter was put back, in a group that is not written."},
		{string(CancelWaiting), "A waiting message was cancelled, in a group that is not written."},
		{string(CancelRunning), "A running message was marked as cancelled, in a group that is not written."},
		{string(PurgeRemoved), "A purged message is gone, in a group that is not written."},
		{string(GateSet), "A gate was changed, in a group that is not written."},

		{string(CallbackAnnounced), "A callback was announced, in the group that ends its message, which is not written."},
		{string(CallbackSending), "A callback is signed, and not yet sent."},
		{string(CallbackAnswered), "The receiver has answered a callback, and nobody has noted it."},
	}
}
