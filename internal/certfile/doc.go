// Package certfile reads certificates and keys from files and keeps what was read in step with them. Whoever speaks TLS, as a
// client or as a listener, does it by this package, so that a file is followed, refused and explained in one way.
//
// It owns the word appearance (what a stat says of a file).
//
// # Guarantees
//
//  1. Files are looked at while they are used, once a second at most. No goroutine of the package's own does it.
//  2. Files that cannot be used leave what was there, and are told of once, when they stay so. TestFilesAreFollowed.
//  3. An error names the key of the configuration, the file and the remedy, and never what a file holds.
//     TestWrongFilesAreNamedWithARemedy.
package certfile
