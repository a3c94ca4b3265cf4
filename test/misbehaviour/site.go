package misbehaviour

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/openhqm/openhqm/test/authority"
	"github.com/openhqm/openhqm/test/recorder"
)

// Warm is a target that is answered well whatever the kind.
const Warm = "/warm"

// A Site is a misbehaving endpoint that runs.
type Site struct {
	URL string
	TLS string // the endpoint's `tls` in the configuration, as YAML in one line; "" for none

	recorder *recorder.Recorder // nil: nothing can arrive
	close    func() error

	mu    sync.Mutex
	count map[string]int // by target
}

// Start starts an endpoint of this kind. Files that its clients need are written into dir.
func (k *Kind) Start(dir string) (*Site, error) {
	if k.open != nil {
		p, err := newPKI()
		if err != nil {
			return nil, err
		}
		return k.open(p, dir)
	}
	s := &Site{count: make(map[string]int)}
	var err error
	s.recorder, err = recorder.Start(func(a recorder.Arrival) recorder.Reply {
		if a.Target() == Warm {
			return recorder.Answer(200, "warm")
		}
		s.mu.Lock()
		s.count[a.Target()]++
		nth := s.count[a.Target()]
		s.mu.Unlock()
		return k.reply(nth)
	})
	if err != nil {
		return nil, err
	}
	s.URL, s.close = s.recorder.URL(), s.recorder.Close
	return s, nil
}

// Close ends the site.
func (s *Site) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// Arrivals returns what has arrived so far, by target; incomplete requests count.
func (s *Site) Arrivals() map[string][]recorder.Arrival {
	by := make(map[string][]recorder.Arrival)
	if s.recorder != nil {
		for _, a := range s.recorder.Arrivals() {
			by[a.Target()] = append(by[a.Target()], a)
		}
	}
	return by
}

// refusing is an address at which nobody listens: a port that is never given out by itself.
func refusing(*pki, string) (*Site, error) { return &Site{URL: "http://127.0.0.1:1"}, nil }

func nameless(*pki, string) (*Site, error) { return &Site{URL: "http://nowhere.invalid"}, nil }

// silent takes connections and says nothing.
func silent(*pki, string) (*Site, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &Site{URL: "https://" + l.Addr().String(), close: l.Close}, nil // the kernel accepts
}

// plain answers the beginning of TLS with HTTP.
func plain(*pki, string) (*Site, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // what fails, fails the call too
				_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	return &Site{URL: "https://" + l.Addr().String(), close: func() error { err := l.Close(); running.Wait(); return err }}, nil
}

// pki is an authority that clients trust, and one that they do not.
type pki struct{ trusted, strange *authority.Authority }

func newPKI() (*pki, error) {
	trusted, err := authority.New("trusted authority")
	if err != nil {
		return nil, err
	}
	strange, err := authority.New("strange authority")
	return &pki{trusted, strange}, err
}

// serve starts an https endpoint that answers well. The YAML holds the trusted authority and more.
func (p *pki) serve(dir string, c *tls.Config, by *authority.Authority, change func(*x509.Certificate), name, more string) (*Site, error) {
	pair, err := by.Issue(change, name)
	if err != nil {
		return nil, err
	}
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, p.trusted.PEM(), 0o600); err != nil {
		return nil, err
	}
	c.Certificates = []tls.Certificate{pair.TLS}
	r, err := recorder.StartTLS(c, recorder.Always(recorder.Answer(200, "this must not be reached")))
	if err != nil {
		return nil, err
	}
	return &Site{URL: r.URL(), TLS: fmt.Sprintf("{ca_file: '%s'%s}", ca, more), recorder: r, close: r.Close}, nil
}

func untrusted(p *pki, dir string) (*Site, error) {
	return p.serve(dir, &tls.Config{}, p.strange, nil, "127.0.0.1", "")
}

func misnamed(p *pki, dir string) (*Site, error) {
	return p.serve(dir, &tls.Config{}, p.trusted, nil, "app.test", "")
}

func expired(p *pki, dir string) (*Site, error) {
	past := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	return p.serve(dir, &tls.Config{}, p.trusted, past, "127.0.0.1", "")
}

func outdated(p *pki, dir string) (*Site, error) {
	return p.serve(dir, &tls.Config{MaxVersion: tls.VersionTLS12}, p.trusted, nil, "127.0.0.1", ", min_version: 1.3")
}

const (
	tls12 = tls.VersionTLS12
	tls13 = tls.VersionTLS13
)

// demanding wants a certificate of the trusted authority, and is shown none or one of the strange authority.
func demanding(version uint16, shown bool) func(*pki, string) (*Site, error) {
	return func(p *pki, dir string) (*Site, error) {
		c := &tls.Config{MinVersion: version, MaxVersion: version, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: p.trusted.Pool()}
		more := ""
		if shown {
			pair, err := p.strange.Issue(nil, "client")
			if err != nil {
				return nil, err
			}
			certificate, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
			if err := pair.Write(certificate, key); err != nil {
				return nil, err
			}
			more = fmt.Sprintf(", cert_file: '%s', key_file: '%s'", certificate, key)
		}
		return p.serve(dir, c, p.trusted, nil, "127.0.0.1", more)
	}
}
