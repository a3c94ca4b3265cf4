package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/openhqm/openhqm/queue"
)

// Options say where the store is and what bounds it.
type Options struct {
	Addrs    []string // the server, the sentinels, or some nodes of the cluster, as host:port
	Master   string   // name of the master that the sentinels watch; "": there are none
	Username string
	Password string
	Database int
	TLS      *tls.Config // nil: none
	Prefix   string      // of every key, so that several queues share a server; "": hqm

	MaxMessages int64 // unfinished messages, over all visible queues; 0: no bound
	MaxBytes    int64 // of unfinished messages, bodies included, approximately; 0: no bound
}

// ParseURL reads redis://[user:password@]host:port[/database]; rediss is for TLS.
func ParseURL(text string) (Options, error) {
	parsed, err := rueidis.ParseURL(text)
	if err != nil {
		return Options{}, err
	}
	return Options{Addrs: parsed.InitAddress, Username: parsed.Username, Password: parsed.Password, Database: parsed.SelectDB, TLS: parsed.TLSConfig}, nil
}

// answerTime is how long a server may take to answer before it counts as gone.
const answerTime = time.Second

// Store is a queue on Redis. Open one with Open.
type Store struct {
	options   Options
	client    rueidis.Client
	library   library
	prefix    string // of the keys
	can       queue.Capabilities
	events    *events
	ctx       context.Context // ends with Close
	stop      context.CancelCauseFunc
	mu        sync.Mutex // closed against new calls
	closed    bool
	calls     sync.WaitGroup
	held      held
	listening sync.WaitGroup
}

// format is the version of the stored form.
const format = "1"

// Open connects and checks what the server promises: it refuses one that may evict what is queued, and one older than 7.0.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Prefix == "" {
		o.Prefix = "hqm"
	}
	option := rueidis.ClientOption{
		InitAddress: o.Addrs, Username: o.Username, Password: o.Password, SelectDB: o.Database, TLSConfig: o.TLS, ClientName: "openhqm",
		DisableRetry: true, DisableCache: true, ConnWriteTimeout: answerTime, RingScaleEachConn: 12,
		Sentinel: rueidis.SentinelOption{MasterSet: o.Master, TLSConfig: o.TLS},
	}
	option.Dialer.Timeout = answerTime
	client, err := rueidis.NewClient(option)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis at %s: %w", strings.Join(o.Addrs, ", "), err)
	}
	functions, err := newLibrary()
	if err != nil {
		client.Close()
		return nil, err
	}
	s := &Store{options: o, client: client, library: functions, prefix: o.Prefix + ":{0}:", held: newHeld()}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.events = newEvents(s)
	if err := s.prepare(ctx); err != nil {
		client.Close()
		return nil, err
	}
	s.listening.Go(s.events.listen)
	select {
	case <-s.events.subscribed:
	case <-ctx.Done():
	case <-time.After(answerTime): // the look every second stands in
	}
	return s, nil
}

// prepare checks the server and the format, and loads the library.
func (s *Store) prepare(ctx context.Context) error {
	version, err := s.info(ctx, "server", "redis_version")
	if err != nil {
		return err
	}
	if major, _, _ := strings.Cut(version, "."); len(major) == 1 && major < "7" {
		return fmt.Errorf("redis at %s is version %s; want 7.0 or newer", s.place(), version)
	}
	durability, err := s.durability(ctx)
	if err != nil {
		return err
	}
	found, err := s.client.Do(ctx, s.client.B().Hget().Key(s.prefix+"meta").Field("format").Build()).ToString()
	switch {
	case rueidis.IsRedisNil(err):
		err = s.client.Do(ctx, s.client.B().Hset().Key(s.prefix+"meta").FieldValue().FieldValue("format", format).FieldValue("shards", "1").Build()).Error()
	case err == nil && found != format:
		return fmt.Errorf("the queue in Redis at %s has format %s, and this version knows %s; nothing was touched: use the version that wrote it, or "+
			"another queue.redis.prefix", s.place(), found, format)
	}
	if err != nil {
		return s.failed(err, false)
	}
	if err := s.load(ctx); err != nil {
		return fmt.Errorf("load the functions into Redis at %s: %w", s.place(), err)
	}
	s.can = queue.Capabilities{Name: "redis", Durability: durability, Shared: true, Place: "Redis at " + s.place()}
	stats, err := s.stats(ctx)
	if err != nil {
		return err
	}
	for name, q := range stats.Queues {
		if !queue.Hidden(name) {
			s.can.Recovered.Add(q.Counts)
		}
	}
	return nil
}

// place names the server without secrets.
func (s *Store) place() string {
	place := strings.Join(s.options.Addrs, ", ")
	if s.options.Master != "" {
		place += " (sentinels of " + s.options.Master + ")"
	}
	if s.options.Database != 0 {
		place += "/" + strconv.Itoa(s.options.Database)
	}
	if s.options.Prefix != "hqm" {
		place += ", prefix " + s.options.Prefix
	}
	return place
}

func (s *Store) info(ctx context.Context, section, name string) (string, error) {
	text, err := s.client.Do(ctx, s.client.B().Info().Section(section).Build()).ToString()
	if err != nil {
		return "", s.failed(err, false)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value, nil
		}
	}
	return "", nil
}

// durability reads what the server promises, and refuses one that may evict.
func (s *Store) durability(ctx context.Context) (queue.Durability, error) {
	settings, err := s.client.Do(ctx, s.client.B().ConfigGet().Parameter("appendonly", "appendfsync", "maxmemory-policy", "maxmemory").Build()).AsStrMap()
	var refused *rueidis.RedisError
	if errors.As(err, &refused) {
		return queue.DurabilityUnknown, nil // a managed server may not say
	}
	if err != nil {
		return "", s.failed(err, false)
	}
	most, _ := strconv.ParseInt(settings["maxmemory"], 10, 64)
	if policy := settings["maxmemory-policy"]; most > 0 && policy != "noeviction" {
		return "", fmt.Errorf("redis at %s may evict what is queued (maxmemory-policy %s); set maxmemory-policy noeviction", s.place(), policy)
	}
	if most > 0 && s.options.MaxBytes > most {
		return "", fmt.Errorf("queue.max_bytes (%d) is above the maxmemory of Redis at %s (%d); lower it", s.options.MaxBytes, s.place(), most)
	}
	switch {
	case settings["appendonly"] != "yes":
		return queue.DurabilityMemory, nil
	case settings["appendfsync"] == "always":
		return queue.DurabilityDisk, nil
	case settings["appendfsync"] == "everysec":
		return queue.DurabilityRelaxed, nil
	}
	return queue.DurabilityUnknown, nil
}

// load loads the library where it is not there.
func (s *Store) load(ctx context.Context) error {
	err := s.client.Do(ctx, s.client.B().FunctionLoad().FunctionCode(s.library.code).Build()).Error()
	if present(err) {
		return nil
	}
	return err
}

// Capabilities implements queue.Life.
func (s *Store) Capabilities() queue.Capabilities { return s.can }

// Close implements queue.Life.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return queue.ErrClosed
	}
	s.closed = true
	s.mu.Unlock()
	s.stop(queue.ErrClosed)
	s.calls.Wait()
	err := s.letGo()
	s.client.Close()
	s.listening.Wait()
	return err
}

// begin starts one call.
func (s *Store) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return queue.ErrClosed
	}
	s.calls.Add(1)
	return nil
}

func (s *Store) end() { s.calls.Done() }

var _ queue.Store = (*Store)(nil)
