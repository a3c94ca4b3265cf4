package endpoint

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// loginPath finds pages that ask a person to sign in.
var loginPath = regexp.MustCompile(`(?i)(^|[/._-])(log-?in|sign-?in|auth|authorize|sso|saml2?|oauth2?|openid-connect)([/._-]|$)`)

// judgeProbe says what the answer to a probe shows, and what to do about it. Only what no request would get over is a failure.
func (e *Endpoint) judgeProbe(method string, answer *http.Response) Step {
	status := answer.StatusCode
	s := Step{Name: stepAnswer, OK: true, Detail: strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		s.OK, s.Remedy = false, e.refusedRemedy(status)
	case status >= 300 && status < 400 && status != http.StatusNotModified:
		e.judgeRedirect(&s, answer)
	case method == http.MethodHead && (status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented):
		s.Remedy = "it does not take HEAD here, which says little; try --method GET"
	case status == http.StatusNotFound:
		s.Remedy = "nothing is at this path; if something should be, correct the endpoint's url, or give --path"
	case status == http.StatusTooManyRequests:
		s.Remedy = "it limits its callers now; a rate of the endpoint keeps below that"
	case status == http.StatusProxyAuthRequired:
		s.OK, s.Remedy = false, "a proxy stands before the application; give the application's own address"
	case status >= 500:
		s.OK, s.Remedy = false, "the application fails, or one behind it; see its own log"
	}
	return s
}

func (e *Endpoint) refusedRemedy(status int) string {
	if status == http.StatusForbidden && e.config.Auth.Scheme != AuthNone {
		return "it knows the credentials, or takes nobody's here; allow their owner there, or correct them"
	}
	switch e.config.Auth.Scheme {
	case AuthNone:
		return "it wants credentials; set the endpoint's auth_type, unless its clients send their own"
	case AuthBasic:
		return "it does not take the credentials; correct auth_username and auth_password"
	case AuthOAuth2:
		return "it does not take the access token; correct oauth2.scopes or oauth2.params, or see which tokens it takes"
	}
	return "it does not take the credentials; correct auth_token"
}

// judgeRedirect shows where a redirect leads, without its query, which may hold a secret. None is followed.
func (e *Endpoint) judgeRedirect(s *Step, answer *http.Response) {
	to, err := answer.Location()
	if err != nil {
		s.Remedy = "it is handed to the client as it is"
		return
	}
	shown := (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()
	s.Detail += " to " + shown
	switch {
	case loginPath.MatchString(to.Path):
		s.OK, s.Remedy = false, "that looks like a page to sign in: the credentials are missing, wrong, or not of the kind it wants"
	case e.base.scheme == "http" && to.Scheme == "https":
		s.OK, s.Remedy = false, "redirects are not followed; give the https url"
	default:
		s.Remedy = "redirects are not followed, but handed to the client; if that is not meant, give the url that it leads to"
	}
}
