//go:build !linux

package embedded

import "github.com/openhqm/openhqm/queue"

// durabilityOf says what the file system under a directory promises.
func durabilityOf(string) queue.Durability { return queue.DurabilityDisk }
