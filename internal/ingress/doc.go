// Package ingress is HTTP in: it captures a request exactly, chooses its endpoint and mode, and enqueues it, holds the
// client for the answer, or lets the request pass straight through.
//
// It owns the words capture (a request taken in as it was sent), target (an endpoint or handler as ingress knows it), mode
// (sync, async, auto), hold (a client kept waiting for the stored message's answer) and line (calls that wait to pass).
//
// # Guarantees
//
//  1. No false accept: 202 is sent only after [queue.Broker.Submit] has returned nil, with the durability it stated
//     (TestA202IsSentOnlyAfterTheMessageIsStored).
//  2. What the head decides (method, target, endpoint, size of fields and of an announced body) is refused before the body
//     is touched, so that a client which expects 100-continue never uploads it (TestTheHeadIsRefusedBeforeTheBodyIsRead). Where
//     the jq program of a route mentions the body, what depends on the route is decided after a JSON body's first 256 KiB.
//  3. A truncated or malformed body is 400 and nothing is stored (TestACutUploadIsNeverStored).
//  4. Method, target, fields with their values in order, body and trailers are captured byte for byte, but for what
//     [Handler] lists (TestCaptureKeepsWhatTheClientSent).
//  5. A connection whose framing Go's server may have read differently from a proxy before it (chunked over HTTP/1.1, and
//     HTTP/1.0) ends with its answer (TestASmuggledRequestIsNeverServed). Folded lines are not among them: see Known limits.
//  6. A request is stored or passed once. A client that goes while it is held takes its message along only if nobody has
//     begun it (TestAClientThatGoesWhileHeldCancelsWhatHasNotBegun).
//  7. Bounded: clients held, bytes they pin, calls that wait to pass, bodies, targets and fields. A client that stands still
//     for a minute while it sends, or takes nothing of a passed answer, gives the slot of its call back
//     (TestAClientThatStandsStillInAPassedCallLosesItsSlot); a quiet stream or upgraded connection keeps it.
//  8. A request has no receiver told of its end but one that the configuration lists
//     (TestACapturedRequestNamesOnlyAReceiverThatIsListed).
//  9. What a request asks of the queue by its own fields is done or refused by name, and never forwarded
//     (TestACapturedRequestAsksByFieldsThatAreNotForwarded, TestAFieldThatAsksWhatCannotBeIsRefusedByName).
//
// # Concurrency
//
// A [Handler] may be used by many goroutines at once. Its [Targets] may change under running requests; a request keeps the
// target with which it began.
//
// # Failure
//
// Every refusal is a problem document with the remedy in its detail. Where a stored message's answer cannot be waited for
// any more, the client gets the 202 that it would have got without waiting.
//
// # Known limits
//
// A folded line (obs-fold, RFC 9112 5.2) is joined to the field before it by Go's server, which does not tell the handler. A
// proxy in front that reads the line `<space>Transfer-Encoding: chunked` as a field of its own sees another end of the body,
// and what follows may be served as a request: such a proxy must refuse folded lines or unfold them, as RFC 9112 asks.
//
// gRPC to an endpoint is refused with 501: its streams and trailers need HTTP/2 from end to end. gRPC-Web passes.
//
// Over HTTP/1.1 an answer to a passed request that comes before the end of its body reaches the client with the next piece
// that it sends, or when it has stood still for a minute: Go's server writes no head while a read of the body is under way.
// Lifting that (full duplex) would also lift its guard against reading the rest of a body as the next request. Who talks both
// ways at once uses HTTP/2 or an upgrade.
//
// # Not here
//
// What an answer looks like (reply), the calls of the API (api), sending (endpoint), policy (queue.Broker), listeners (app).
package ingress
