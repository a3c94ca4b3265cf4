package flow

import (
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Config is what a user sets for one endpoint. The zero value lets everything pass.
type Config struct {
	Failures     int           // calls in a row that must fail to open the breaker; 0: there is none
	Statuses     []int         // answers that count as failed calls, unless they are results
	Wait         time.Duration // from the opening to the first probe
	WaitMax      time.Duration // the longest time between two probes
	Full         int           // calls at once with which the slow start is over
	RetryPercent int           // of first attempts; 0: retries are not put off
	Adaptive     Adaptive
}

// Options are what the caller injects.
type Options struct {
	// Config returns the configuration of a queue. It is called for each call, so that a reload takes effect at once.
	Config func(queue string) Config
	// Changed is told of each step of a breaker, with the reason for people. It must not block. May be nil.
	Changed func(queue string, step queue.FlowEvent, why string)
	// Delayed is told of each retry that the budget puts off. It must not block. May be nil.
	Delayed func(queue string)
}

// Flow is a queue.Flow.
type Flow struct {
	o     Options
	lines sync.Map // queue name -> *line
}

// line is what is remembered of one queue.
type line struct {
	mu       sync.Mutex
	breaker  breaker
	budget   budget
	adaptive adaptive
}

// New returns a Flow that knows of no trouble.
func New(o Options) *Flow {
	if o.Changed == nil {
		o.Changed = func(string, queue.FlowEvent, string) {}
	}
	if o.Delayed == nil {
		o.Delayed = func(string) {}
	}
	return &Flow{o: o}
}

func (f *Flow) line(name string) *line {
	if l, ok := f.lines.Load(name); ok {
		return l.(*line)
	}
	l, _ := f.lines.LoadOrStore(name, &line{budget: budget{start: time.Now()}, adaptive: adaptive{idle: idleFor}})
	return l.(*line)
}

// Ended implements queue.Flow.
func (f *Flow) Ended(name string, c queue.Call) queue.Advice {
	config, l, now := f.o.Config(name), f.line(name), time.Now()
	l.mu.Lock()
	if c.First {
		l.budget.first(now)
	}
	advice, step := l.breaker.ended(&config, &c, now)
	if limit, changed := l.adaptive.ended(&config, &c, now); changed {
		advice.Gate.Adapt = &limit
	}
	l.mu.Unlock()
	if step != "" {
		f.o.Changed(name, step, why(step, &config, &c))
	}
	return advice
}

// Retry implements queue.Flow.
func (f *Flow) Retry(name string, after time.Duration) time.Duration {
	config := f.o.Config(name)
	if config.RetryPercent <= 0 {
		return after
	}
	l := f.line(name)
	l.mu.Lock()
	later := l.budget.plan(time.Now(), after, config.RetryPercent)
	l.mu.Unlock()
	if later > after {
		f.o.Delayed(name)
	}
	return later
}

// Seen implements queue.Flow.
func (f *Flow) Seen(name string, g queue.Gate, now, asked time.Time) {
	l := f.line(name)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.breaker.seen(g, now, asked, time.Now())
	l.adaptive.seen(g, asked)
}

var _ queue.Flow = (*Flow)(nil)
