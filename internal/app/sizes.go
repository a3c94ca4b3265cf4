package app

import "github.com/openhqm/openhqm/internal/config"

// largestRequest is the most that any endpoint takes: a submit says only in its body to which it goes.
func largestRequest(c *config.Config) int64 {
	largest := c.Proxy.MaxRequestSize
	for _, e := range c.Proxy.Endpoints {
		largest = max(largest, e.MaxRequestSize)
	}
	return int64(largest)
}

// largestResult is the most that is kept of an answer of any endpoint.
func largestResult(c *config.Config) int64 {
	largest := c.Proxy.MaxResponseSize
	for _, e := range c.Proxy.Endpoints {
		largest = max(largest, e.MaxResponseSize)
	}
	return int64(largest)
}
