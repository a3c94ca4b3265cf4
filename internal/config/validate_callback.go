package config

import (
	"net/netip"

	"github.com/openhqm/openhqm/internal/callback"
)

func (k *checker) callback() {
	c := &k.c.Callback
	for _, receiver := range c.Allow {
		if callback.ParsePattern(receiver) != nil {
			k.wrong("callback.allow", "%q is not accepted; give URLs without a query, such as https://hooks.example.com or https://*.example.com/openhqm",
				URL(receiver).String())
		}
	}
	for _, network := range c.AllowNetworks {
		if _, ok := networkOf(network); !ok {
			k.wrong("callback.allow_networks", "%q is not accepted; give networks or addresses such as 10.0.0.0/8", network)
		}
	}
	for i, secret := range c.Secrets {
		if callback.CheckSecret(secret.Reveal()) != nil {
			k.wrong("callback.secrets", "number %d is not accepted; give whsec_ and the base64 of 24 to 64 random bytes, as openssl rand -base64 32 makes them", i+1)
		}
	}
	switch {
	case len(c.Allow) > 0 && len(c.Secrets) == 0:
		k.wrong("callback.secrets", "is empty; callback.allow needs a key to sign with: whsec_ and what openssl rand -base64 32 prints")
	case len(c.Allow) == 0 && len(c.Secrets) > 0 && !k.failed["callback.allow"]:
		k.note(k.c.sourceOf("callback.secrets"), "callback.secrets", "has no effect without callback.allow")
	}
	if c.RetryDelayMax < c.RetryDelayBase {
		k.wrong("callback.retry_delay_max", "%v is less than callback.retry_delay_base, %v; give at least that", c.RetryDelayMax, c.RetryDelayBase)
	}
}

// Networks returns the networks of callback.allow_networks.
func (c *Callback) Networks() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range c.AllowNetworks {
		if network, ok := networkOf(text); ok { // Load has checked them
			all = append(all, network)
		}
	}
	return all
}

// networkOf reads a network, or a single address as one.
func networkOf(text string) (netip.Prefix, bool) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return network.Masked(), true
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(address, address.BitLen()), true
}
