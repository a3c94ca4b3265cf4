package queue

import (
	"context"
	"fmt"
)

// Backupper is a Store that can copy itself while it runs.
type Backupper interface {
	// Backup writes a copy of the store into a directory of the machine that it runs on, beside all other calls. The copy
	// is of one moment: it holds everything that was acknowledged before the call, whole or not at all what was changed
	// during it, and nothing after. When it returns nil the copy is durable; with an error, or after a crash, the
	// directory holds no store. The directory is created, and may exist if it is empty. ErrInvalid where it cannot be the
	// place of a copy; ctx's cause when that ends first.
	Backup(ctx context.Context, dir string) (Backup, error)
}

// Backup is what was copied.
type Backup struct {
	Bodies    int64 // files of large bodies
	BodyBytes int64 // in them
}

// Backup is [Backupper].Backup; ErrUnsupported where the store cannot.
func (b *Broker) Backup(ctx context.Context, dir string) (Backup, error) {
	s, ok := b.store.(Backupper)
	if !ok {
		return Backup{}, fmt.Errorf("backup: %w", ErrUnsupported)
	}
	return s.Backup(ctx, dir)
}
