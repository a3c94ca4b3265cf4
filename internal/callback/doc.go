// Package callback tells receivers that requests have finished: it works off the tickets of the hidden queue
// [queue.CallbackQueue], one signed HTTP request for each attempt, and says which receivers a request may name.
//
// It owns the words callback (a notice that a request has finished), receiver (who gets it) and allow-list (the receivers
// that the configuration names).
//
// # Guarantees
//
//  1. At least once (R19): a ticket is written with the transition that it announces, and ends only when the receiver has
//     answered 2xx, has said 410, or the tries and the time of its queue's policy are used up
//     (TestCallbacksFollowTheirOwnSchedule). A receiver may get one more than once, always under the same webhook-id.
//  2. Signed by Standard Webhooks 1.0.0, under every key that is configured, so that keys can be rotated
//     (TestSignatureIsThatOfStandardWebhooks).
//  3. Only receivers of the allow-list are called, and only at addresses that are public or allowed. The address is looked
//     at when the connection is made, so that a name which means something else by then does not help; redirects are not
//     followed and no proxy is used (TestNoConnectionIsMadeToAForbiddenAddress, TestRedirectsAreNotFollowed).
//  4. A callback bears the state of its request and where to find the rest: no header, body or metadata of the request or
//     of its answer, and at most [MaxPayload] bytes. Nothing of the receiver's answer is kept but its status
//     (TestPayloadBearsNothingOfTheRequest, TestNothingOfTheReceiversAnswerIsKept).
//  5. No error text holds a secret, the query of a URL, or the address that a name resolves to
//     (TestErrorsHoldNoSecrets).
//
// # What an attempt means
//
//	2xx                                        delivered
//	410                                        given up at once: the receiver wants no more
//	every other status, redirects included     tried again, after Retry-After if that is later; costs an attempt
//	no answer in time, or a broken one         tried again; costs an attempt
//	not sent: the name does not resolve,       tried again; costs no attempt, and ends with the ticket's time
//	refused, TLS, address or receiver
//	not allowed
//
// The answer of one receiver never closes the queue for the others.
//
// # Concurrency
//
// A [Sender] may be used by many goroutines at once, except Close.
//
// # Failure
//
// Handle never fails: everything is an outcome.
//
// # Not here
//
// When a callback is due and when it is tried again (queue.Broker and its store), how many run at once (the queue's gate
// and its lanes), what clients see of it (api).
package callback
