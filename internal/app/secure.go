package app

import (
	"log/slog"
	"maps"
	"slices"

	"github.com/openhqm/openhqm/internal/telemetry"
)

// filesRead logs what became of the changed certificate files of an endpoint.
func (a *App) filesRead(endpoint string, err error) {
	if err != nil {
		a.log.Error("certificate files of the endpoint have changed and cannot be used; those before stay",
			slog.String(telemetry.KeyEndpoint, endpoint), slog.Any(telemetry.KeyError, err))
		return
	}
	a.log.Info("certificate files of the endpoint read anew", slog.String(telemetry.KeyEndpoint, endpoint))
}

// tokenFetched logs that access tokens of an endpoint cannot be fetched, and that they can again.
func (a *App) tokenFetched(endpoint string, err error) {
	if err != nil {
		a.log.Warn("access token of the endpoint not fetched; it is tried again, and nothing is sent once the one before has ended",
			slog.String(telemetry.KeyEndpoint, endpoint), slog.Any(telemetry.KeyError, err))
		return
	}
	a.log.Info("access tokens of the endpoint are fetched again", slog.String(telemetry.KeyEndpoint, endpoint))
}

// unverified returns the endpoints whose certificates are not verified.
func (s *snapshot) unverified() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.config.Proxy.Endpoints)) {
		if e := s.config.Proxy.Endpoints[name]; s.config.Proxy.Enabled && e.TLS.InsecureSkipVerify && https(e.URL.Reveal()) {
			names = append(names, name)
		}
	}
	return names
}

// warnUnverified says loudly which endpoints are not verified, at start and after each reload.
func (a *App) warnUnverified(s *snapshot) {
	for _, name := range s.unverified() {
		a.log.Warn("INSECURE: the certificate of the endpoint is not verified; whoever is on the way can read and change what is sent, credentials included",
			slog.String(telemetry.KeyEndpoint, name), slog.String(telemetry.KeyHint, "remove proxy.endpoints."+name+".tls.insecure_skip_verify, or set tls.ca_file instead"))
	}
}
