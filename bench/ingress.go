package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/openhqm/openhqm/client"
)

// defaultQueue is the queue of the endpoint that --endpoint names.
const defaultQueue = "default"

var async = "Prefer: respond-async"

// durableIngress is P1.
func durableIngress(ctx context.Context, l *lab) error {
	_, product, stop, err := l.front(ctx)
	if err != nil {
		return err
	}
	defer stop()
	return l.accepts(ctx, product, acceptBar{"p1", "accepted after fsync, 1 KiB, 64 connections", 0.55, 10_000})
}

// acceptBar is what a figure of accepts is called, and the least that it should be.
type acceptBar struct {
	scenario, measure string
	ratio             float64 // of the null handler; 0: no bar
	least             float64 // in a second; 0: no bar
}

// accepts measures how many requests the product accepts, beside a handler that stores nothing. The workers do not run the messages:
// the queue is paused.
func (l *lab) accepts(ctx context.Context, product *process, bar acceptBar) error {
	null, err := l.role(ctx, "null")
	if err != nil {
		return err
	}
	defer null.stop()
	if _, err := product.operate(http.MethodPost, "/api/v1/queues/"+defaultQueue+"/pause"); err != nil {
		return err
	}
	const connections = 64
	body := make([]byte, 1<<10)
	lean := call(http.MethodPost, "/orders", "bench", body, async)
	var nulls, ratios, leanNulls, leanRates, leanRatios []float64
	var cpu, nullCPU time.Duration
	var accepted, discarded float64
	rate, err := median(l.rounds, func(round int) (float64, error) {
		before := null.cpu()
		baseline, err := clientLoop(ctx, null.addr, connections, l.duration/2, body, http.StatusAccepted)
		if err != nil {
			return 0, err
		}
		nullCPU += null.cpu() - before
		discarded += baseline * (l.duration / 2).Seconds()
		finish := l.profile(product, fmt.Sprintf("%s-%d", bar.scenario, round))
		before = product.cpu()
		rate, err := clientLoop(ctx, product.addr, connections, l.duration, body, http.StatusAccepted)
		if err != nil {
			return 0, err
		}
		cpu += product.cpu() - before
		accepted += rate * l.duration.Seconds()
		finish()
		nulls, ratios = append(nulls, baseline), append(ratios, rate/baseline)
		leanNull, err := closedLoop(ctx, null.addr, connections, l.duration/2, lean, http.StatusAccepted)
		if err != nil {
			return 0, err
		}
		leanRate, err := closedLoop(ctx, product.addr, connections, l.duration/2, lean, http.StatusAccepted)
		leanNulls, leanRates, leanRatios = append(leanNulls, leanNull), append(leanRates, leanRate), append(leanRatios, leanRate/leanNull)
		return rate, err
	})
	if err != nil {
		return err
	}
	ratio := middle(ratios)
	beside := fmt.Sprintf("null handler %.0f/s", middle(nulls))
	least, share := "-", "-"
	if bar.least > 0 {
		least = fmt.Sprintf(">= %.0f/s", bar.least)
	}
	if bar.ratio > 0 {
		share = fmt.Sprintf(">= %.0f %%", 100*bar.ratio)
	}
	l.report.add(figure{bar.scenario, bar.measure, fmt.Sprintf("%.0f/s", rate), beside, least, rate >= bar.least})
	l.report.add(figure{bar.scenario, "against the null handler", fmt.Sprintf("%.0f %%", 100*ratio), beside, share, ratio >= bar.ratio})
	l.report.add(figure{bar.scenario, "the same from a generator that costs next to nothing", fmt.Sprintf("%.0f/s, %.0f %%", middle(leanRates), 100*middle(leanRatios)),
		fmt.Sprintf("null handler %.0f/s", middle(leanNulls)), "-", true})
	l.report.add(figure{bar.scenario, "CPU of the product for each", fmt.Sprintf("%.0f us", float64(cpu.Microseconds())/accepted),
		fmt.Sprintf("null handler %.0f us", float64(nullCPU.Microseconds())/discarded), "-", true})
	return nil
}

// throughput is P3: from accept to stored result through a trivial endpoint.
func throughput(ctx context.Context, l *lab) error {
	endpoint, err := l.role(ctx, "endpoint")
	if err != nil {
		return err
	}
	defer endpoint.stop()
	proxy, err := l.role(ctx, "proxy", targetVariable+"="+endpoint.addr)
	if err != nil {
		return err
	}
	defer proxy.stop()
	product, err := l.product(ctx, endpoint.addr, "")
	if err != nil {
		return err
	}
	defer product.stop()
	const connections = 64
	plain := call(http.MethodPost, "/orders", "bench", make([]byte, 1<<10))
	held := plain // a captured POST is held by default until its answer is there
	stored := call(http.MethodPost, "/orders", "bench", make([]byte, 1<<10), async)
	var proxies, ratios, heldRates []float64
	var productCPU, proxyCPU time.Duration
	var done, proxied float64
	rate, err := median(l.rounds, func(round int) (float64, error) {
		before := proxy.cpu()
		baseline, err := closedLoop(ctx, proxy.addr, connections, l.duration/2, plain, http.StatusOK)
		if err != nil {
			return 0, err
		}
		proxyCPU += proxy.cpu() - before
		proxied += baseline * l.duration.Seconds() / 2
		finish := l.profile(product, fmt.Sprintf("p3-%d", round))
		before = product.cpu()
		rate, n, err := completed(ctx, product, connections, l.duration, stored)
		productCPU += product.cpu() - before
		done += n
		finish()
		if err != nil {
			return 0, err
		}
		h, err := closedLoop(ctx, product.addr, connections, l.duration/2, held, http.StatusOK)
		heldRates, proxies, ratios = append(heldRates, h), append(proxies, baseline), append(ratios, rate/baseline)
		return rate, err
	})
	if err != nil {
		return err
	}
	ratio := middle(ratios)
	beside := fmt.Sprintf("ReverseProxy %.0f/s", middle(proxies))
	l.report.add(figure{"p3", "accepted to stored result", fmt.Sprintf("%.0f/s", rate), beside, "-", true})
	l.report.add(figure{"p3", "against ReverseProxy", fmt.Sprintf("%.0f %%", 100*ratio), beside, ">= 60 %", ratio >= 0.60})
	l.report.add(figure{"p3", "held until the answer, 64 connections", fmt.Sprintf("%.0f/s", middle(heldRates)), beside, "-", true})
	l.report.add(figure{"p3", "CPU of the product for each message", fmt.Sprintf("%.0f us", float64(productCPU.Microseconds())/done),
		fmt.Sprintf("ReverseProxy %.0f us", float64(proxyCPU.Microseconds())/proxied), "-", true})
	return nil
}

// completed offers work for a time and returns how many messages reached their stored result each second, from the first
// submit until the last one is done, and their number.
func completed(ctx context.Context, p *process, connections int, d time.Duration, request []byte) (float64, float64, error) {
	started := time.Now()
	before, err := p.counts(defaultQueue)
	if err != nil {
		return 0, 0, err
	}
	if _, err := closedLoop(ctx, p.addr, connections, d, request, http.StatusAccepted); err != nil {
		return 0, 0, err
	}
	for {
		now, err := p.counts(defaultQueue)
		if err != nil {
			return 0, 0, err
		}
		if unfinished(now) == 0 {
			n := float64(now.Done - before.Done)
			return n / time.Since(started).Seconds(), n, nil
		}
		select {
		case <-ctx.Done():
			return 0, 0, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// counts returns the counters of one queue.
func (p *process) counts(name string) (client.Counts, error) {
	var q client.Queue
	body, err := p.operate(http.MethodGet, "/api/v1/queues/"+name)
	if err == nil {
		err = json.Unmarshal(body, &q)
	}
	return q.Counts, err
}

func unfinished(c client.Counts) int64 { return c.Ready + c.Parked + c.Scheduled + c.Leased }

// profile takes a CPU profile of the product while a stretch is measured, if profiles are wanted. The product serves them
// on the operators' address only when OPENHQM_MONITORING__PROFILING is on.
func (l *lab) profile(p *process, name string) (finish func()) {
	if l.profiles == "" {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		body, err := p.operate(http.MethodGet, fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(l.duration.Seconds())))
		if err == nil {
			err = os.WriteFile(filepath.Join(l.profiles, name+".pprof"), body, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
		}
	}()
	return func() { <-done }
}

func middle(values []float64) float64 {
	v, _ := median(len(values), func(i int) (float64, error) { return values[i], nil })
	return v
}
