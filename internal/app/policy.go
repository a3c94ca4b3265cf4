package app

import (
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/flow"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/queue"
)

// defaultPolicy returns the policy of queues that no endpoint feeds.
func defaultPolicy(c *config.Config) queue.Policy {
	p := queue.DefaultPolicy()
	p.MaxAttempts = c.Worker.MaxRetries + 1
	p.Backoff = queue.Backoff{Base: c.Worker.RetryDelayBase.Std(), Max: c.Worker.RetryDelayMax.Std()}
	p.MaxAge = c.Queue.MaxAge.Std()
	p.KeepResult = c.Cache.TTL.Std()
	p.KeepDead = c.Queue.DeadRetention.Std()
	return p
}

// endpointPolicy returns the policy of an endpoint's queue.
func endpointPolicy(c *config.Config, e *config.Endpoint) queue.Policy {
	p := defaultPolicy(c)
	p.MaxAttempts = e.MaxRetries + 1
	p.RetryUnsafe = e.RetryUnsafe
	p.HonorsIdempotencyKey = e.HonorsIdempotencyKey
	p.InjectsAuth = e.AuthType != config.AuthNone && e.AuthFailures == config.AuthFailuresHold
	p.Statuses = statuses(e.On)
	return p
}

// statuses spreads `on` over single statuses; a status wins over its class.
func statuses(on map[string]string) map[int]queue.Verdict {
	if len(on) == 0 {
		return nil
	}
	classes, single := map[int]queue.Verdict{}, map[int]queue.Verdict{}
	for key, word := range on {
		verdict := verdictOf(word)
		if class, ok := strings.CutSuffix(strings.ToLower(key), "xx"); ok {
			first, err := strconv.Atoi(class)
			for i := 0; err == nil && i < 100; i++ {
				classes[first*100+i] = verdict
			}
			continue
		}
		if status, err := strconv.Atoi(key); err == nil {
			single[status] = verdict
		}
	}
	maps.Copy(classes, single)
	return classes
}

func verdictOf(word string) queue.Verdict {
	switch word {
	case config.OnRetry:
		return queue.VerdictRetry
	case config.OnWait:
		return queue.VerdictWait
	case config.OnFail:
		return queue.VerdictFail
	case config.OnUnknownOutcome:
		return queue.VerdictUnknown
	}
	return queue.VerdictResult
}

// limits returns what bounds an endpoint's deliveries.
func limits(e *config.Endpoint) queue.Limits {
	return queue.Limits{MaxLeased: e.Concurrency, Rate: e.Rate.PerSecond(), Burst: e.Burst, SyncShare: e.SyncShare}
}

// endpointFlow returns how an endpoint is slowed down by what its calls come to.
func endpointFlow(c *config.Config, e *config.Endpoint) flow.Config {
	f := flow.Config{
		Failures:     e.Breaker.Failures,
		Wait:         e.Breaker.Wait.Std(),
		WaitMax:      e.Breaker.WaitMax.Std(),
		Full:         e.Concurrency,
		RetryPercent: e.RetryBudget,
	}
	if a := &e.Adaptive; a.Enabled {
		f.Adaptive = flow.Adaptive{Min: a.Min, Max: a.Max, Initial: a.Initial}
		if e.Concurrency > 0 {
			f.Adaptive.Max = min(a.Max, e.Concurrency)
		}
	}
	for _, text := range e.Breaker.Statuses {
		if status, err := strconv.Atoi(text); err == nil { // the configuration has checked it
			f.Statuses = append(f.Statuses, status)
		}
	}
	if f.Full == 0 {
		f.Full = c.Worker.Concurrency
	}
	return f
}

// terms returns what an endpoint asks of the requests that are stored for it.
func terms(e *config.Endpoint) ingress.Terms {
	t := ingress.Terms{
		RequireKey:   e.RequireIdempotencyKey,
		HonorsKey:    e.HonorsIdempotencyKey,
		CallerHeader: http.CanonicalHeaderKey(e.CallerHeader),
		Ordering:     keySource(e.Ordering.Header, e.Ordering.Claim),
	}
	if e.Ordering.OnDead == config.OrderingBlock {
		t.OnDead = queue.OnDeadBlock
	}
	return t
}

// keySource returns where requests name a key; the configuration has checked that it is one place.
func keySource(header, claim string) ingress.KeySource {
	return ingress.KeySource{Header: http.CanonicalHeaderKey(header), Claim: claim}
}

// modeOf returns the mode of captured requests; the configuration has checked its name.
func modeOf(p *config.Proxy) ingress.Mode {
	mode, _ := ingress.ParseMode(p.Mode)
	return mode
}

// submitMethod is the method of a submit that names none.
func submitMethod(e *config.Endpoint) string {
	if e.Method == "" {
		return http.MethodPost
	}
	return e.Method
}
