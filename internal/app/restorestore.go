package app

import (
	"context"
	"fmt"
	"io"

	"github.com/openhqm/openhqm/internal/store/embedded"
)

// RestoreStore makes a data directory, empty or absent before, of a backup of an embedded store, and says what is in it.
// The backup is not changed.
func RestoreStore(ctx context.Context, backup, dir string, w io.Writer) error {
	r, err := embedded.Restore(ctx, backup, dir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "restored %s: %d records, %d bodies of %d bytes\n", dir, r.Records, r.Bodies, r.BodyBytes)
	return err
}
