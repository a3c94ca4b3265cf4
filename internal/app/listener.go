package app

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/telemetry"
)

// serve serves until the server is shut down.
func (l *listener) serve() error {
	if l.tls != nil {
		l.server.TLSConfig = l.tls
		return l.server.ServeTLS(l.Listener, "", "")
	}
	return l.server.Serve(l.Listener)
}

// listenerTLS reads the certificate of a listener; nil: it speaks no TLS. What becomes of changed files is logged.
func (a *App) listenerTLS(section string, t *config.ListenerTLS) (*tls.Config, error) {
	if t.CertFile == "" {
		return nil, nil
	}
	return listenerConfig(section, t, func(err error) {
		log := a.log.With(slog.String(telemetry.KeyListener, section))
		if err != nil {
			log.Error("certificate files of the listener have changed and cannot be used; those before stay", slog.Any(telemetry.KeyError, err))
			return
		}
		log.Info("certificate files of the listener read anew")
	})
}

// listenerConfig reads the files of a listener that speaks TLS; changed is told when they are read anew, or cannot be.
func listenerConfig(section string, t *config.ListenerTLS, changed func(error)) (*tls.Config, error) {
	oldest := uint16(tls.VersionTLS12)
	if t.MinVersion == "1.3" {
		oldest = tls.VersionTLS13
	}
	c, err := ingress.TLS{
		CertFile: t.CertFile, KeyFile: t.KeyFile, MinVersion: oldest,
		ClientCAFile: t.ClientCAFile, RequireClient: t.ClientAuth == "require",
	}.Config(changed)
	if err != nil {
		return nil, fmt.Errorf("%s.%w", section, err)
	}
	return c, nil
}

// bounded holds the connections of the ingress listener to their bounds, and says once a minute that some were refused.
func (a *App) bounded(l net.Listener, s *config.Server) net.Listener {
	var said atomic.Int64 // in seconds
	return ingress.Bound(l, s.MaxConnections, s.MaxConnectionsPerClient, func(key string) {
		now, last := time.Now().Unix(), said.Load()
		if now-last >= 60 && said.CompareAndSwap(last, now) {
			a.log.Warn("connections are refused: as many are open as may be",
				slog.String(telemetry.KeyHint, "raise server."+key+", or find the client that holds them"))
		}
	})
}
