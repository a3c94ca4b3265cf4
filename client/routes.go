package client

import (
	"context"
	"net/http"
	"net/url"
)

// Routes returns the configured routes in their order.
func (a *Admin) Routes(ctx context.Context) ([]Route, error) {
	var list Routes
	err := a.json(ctx, http.MethodGet, "/routes", nil, nil, nil, &list)
	return list.Routes, err
}

// ChangeRoute turns the switch of a route, at once and for this server. It counts until it is reset, or until that part of the
// route's configuration changes.
func (a *Admin) ChangeRoute(ctx context.Context, name string, c RouteChange) (*Route, error) {
	r := &Route{}
	return r, a.json(ctx, http.MethodPatch, "/routes/"+url.PathEscape(name), nil, nil, c, r)
}

// ResetRoute brings the switch of a route back to what is configured.
func (a *Admin) ResetRoute(ctx context.Context, name string) (*Route, error) {
	r := &Route{}
	return r, a.json(ctx, http.MethodPost, "/routes/"+url.PathEscape(name)+"/reset", nil, nil, nil, r)
}
