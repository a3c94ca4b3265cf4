// Package api is OpenHQM's own HTTP calls: those of producers, on the ingress listener, and those of operators, on the
// admin listener. routes.go lists every one of them, openapi.json describes every one of them, and a test walks both.
//
// It owns the words producer (submits, asks, cancels), operator (looks, pauses, redrives), envelope (the JSON form of a
// submit and of a result) and claim (which requests are ours).
//
// # Claims
//
// On the ingress listener a request is ours if its method and the exact shape of its path are in the list and an ID in it
// is well-formed. HEAD goes with GET, and OPTIONS with every listed method. Everything else goes to the next handler, so
// that an application that owns the same prefix keeps it. Only while no application is there to own it (the demo handler
// answers, or no endpoint is the default one) a listed shape with a malformed ID is answered 400, and one with another
// method 405.
//
// # Guarantees
//
//  1. A submit is answered 2xx only after the broker has stored it; every other answer but outcome-unknown means that
//     nothing was stored (TestRefusedSubmitStoresNothing).
//  2. A submit reaches configured targets only: it names an endpoint, never an address (TestSubmitChoosesItsTarget).
//  3. The payload reaches the endpoint byte for byte as it stood in the envelope (TestSubmitStoresWhatTheEnvelopeSays).
//  4. Bodies beyond queue.InlineLimit are parsed a few at a time, so that memory grows with their size but not with the
//     number of clients.
//  5. Waiting calls and event streams are bounded in number and time, and end when the process drains
//     (TestDrainEndsWaitingCalls).
//  6. With callers known, a record is visible to its caller only; others get 404 (TestOnlyTheCallerReads).
//  7. The operator's calls need the admin token, or without one a peer and a Host that are loopback
//     (TestAdminAccess). Fields that carry secrets are masked (TestMessageMasksSecrets).
//  8. A submit has no receiver told of its end but one that the configuration lists
//     (TestASubmitNamesOnlyAReceiverThatIsListed), and callback tickets are no producer's to reach
//     (TestProducersDoNotSeeTickets).
//
// # Concurrency
//
// A [Producer] and an [Admin] may be used by many goroutines at once.
//
// # Failure
//
// Errors become problem documents by the one table of package reply.
//
// # Not here
//
// Captured requests (ingress), replay of stored answers (reply), probes and metrics (telemetry), policy (queue).
package api
