package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/store/embedded"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/internal/store/redis"
	"github.com/openhqm/openhqm/queue"
)

// StoreConfig is what a queue backend is told of the configuration.
type StoreConfig struct {
	MaxMessages int64 // unfinished messages at most; beyond it Enqueue returns queue.ErrFull
	MaxBytes    int64 // bytes of bodies and records at most; beyond it Enqueue returns queue.ErrFull
}

// OpenStore opens a queue backend that the binary was built with. The process closes the store when it ends.
type OpenStore func(ctx context.Context, c StoreConfig) (queue.Store, error)

// openers are the queue backends by the name of queue.type. A new backend is one line here.
func openers(added map[string]OpenStore) map[string]func(context.Context, *config.Config) (queue.Store, error) {
	all := map[string]func(context.Context, *config.Config) (queue.Store, error){
		"embedded": openEmbedded,
		"memory":   openMemory,
		"redis":    openRedis,
	}
	for name, open := range added {
		all[name] = func(ctx context.Context, c *config.Config) (queue.Store, error) {
			return open(ctx, StoreConfig{MaxMessages: c.Queue.MaxMessages, MaxBytes: int64(c.Queue.MaxBytes)})
		}
	}
	return all
}

// Backends returns the names that queue.type may have, sorted: the stock ones and those that were added.
func (e Extensions) Backends() []string {
	return slices.Sorted(maps.Keys(openers(e.Stores)))
}

func openEmbedded(_ context.Context, c *config.Config) (queue.Store, error) {
	store, err := embedded.Open(embedded.Options{
		Dir:         c.Queue.Embedded.Dir,
		MaxMessages: c.Queue.MaxMessages,
		MaxBytes:    int64(c.Queue.MaxBytes),
		MinFree:     int64(c.Queue.Embedded.MinFree),
	})
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("queue.embedded.dir (--data-dir): %w; this process is user %d: a volume has to be writable for it "+
			"(in Kubernetes by fsGroup)", err, os.Getuid())
	case err != nil:
		return nil, fmt.Errorf("queue.embedded.dir (--data-dir): %w", err)
	}
	return store, nil
}

func openMemory(_ context.Context, c *config.Config) (queue.Store, error) {
	return memory.New(memory.Options{MaxMessages: c.Queue.MaxMessages, MaxBytes: int64(c.Queue.MaxBytes)}), nil
}

func openRedis(ctx context.Context, c *config.Config) (queue.Store, error) {
	r := &c.Queue.Redis
	if r.Mode != config.RedisSingle {
		return nil, fmt.Errorf("queue.redis.mode: %s is not supported by this version; give one server, with mode: single", r.Mode)
	}
	if r.Shards != 1 {
		return nil, fmt.Errorf("queue.redis.shards: %d is not supported by this version; give 1", r.Shards)
	}
	o := redis.Options{Addrs: r.Addrs}
	if c.Queue.RedisURL != "" {
		var err error
		if o, err = redis.ParseURL(c.Queue.RedisURL.Reveal()); err != nil {
			return nil, fmt.Errorf("queue.redis_url: %s is not accepted; give redis://[user:password@]host:port[/database]", c.Queue.RedisURL)
		}
	}
	o.Prefix, o.MaxMessages, o.MaxBytes = r.Prefix, c.Queue.MaxMessages, int64(c.Queue.MaxBytes)
	store, err := redis.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("queue.redis_url: %w", err)
	}
	return store, nil
}

// openStore opens the configured backend, and refuses one that promises less than the configuration insists on.
func openStore(ctx context.Context, c *config.Config, o Options) (queue.Store, error) {
	open, ok := openers(o.Extensions.Stores)[c.Queue.Type]
	if !ok {
		return nil, fmt.Errorf("queue.type: this binary has no backend %q", c.Queue.Type)
	}
	store, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	can := store.Capabilities()
	refusal := o.Role.check(can)
	if c.Queue.Durability == config.DurabilityStrict && !can.Durability.Strict() {
		refusal = fmt.Errorf("queue.durability: strict insists on disk or replicated, and %s gives %q; use another place, "+
			"or queue.durability: any", can.Place, can.Durability)
	}
	if refusal != nil {
		_ = store.Close() // nothing was written that a close could lose
		return nil, refusal
	}
	return store, nil
}
