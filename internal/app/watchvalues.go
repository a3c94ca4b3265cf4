package app

import (
	"context"
	"maps"
	"time"

	"github.com/openhqm/openhqm/internal/config"
)

// valuesEvery is how often the files are read whose contents are values of the configuration, secrets for the most part.
const valuesEvery = time.Second

// watchValues sends on changed when a file of the configuration in use holds something else than that configuration was
// made of, and has done so for one round, so that a write in progress is not read. What was sent for once is not sent for
// again, until it changes: a file that cannot be used is reported once. It returns when ctx ends.
func watchValues(ctx context.Context, used func() map[string]config.Digest, changed chan<- struct{}) {
	tick := time.NewTicker(valuesEvery)
	defer tick.Stop()
	var seen, sent map[string]config.Digest
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		files := used()
		now := make(map[string]config.Digest, len(files))
		for path := range files {
			now[path] = config.DigestOf(path)
		}
		settled := maps.Equal(now, seen)
		seen = now
		switch {
		case maps.Equal(now, files):
			sent = nil
		case settled && !maps.Equal(now, sent):
			sent = now
			select {
			case changed <- struct{}{}:
			default: // one is waiting already
			}
		}
	}
}
