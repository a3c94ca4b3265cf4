package app

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/openhqm/openhqm/internal/callback"
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// callbacks is what a snapshot knows of callbacks.
type callbacks struct {
	targets *callback.Targets
	sender  *callback.Sender // nil: none are configured
}

// callbacks adds to a snapshot whom requests may have told of their end and, if there is anybody, the handler of the hidden
// queue. A sender whose configuration has not changed is taken over with its connections.
func (b *builder) callbacks(s, before *snapshot) error {
	c := s.config
	var err error
	if s.callbacks.targets, err = callback.NewTargets(c.Callback.Allow, c.Callback.Networks()); err != nil {
		return fmt.Errorf("callback.allow: %w", err)
	}
	if len(c.Callback.Allow) == 0 {
		return nil // what waits in the queue stays there until receivers are listed again, or its time is over
	}
	if before != nil && before.callbacks.sender != nil && sameCallbacks(before.config, c) {
		s.callbacks.sender = before.callbacks.sender
	} else if s.callbacks.sender, err = b.sender(c); err != nil {
		return fmt.Errorf("callback: %w", err)
	}
	s.queues[queue.CallbackQueue] = &served{handler: s.callbacks.sender, policy: callbackPolicy(c),
		limits: queue.Limits{MaxLeased: c.Callback.Concurrency}, tried: new(atomic.Bool)}
	return nil
}

func (b *builder) sender(c *config.Config) (*callback.Sender, error) {
	options := b.callback
	var err error
	if options.Roots, err = rootsOf(anyHTTPS(c.Callback.Allow)); err != nil {
		return nil, err
	}
	return callback.New(callbackConfig(c), options)
}

// callbackConfig translates the configuration of callbacks.
func callbackConfig(c *config.Config) callback.Config {
	secrets := make([]string, len(c.Callback.Secrets))
	for i, secret := range c.Callback.Secrets {
		secrets[i] = secret.Reveal()
	}
	return callback.Config{
		Allow:    c.Callback.Allow,
		Networks: c.Callback.Networks(),
		Secrets:  secrets,
		Timeout:  c.Callback.Timeout.Std(),
		Base:     strings.TrimRight(c.Server.PublicURL.Reveal(), "/") + c.Server.APIPrefix,
	}
}

func sameCallbacks(before, after *config.Config) bool {
	return reflect.DeepEqual(callbackConfig(before), callbackConfig(after))
}

func anyHTTPS(patterns []string) bool {
	for _, pattern := range patterns {
		if strings.HasPrefix(strings.ToLower(pattern), "https:") {
			return true
		}
	}
	return false
}

// callbackPolicy returns the policy of the hidden queue: a schedule of its own (R19). How long a ticket is tried and kept is
// bound when it is written.
func callbackPolicy(c *config.Config) queue.Policy {
	p := defaultPolicy(c)
	p.MaxAttempts = c.Callback.MaxRetries + 1
	p.Backoff = queue.Backoff{Base: c.Callback.RetryDelayBase.Std(), Max: c.Callback.RetryDelayMax.Std()}
	p.MaxAge = queue.TicketMaxAge
	return p
}

// closeSender closes the sender, unless the other snapshot uses it.
func (s *snapshot) closeSender(other *snapshot) {
	if s.callbacks.sender != nil && (other == nil || other.callbacks.sender != s.callbacks.sender) {
		s.callbacks.sender.Close()
	}
}

// checkCallback returns nil if a request may name this receiver, else a problem whose detail names the remedy.
func (l *live) checkCallback(receiver string) error {
	err := l.Load().callbacks.targets.Check(receiver)
	var refusal *callback.Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal) && !refusal.Malformed:
		return reply.NewProblem(reply.KindForbidden, refusal.Detail)
	}
	return reply.NewProblem(reply.KindBadParameter, err.Error())
}
