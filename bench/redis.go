package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
)

// redisIngress is P2.
func redisIngress(ctx context.Context, l *lab) error {
	for _, sync := range []string{"everysec", "always"} {
		if err := l.redisAccepts(ctx, sync); err != nil {
			return fmt.Errorf("appendfsync %s: %w", sync, err)
		}
	}
	return nil
}

func (l *lab) redisAccepts(ctx context.Context, sync string) error {
	server, err := l.redis(ctx, sync)
	if err != nil {
		return err
	}
	defer server.stop()
	_, product, stop, err := l.front(ctx, "OPENHQM_QUEUE__REDIS_URL=redis://"+server.addr)
	if err != nil {
		return err
	}
	defer stop()
	bar := acceptBar{scenario: "p2", measure: "accepted on Redis, appendfsync " + sync}
	if sync == "everysec" {
		bar.ratio = 0.45
	}
	before := server.cpu()
	if err := l.accepts(ctx, product, bar); err != nil {
		return err
	}
	stored, err := product.counts(defaultQueue)
	if err != nil {
		return err
	}
	l.report.add(figure{"p2", "CPU of Redis for each, appendfsync " + sync, fmt.Sprintf("%.0f us", float64((server.cpu()-before).Microseconds())/float64(stored.Accepted)), "-", "-", true})
	return nil
}

// redis starts a redis-server of its own.
func (l *lab) redis(ctx context.Context, sync string) (*process, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("redis-server is not installed (Debian: apt-get install redis-server)")
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(l.dir, "redis-")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", sync)
	p := &process{cmd: cmd, addr: addr}
	return p, l.startUntil(ctx, p, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}
