// Package worker is the pool that works off deliveries: lease, handle, settle.
//
// It owns the words slot (room for one handler call), renewal (keeping a running delivery's lease) and drain (finishing
// what runs and taking no more).
//
// # Guarantees
//
//  1. Never more than Config.Slots handler calls at once, and never more leased than there are free slots (R9).
//     TestNeverMoreCallsThanSlots.
//  2. One slow call never idles another slot. TestSlowCallIdlesNoOtherSlot.
//  3. A delivery's context ends with ErrLeaseLost before its lease does when renewal fails or is late (R3), also when a
//     renewal hangs. TestLateRenewalEndsTheCallBeforeTheLease.
//  4. A cancelled message's context ends with ErrCancelRequested. TestCancelEndsTheCall.
//  5. Drain loses nothing (R14): see [Worker.Run]. TestDrain*.
//  6. A handler that panics costs its own delivery and nothing else. TestPanicCostsOneDelivery.
//
// # Concurrency
//
// Run is called once. The other methods may be called by many goroutines at once, also before and after Run.
//
// # Failure
//
// Errors of the store are waited out; Run returns one only when the store is closed, or when a handler outlives the drain.
//
// # Not here
//
// What an outcome means (queue.Broker); what is done with a delivery (queue.Handler).
package worker
