package embedded

import (
	"github.com/openhqm/openhqm/queue"
	"golang.org/x/sys/unix"
)

// durabilityOf says what the file system under a directory promises: tmpfs lives in memory, and an overlay goes with its
// container.
func durabilityOf(dir string) queue.Durability {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return queue.DurabilityUnknown
	}
	switch int64(st.Type) {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC:
		return queue.DurabilityContainer
	}
	return queue.DurabilityDisk
}
