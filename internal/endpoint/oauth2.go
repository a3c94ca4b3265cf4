package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/openhqm/openhqm/internal/certfile"
	"github.com/openhqm/openhqm/queue"
	"golang.org/x/net/http/httpguts"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// DefaultTokenTimeout bounds a fetch of a token.
const DefaultTokenTimeout = 10 * time.Second

// OAuth2 is how access tokens are fetched: by the client credentials grant (RFC 6749 4.4). Their endpoint is another server
// than the target, with a TLS of its own.
type OAuth2 struct {
	TokenURL     string
	ClientID     string
	ClientSecret string
	Scopes       []string
	Params       map[string]string // further fields of the request: audience, resource
	InBody       bool              // the client's credentials go into the body, not into the Authorization field (RFC 6749 2.3.1)
	Timeout      time.Duration     // of a fetch, connecting included; DefaultTokenTimeout if 0
	CAFile       string            // PEM certificates of the only authorities to trust; read anew as those of TLS are
	Roots        *x509.CertPool    // the authorities without CAFile; nil: the system's
}

// validate refuses what cannot work, without repeating a secret.
func (o *OAuth2) validate(endpoint string) error {
	if o == nil {
		return fmt.Errorf("endpoint %q: oauth2 authentication needs a token endpoint", endpoint)
	}
	u, err := url.Parse(o.TokenURL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.User != nil:
		return fmt.Errorf("endpoint %q: oauth2 needs an absolute http or https token_url without credentials", endpoint)
	case o.ClientID == "" || o.ClientSecret == "":
		return fmt.Errorf("endpoint %q: oauth2 needs client_id and client_secret", endpoint)
	}
	return nil
}

// fetcher fetches tokens, one at a time.
type fetcher struct {
	host   string // of the token endpoint, for people
	grant  clientcredentials.Config
	dialer net.Dialer
	files  *certfile.Watched[*trust]
	limit  time.Duration
}

func newFetcher(o *OAuth2, told func(error)) (*fetcher, error) {
	u, err := url.Parse(o.TokenURL)
	if err != nil {
		return nil, errors.New("oauth2.token_url cannot be parsed") // the error would repeat it
	}
	f := &fetcher{host: u.Host, limit: orDefault(o.Timeout, DefaultTokenTimeout), grant: clientcredentials.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, Scopes: o.Scopes, AuthStyle: oauth2.AuthStyleInHeader,
		EndpointParams: make(url.Values, len(o.Params)),
	}}
	if o.InBody {
		f.grant.AuthStyle = oauth2.AuthStyleInParams
	}
	for name, value := range o.Params {
		f.grant.EndpointParams.Set(name, value)
	}
	authorities := TLS{CAFile: o.CAFile}
	if f.files, err = authorities.watch(o.Roots, told); err != nil {
		return nil, fmt.Errorf("oauth2: %w", err)
	}
	return f, nil
}

// fetch asks for a token. Each fetch has a connection of its own, since they are minutes apart. Redirects are not followed:
// they would take the client's secret elsewhere. An error is a fault of class NotSent.
func (f *fetcher) fetch() (*token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), f.limit)
	defer cancel()
	trusted, _ := f.files.Current()
	transport := &http.Transport{
		DialContext:            f.dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: trusted.roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: MaxResponseHeader,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	asked := time.Now()
	got, err := f.grant.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	switch {
	case err != nil:
		return nil, f.fault(ctx, err)
	case got.Type() != "Bearer":
		return nil, f.refusal(http.StatusBadGateway, "its token is of another type than Bearer, which is not supported")
	case !httpguts.ValidHeaderFieldValue(got.AccessToken):
		return nil, f.refusal(http.StatusBadGateway, "its token cannot be the value of a field")
	}
	return newToken(got.AccessToken, asked, got.Expiry), nil
}

// fault says why there is no token, in words of ours: what the endpoint answered may repeat a secret.
func (f *fetcher) fault(ctx context.Context, err error) *fault {
	var answered *oauth2.RetrieveError
	var sending *url.Error
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &answered):
		return f.refusal(http.StatusBadGateway, answerText(answered))
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return f.refusal(http.StatusGatewayTimeout, fmt.Sprintf("no answer within %s", f.limit))
	case errors.As(err, &authority):
		return f.refusal(http.StatusBadGateway, "TLS handshake: "+authority.Error()+
			"; if that authority is to be trusted, name its certificate in oauth2.ca_file")
	case errors.As(err, &sending):
		var checked *tls.CertificateVerificationError
		if errors.As(err, &checked) {
			return f.refusal(http.StatusBadGateway, "TLS handshake: "+checked.Err.Error())
		}
		status, text := describe(sending.Err, nil, false)
		return f.refusal(status, text+"; see that it runs, or correct oauth2.token_url")
	}
	return f.refusal(http.StatusBadGateway, "its answer holds no token (RFC 6749 5.1); correct oauth2.token_url")
}

func (f *fetcher) refusal(status int, why string) *fault {
	return &fault{class: queue.NotSent, status: status, text: "no access token from " + f.host + ": " + why}
}

// answerText explains a refusal by its status and its code, of which there is a closed set (RFC 6749 5.2).
func answerText(answered *oauth2.RetrieveError) string {
	remedy, known := map[string]string{
		"invalid_client":         "correct oauth2.client_id or oauth2.client_secret, or the way they are sent, oauth2.client_auth",
		"unauthorized_client":    "allow this client the client credentials grant there",
		"unsupported_grant_type": "allow the client credentials grant there",
		"invalid_scope":          "correct oauth2.scopes",
		"invalid_grant":          "correct oauth2.client_id or oauth2.client_secret",
		"invalid_request":        "correct oauth2.params, oauth2.scopes or oauth2.client_auth",
		"invalid_target":         "correct the audience or resource in oauth2.params",
	}[answered.ErrorCode]
	status := answered.Response.StatusCode
	switch {
	case known:
		return fmt.Sprintf("it answered %d %s; %s", status, answered.ErrorCode, remedy)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fmt.Sprintf("it answered %d; correct oauth2.client_id or oauth2.client_secret", status)
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status >= 300 && status < 400:
		return fmt.Sprintf("it answered %d; correct oauth2.token_url", status)
	}
	return fmt.Sprintf("it answered %d", status)
}
