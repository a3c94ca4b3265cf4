// Package endpoint sends one stored request to one configured HTTP target, faithfully and once, and says with certainty
// what came of it; it also passes requests straight through.
//
// It owns the words attempt (one request to the target), fault (why an attempt has no complete answer) and pseudonym
// (the name of this process in Via).
//
// # Guarantees
//
//  1. One arrival at most: no byte of a request reaches a second connection, whatever the transport below does (R6).
//     TestOneAttemptArrivesOnce, TestGateKnowsWhetherAByteWasSent. In HTTP/2: no second stream is begun.
//     TestOneAttemptIsOneStream.
//  2. [queue.NotSent] is certain: when it is reported, no byte of the request was handed to a connection and none will be
//     (R5), or the endpoint ended the handshake of TLS instead of reading it. TestWhatWasNotSentIsNotSent,
//     TestFailedHandshakesAreNotSentAndExplained, TestCauseDecidesHowACallEnded.
//  3. Fidelity: method, raw path, raw query, fields, trailers and body bytes arrive as the client sent them, but for the
//     changes that are listed at [Endpoint.Handle]. TestTargetArrivesByteForByte, TestHeaderRules.
//  4. Redirects are answers. Bodies are never decompressed. No proxy is taken from the environment. TestAnswerIsKeptAsItCame.
//  5. Memory does not grow with the size of a body, in either direction.
//  6. Files of TLS are taken up while the endpoint is called, and no connection made by those before serves a new request.
//     TestFilesOfTLSAreReadAnewWhenTheyChange.
//  7. What an endpoint sends beyond an answer is never taken for the answer to another request on its connection.
//     TestWhatFollowsAnAnswerIsNotTheNextAnswer.
//  8. No error text holds a credential, a query string or bytes of a body. TestErrorsHoldNoSecrets.
//
// # Faults and their classes
//
// What happened, and the class that Handle reports. Where a request may not be repeated, unanswered ends it
// (unknown_outcome); the rest is decided by the Broker.
//
//	the endpoint cannot be resolved, refuses, does not answer the connect in time   not_sent
//	TLS handshake fails, on either side, or takes too long                           not_sent
//	a reused connection turns out closed before a byte was written                   not_sent
//	a used connection holds bytes that nobody asked for                              not_sent
//	configured credentials are missing or cannot be a field value                    not_sent
//	no access token can be fetched                                                   not_sent
//	the stored body cannot be opened because the store is away                       not_sent
//	the attempt ends before a byte was written: timeout, cancelled, lease lost       not_sent
//	HTTP/2: the stream of a request with a body is refused, or above a GOAWAY's last  not_sent
//	HTTP/2: any other call that was given a connection and has no answer             unanswered
//	the process drains before a byte was written                                     not_begun
//	a complete answer, of any status, redirects included                             answered
//	a complete answer whose body is over the limit                                   answered, truncated
//	a complete answer before the request was read whole, not overtaken by a reset    answered
//	closed or reset after a byte of the request was written, without an answer       unanswered
//	closed or reset within the head of the answer                                    unanswered
//	malformed head; head over its limit; a status below 200 that ends nothing        unanswered
//	a flood of 1xx answers                                                           unanswered
//	body cut, bad chunk, fewer bytes than announced                                  unanswered, with what arrived
//	timeout, cancel, lost lease, drain after a byte was written                      unanswered, with what arrived
//	a complete answer whose body the store does not take                             answered, truncated, with the reason
//	a name, value, target or host that cannot be sent as such; a corrupt body        rejected
//	the request has been through this process three times already                    rejected
//
// # Concurrency
//
// Every method may be called by many goroutines at once, except Close.
//
// # Failure
//
// Handle never fails: everything is an outcome. Pass answers 502, 504 or 508 through Options.WriteError when nothing has
// been sent to the client yet, and cuts the connection otherwise. A body that the client did not send as announced is 400 or
// 408, and a client that has left is reported to nobody. TestTheClientsOwnFaultIsNotTheEndpoints.
//
// net/http writes the beginning of bytes that an endpoint sends unasked to the standard logger; the process redirects it.
//
// # Not here
//
// Retries and what a status means (queue.Broker), limits (the store's gate), the choice of endpoint (ingress).
package endpoint
