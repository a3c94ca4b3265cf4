// Package archtest holds tests about the repository itself and no other code.
//
// # Guarantees
//
//  1. A package imports only what its row in the table of imports_test.go
//     allows, and a package without a row fails.
//  2. What README.md, AGENTS.md, CONTRIBUTING.md and docs/ name exists: links,
//     paths, make targets, subcommands, flags, configuration keys, metrics.
//  3. Files, names and habits keep to the shape of shape_test.go.
//  4. A promise that docs/design.md calls kept names a test that exists.
//
// # Not here
//
// Formatting and static analysis: `make lint`. What code does: the tests beside it.
package archtest
