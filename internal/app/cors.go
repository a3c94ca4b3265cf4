package app

import (
	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/reply"
)

func corsOf(c *config.CORS) api.CORS {
	return api.CORS{Origins: c.Origins, Methods: c.Methods, Headers: c.Headers, MaxAge: c.MaxAge.Std(), Credentials: c.Credentials}
}

// forCaptured returns the writer of own answers to captured requests. Pages of other origins may read them only where the
// configuration says so: by default such a path is the application's.
func forCaptured(replies *reply.Replies, c *config.Config) *reply.Replies {
	if !c.Server.CORS.Captured {
		return replies
	}
	rules := corsOf(&c.Server.CORS)
	return replies.Marked(api.NewCrossOrigin(&rules).Allow)
}
