package config

import "time"

const (
	second = Duration(time.Second)
	minute = Duration(time.Minute)
	hour   = Duration(time.Hour)

	kib Size = 1 << 10
	mib Size = 1 << 20
	gib Size = 1 << 30
)

// Default returns the configuration that holds when nothing is set, except for values that Load derives from others
// (queue.type, proxy.enabled, proxy.default_endpoint). Lists are never nil.
func Default() *Config {
	return &Config{
		Server: Server{
			Host:              "0.0.0.0",
			Port:              8000,
			APIPrefix:         "/api/v1",
			TrustedProxies:    []string{},
			MaxHeaderBytes:    64 * kib,
			ReadHeaderTimeout: 10 * second,
			IdleTimeout:       2 * minute,
			MaxConnections:    65536,
			TLS:               defaultListenerTLS(),
			CORS:              CORS{Origins: []string{"*"}, Methods: []string{}, Headers: []string{}, MaxAge: 10 * minute},
		},
		Admin: Admin{Host: "0.0.0.0", Port: 8001, TLS: defaultListenerTLS()},
		Queue: Queue{
			Type:          typeEmbedded,
			Embedded:      Embedded{Dir: "./openhqm-data", MinFree: 256 * mib},
			Redis:         Redis{Addrs: []string{}, Mode: RedisSingle, Shards: 1, Prefix: "hqm"},
			Durability:    DurabilityAny,
			MaxMessages:   10_000_000,
			MaxBytes:      10 * gib,
			MaxAge:        24 * hour,
			DeadRetention: 14 * 24 * hour,
		},
		Worker: Worker{
			Concurrency:    64,
			Timeout:        300 * second,
			MaxRetries:     3,
			RetryDelayBase: second,
			RetryDelayMax:  minute,
			Lease:          30 * second,
			Grace:          25 * second,
			DrainLag:       5 * second,
		},
		Proxy: Proxy{
			ForwardHeaders:  []string{"*"},
			StripHeaders:    []string{},
			MaxRequestSize:  10 * mib,
			MaxResponseSize: 10 * mib,
			Mode:            "default",
			Wait:            10 * second,
			OnDisconnect:    DisconnectCancel,
			OnStoreDown:     StoreDownClosed,
		},
		Cache: Cache{TTL: 24 * hour},
		Callback: Callback{
			Allow:          []string{},
			AllowNetworks:  []string{},
			Secrets:        []Secret{},
			Timeout:        15 * second,
			Concurrency:    32,
			MaxRetries:     30,
			RetryDelayBase: 5 * second,
			RetryDelayMax:  6 * hour,
		},
		Routing:    Routing{ConfigDict: defaultRules()},
		Routes:     []Route{},
		Monitoring: Monitoring{LogLevel: "info", LogFormat: "auto", MetricsEnabled: true},
	}
}

// defaultEndpoint returns what an endpoint is before its own keys are read. Timeout, MaxRetries and Authorization are
// derived later (resolveEndpoint), because they depend on other keys.
func defaultEndpoint() Endpoint {
	return Endpoint{
		Host:           HostAuto,
		Protocol:       ProtocolHTTP1,
		ConnectTimeout: 10 * second,
		StripHeaders:   []string{},
		HeaderNames:    []string{},
		AuthFailures:   AuthFailuresHold,
		Success:        Success{Status: []string{}, Otherwise: OnFail},
		Rules:          []Rule{},
		Maintenance:    []Maintenance{},
		Ordering:       Ordering{OnDead: OrderingSkip},
		Burst:          1,
		SyncShare:      50,
		TLS:            TLS{MinVersion: "1.2"},
		Breaker:        Breaker{Failures: 5, Statuses: []string{"502", "503", "504"}, Wait: 5 * second, WaitMax: 30 * second},
		Adaptive:       Adaptive{Min: 1, Max: 200, Initial: 10},
		RetryBudget:    20,
		Selectable:     true,
		OAuth2:         OAuth2{Scopes: []string{}, ClientAuth: ClientAuthBasic, Timeout: 10 * second},
	}
}

func defaultListenerTLS() ListenerTLS { return ListenerTLS{MinVersion: "1.2", ClientAuth: "none"} }
