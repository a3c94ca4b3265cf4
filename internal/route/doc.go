// Package route decides which route a request takes: the first of a list whose conditions all hold.
//
// It owns the words route (conditions and a name), table (the routes of one configuration, in their order), rule (a route of the Python version), candidate (a
// route that the index does not rule out) and predicate (a condition written in jq).
//
// # Guarantees
//
//  1. The first route of the list whose conditions all hold is taken; how the index finds it changes nothing
//     (TestTheIndexFindsWhatALinearSearchFinds).
//  2. A request costs what its candidates cost, not what the list does: routes are found by host, path and header before any
//     expression runs (BenchmarkMatch).
//  3. Paths are compared as most servers understand them, so that another spelling takes no other route: see [CleanPath]
//     (TestAnotherSpellingOfAPathTakesNoOtherRoute).
//  4. A predicate ends after a bounded number of steps; one that fails does not hold and is reported
//     (TestAPredicateThatFailsDoesNotHold).
//  5. Of several endpoints the same key always chooses the same one, and a changed weight moves as few keys as it can
//     (TestAKeyKeepsItsEndpoint, TestAChangedWeightMovesFewKeys).
//  6. Rules of a routing.yaml make JSON of a payload and cannot add to it what the payload holds: values are escaped in templates, and
//     refused in fields that they would break (TestTransformsMakeThePayload, TestMappingsSetFieldsAndParametersAndNothingElse).
//
// # Concurrency
//
// A [Table] never changes and may be used by many goroutines at once. An [Input] belongs to one request.
//
// # Failure
//
// [New] refuses what can never work, naming the route. After that nothing fails.
//
// # Not here
//
// What follows from a route: the endpoint, the mode, the terms (ingress); configuration (config, app).
package route
