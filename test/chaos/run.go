package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/openhqm/openhqm/test/chaos/check"
	"github.com/openhqm/openhqm/test/chaos/history"
)

// run is one run of a scenario while it lasts.
type run struct {
	*scenario
	log      *history.Log
	service  *service
	server   *server
	producer *producer
	reader   *reader
	faults   *numbers
	random   *rand.Rand // of the faults alone
	place    string     // where the data lie
	poisons  int        // how many were made
	syncs    int        // how often fsyncs were made to fail
	older    string     // a copy of the data at an earlier time
}

// run makes the run and judges it.
func (s *scenario) run(o options) (*check.Report, error) {
	path := filepath.Join(o.dir, s.name+".log")
	log, err := history.Create(path, fail)
	if err != nil {
		return nil, err
	}
	r := &run{scenario: s, log: log, random: rand.New(rand.NewPCG(s.seed, 0)), place: filepath.Join(o.dir, s.name), faults: &numbers{log: log}}
	if err := os.MkdirAll(r.place, 0o755); err != nil {
		return nil, err
	}
	if s.disk {
		unmount, err := mountSmall(r.place)
		if err != nil {
			return nil, err
		}
		defer unmount()
	}
	if err := r.all(o); err != nil {
		return nil, err
	}
	if err := log.Close(); err != nil {
		return nil, err
	}
	return judge(path, s.rules(o))
}

func (r *run) all(o options) error {
	began := time.Now()
	var err error
	if r.service, err = startService(r.log, r.seed); err != nil {
		return err
	}
	defer r.service.down()
	if r.server, err = newServer(r, o); err != nil {
		return err
	}
	defer r.server.close()
	defer watchPauses(r.faults)()
	if r.limits {
		defer r.faults.begin(history.Memory, 0)()
	}
	if err := r.server.start(); err != nil {
		return err
	}
	r.service.poisoned = r.poisoned
	r.producer = startProducer(r)
	r.reader = startReader(r)
	err = r.makeFaults()
	for wait := patient(5 * time.Minute); err == nil && r.producer.accepted.Load() < int64(r.messages); time.Sleep(10 * time.Millisecond) {
		if wait.over() {
			err = fmt.Errorf("%d requests accepted, want %d, within five minutes after the faults", r.producer.accepted.Load(), r.messages)
		}
	}
	r.producer.stop()
	r.reader.stop()
	if err != nil {
		return err
	}
	fmt.Printf("%6.1fs  %d accepted; reading every result twice\n", time.Since(began).Seconds(), r.producer.accepted.Load())
	r.reader.everything()
	r.redrive()
	r.finish()
	if r.damages > 0 {
		if err := r.damageCopies(); err != nil {
			return err
		}
	}
	fmt.Printf("%6.1fs  done\n", time.Since(began).Seconds())
	return nil
}

// finish ends the product in good order and lets it check its store.
func (r *run) finish() {
	err := r.server.terminate()
	r.verdict("at the end", err)
	r.verdict("store check", r.server.check())
}

func (r *run) verdict(what string, err error) {
	e := history.Event{Kind: history.Verdict}
	if err != nil {
		e.Error = what + ": " + err.Error()
		fmt.Println("       ", e.Error)
	}
	r.log.Log(e)
}
