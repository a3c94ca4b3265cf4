package app

import (
	"context"
	"crypto/sha256"
	"os"
	"time"

	"github.com/openhqm/openhqm/internal/config"
)

// watchEvery is how often the configuration file is looked at. Kubernetes itself takes a minute to bring a changed
// ConfigMap to the node; polling sees it however it comes (a swapped symbolic link, a rename, a write in place), and costs
// one stat.
const watchEvery = 2 * time.Second

// watchFile sends on changed when the file's content is another than it held and has stayed so for one round, so that a
// write in progress is not read. It returns when ctx ends. A missing or unreadable file is no change.
func watchFile(ctx context.Context, path string, held config.Digest, changed chan<- struct{}) {
	seen, pending := look(path), true // it may have changed since it was read
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := look(path)
		if now != seen {
			seen, pending = now, true
			continue
		}
		if !pending {
			continue
		}
		pending = false
		if next, ok := content(path); ok && next != held {
			held = next
			select {
			case changed <- struct{}{}:
			default: // one is waiting already
			}
		}
	}
}

// appearance is what a stat says; of a symbolic link, what it leads to.
type appearance struct {
	size    int64
	changed time.Time
}

func look(path string) appearance {
	info, err := os.Stat(path)
	if err != nil {
		return appearance{}
	}
	return appearance{info.Size(), info.ModTime()}
}

func content(path string) (sum config.Digest, ok bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return sum, false
	}
	return sha256.Sum256(data), true
}
