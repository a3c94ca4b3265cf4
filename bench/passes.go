package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// nginxProxy passes everything on over kept connections, with one worker for each of the two cores, as the others have two.
const nginxProxy = `
daemon off;
master_process on;
worker_processes 2;
pid %[1]s/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	client_max_body_size 0;
	keepalive_requests 1000000;
	upstream app { server %[3]s; keepalive 128; keepalive_requests 1000000; }
	server {
		listen %[2]s;
		location / {
			proxy_pass http://app;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $http_host;
		}
	}
}
`

// nginx starts Debian's nginx in front of an endpoint; nil where it is not installed.
func (l *lab) nginx(ctx context.Context, endpoint string) (*process, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return nil, nil
		}
	}
	dir, err := os.MkdirTemp(l.dir, "nginx-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // its workers may be somebody else
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxProxy, dir, addr, endpoint), 0o644); err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, path, "-c", config, "-p", dir, "-e", "stderr"), addr: addr}
	return p, l.start(ctx, p, "http://"+addr+"/")
}

// passes measures requests that pass straight through: OpenHQM with mode sync, httputil.ReverseProxy and nginx in front of one
// trivial app, by turns.
func passes(ctx context.Context, l *lab) error {
	endpoint, err := l.role(ctx, "endpoint")
	if err != nil {
		return err
	}
	defer endpoint.stop()
	product, err := l.product(ctx, endpoint.addr, "", "OPENHQM_PROXY__MODE=sync")
	if err != nil {
		return err
	}
	defer product.stop()
	proxy, err := l.role(ctx, "proxy", targetVariable+"="+endpoint.addr)
	if err != nil {
		return err
	}
	defer proxy.stop()
	nginx, err := l.nginx(ctx, endpoint.addr)
	if err != nil {
		return err
	}
	others := map[string]*process{"ReverseProxy": proxy}
	if nginx != nil {
		defer nginx.stop()
		others["nginx"] = nginx
	}
	const connections = 64
	for _, kind := range []struct {
		name    string
		request []byte
	}{
		{"POST of 1 KiB, answer of 1 KiB", call(http.MethodPost, "/orders", "bench", make([]byte, 1<<10))},
		{"GET, answer of 1 MiB", call(http.MethodGet, "/?bytes=1048576", "bench", nil)},
	} {
		rates, cpu := map[string][]float64{}, map[string][]float64{}
		measure := func(name string, p *process) error {
			before := p.tree()
			rate, err := closedLoop(ctx, p.addr, connections, l.duration/4, kind.request, http.StatusOK)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			rates[name] = append(rates[name], rate)
			cpu[name] = append(cpu[name], float64((p.tree()-before).Microseconds())/(rate*(l.duration/4).Seconds()))
			return nil
		}
		for range l.rounds {
			for name, p := range others {
				if err := measure(name, p); err != nil {
					return err
				}
			}
			if err := measure("OpenHQM", product); err != nil {
				return err
			}
		}
		for _, name := range []string{"ReverseProxy", "nginx"} {
			if rates[name] == nil {
				continue
			}
			l.report.add(figure{"sync", kind.name + ", against " + name, fmt.Sprintf("%.0f/s, %.0f %%", middle(rates["OpenHQM"]), 100*middle(rates["OpenHQM"])/middle(rates[name])),
				fmt.Sprintf("%.0f/s", middle(rates[name])), "-", true})
			l.report.add(figure{"sync", kind.name + ", CPU of the proxy for each", fmt.Sprintf("%.0f us", middle(cpu["OpenHQM"])),
				fmt.Sprintf("%s %.0f us", name, middle(cpu[name])), "-", true})
		}
	}
	return l.passLatency(ctx, endpoint, product, others)
}

// passLatency is what each proxy adds to a direct call at 500 calls a second.
func (l *lab) passLatency(ctx context.Context, endpoint, product *process, others map[string]*process) error {
	request := call(http.MethodPost, "/orders", "bench", make([]byte, 1<<10))
	at := func(p *process) (latencies, error) {
		return openLoop(ctx, p.addr, 500, l.duration/2, func(int) []byte { return request }, http.StatusOK, nil)
	}
	direct, err := at(endpoint)
	if err != nil {
		return err
	}
	names := []string{"OpenHQM"}
	all := map[string]*process{"OpenHQM": product}
	for name, p := range others {
		all[name], names = p, append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		got, err := at(all[name])
		if err != nil {
			return err
		}
		more := func(q float64) time.Duration { return max(got.at(q)-direct.at(q), 0) }
		l.report.add(figure{"sync", name + " at 500/s: more than direct", fmt.Sprintf("p50 %s, p99 %s", short(more(0.5)), short(more(0.99))),
			fmt.Sprintf("direct p50 %s, p99 %s", short(direct.at(0.5)), short(direct.at(0.99))), "-", true})
	}
	return nil
}
