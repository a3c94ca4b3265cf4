package reply

import (
	"net/http"
	"net/netip"

	"github.com/openhqm/openhqm/queue"
)

// Links are where a client finds a message: absolute with a public URL, else absolute paths.
type Links struct {
	Status   string `json:"status"`
	Response string `json:"response"`
	Raw      string `json:"raw"`
	Events   string `json:"events"`
	Cancel   string `json:"cancel"`
}

// Links returns the links of a message, as the client that sent r can follow them.
func (p *Replies) Links(r *http.Request, id queue.ID) Links {
	base, text := p.linkBase(r), id.String()
	response := base + "/response/" + text
	return Links{
		Status:   base + "/status/" + text,
		Response: response,
		Raw:      response + "/raw",
		Events:   base + "/events/" + text,
		Cancel:   base + "/requests/" + text,
	}
}

// linkBase is the start of every link, prefix included. Without a public URL a trusted proxy may say under which path it
// publishes us (X-Forwarded-Prefix).
func (p *Replies) linkBase(r *http.Request) string {
	if p.base != "" {
		return p.base
	}
	if len(p.trusted) > 0 {
		if prefix := r.Header.Get("X-Forwarded-Prefix"); prefix != "" && linkable(prefix) && p.trusts(r.RemoteAddr) {
			return prefix + p.prefix
		}
	}
	return p.prefix
}

func (p *Replies) trusts(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	address := peer.Addr().Unmap().WithZone("")
	for _, network := range p.trusted {
		if network.Contains(address) {
			return true
		}
	}
	return false
}
