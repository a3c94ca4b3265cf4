package app

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openhqm/openhqm/internal/config"
)

func TestReloadsUnderLoadLoseNothing(t *testing.T) {
	var arrived atomic.Int64
	url := backend(t, func(http.ResponseWriter, *http.Request) { arrived.Add(1) })
	configs := []*config.Config{
		load(t, "proxy: {default_endpoint: a, endpoints: {a: {url: '"+url+"'}, b: {url: '"+url+"'}}}"),
		load(t, "proxy: {default_endpoint: a, endpoints: {a: {url: '"+url+"', timeout: 5s}}}"),
	}
	p := start(t, configs[0], Options{})
	ctx, stop := context.WithCancel(t.Context())
	var reloading, sending sync.WaitGroup
	reloading.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := p.Reload(configs[i%2]); err != nil {
				t.Error(err)
			}
			if got, err := tryCall(ctx, "GET", p.admin+"/metrics", ""); err != nil || got.status != 200 {
				t.Errorf("/metrics: %d %v", got.status, err)
			}
		}
	})
	const senders, each = 8, 25
	var accepted, refused atomic.Int64
	for s := range senders {
		sending.Go(func() {
			for i := range each {
				fields := []string{"Prefer", "respond-async"}
				if i%2 == 0 {
					fields = append(fields, "OpenHQM-Endpoint", "b")
				}
				got, err := tryCall(ctx, "POST", fmt.Sprintf("%s/%d/%d", p.url, s, i), "x", fields...)
				switch {
				case err == nil && got.status == 202:
					accepted.Add(1)
				case err == nil && got.status == 404 && i%2 == 0:
					refused.Add(1)
				default:
					t.Errorf("%d %s %v", got.status, got.body, err)
				}
			}
		})
	}
	sending.Wait()
	stop()
	reloading.Wait()
	if _, err := p.Reload(configs[0]); err != nil {
		t.Fatal(err)
	}
	await(t, "every accepted message to arrive", func() bool { return arrived.Load() == accepted.Load() })
	if accepted.Load()+refused.Load() != senders*each {
		t.Errorf("%d accepted and %d refused of %d", accepted.Load(), refused.Load(), senders*each)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}
