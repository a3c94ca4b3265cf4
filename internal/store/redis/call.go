package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/rueidis"

	"github.com/openhqm/openhqm/queue"
)

// do calls a function of the library. The end of ctx does not end it: whether it was done would not be known.
func (s *Store) do(ctx context.Context, function string, writes bool, args ...string) (rueidis.RedisMessage, error) {
	ctx = context.WithoutCancel(ctx)
	answer, err := s.fcall(ctx, function, args)
	if missing(err) { // after a restart without persistence, or a failover: nothing was done
		if err := s.load(ctx); err != nil {
			return answer, s.failed(err, false)
		}
		answer, err = s.fcall(ctx, function, args)
	}
	if err != nil {
		return answer, s.failed(err, writes)
	}
	return answer, nil
}

func (s *Store) fcall(ctx context.Context, function string, args []string) (rueidis.RedisMessage, error) {
	return s.client.Do(ctx, s.client.B().Fcall().Function(s.library.function(function)).Numkeys(1).Key(s.prefix).Arg(args...).Build()).ToMessage()
}

func missing(err error) bool {
	var refused *rueidis.RedisError
	return errors.As(err, &refused) && strings.Contains(refused.Error(), "Function not found")
}

// failed turns an error of the client into one of the contract.
func (s *Store) failed(err error, writes bool) error {
	var refused *rueidis.RedisError
	var dial *net.OpError
	switch {
	case errors.As(err, &refused):
		if word, _, _ := strings.Cut(refused.Error(), " "); word == "OOM" || word == "LOADING" || word == "READONLY" || word == "MISCONF" || word == "MASTERDOWN" ||
			word == "NOREPLICAS" || word == "CLUSTERDOWN" {
			return fmt.Errorf("%w: Redis at %s: %w", queue.ErrUnavailable, s.place(), err)
		}
		return fmt.Errorf("redis at %s: %w", s.place(), err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w: Redis at %s: %w", queue.ErrUnavailable, s.place(), err)
	case writes:
		return fmt.Errorf("%w: Redis at %s: %w", queue.ErrOutcomeUnknown, s.place(), err)
	}
	return fmt.Errorf("%w: Redis at %s: %w", queue.ErrUnavailable, s.place(), err)
}

// raw is bytes as an argument.
func raw(b []byte) string { return rueidis.BinaryString(b) }

func idText(id queue.ID) string { return string(id[:]) }

func idOf(text string) (id queue.ID) {
	copy(id[:], text)
	return id
}

// recordOf decodes what raw of the library returns; nil for nothing.
func (s *Store) recordOf(m rueidis.RedisMessage) (*queue.Record, error) {
	parts, err := m.ToArray()
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	if len(parts) != 6 {
		return nil, fmt.Errorf("a record of %d parts: %w", len(parts), queue.ErrCorrupt)
	}
	var bytes [6][]byte
	for i := range parts {
		text, err := parts[i].ToString()
		if err != nil {
			return nil, err
		}
		bytes[i] = []byte(text)
	}
	return (&stored{bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]}).record(s)
}
