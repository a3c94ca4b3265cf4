package route

import "strings"

// index finds the routes that may take a request: by host, then by path, then by a header field with an exact value. A
// route stands in one leaf of each host that it names. What none of these tells apart is asked one by one.
type index struct {
	hosts   map[string]*paths // exact names, and .example.com for *.example.com
	anyHost *paths
	below   bool // whether a host begins with a point
}

type paths struct {
	exact   map[string]*leaf
	below   map[string]*leaf // by prefix without its slash
	anyPath *leaf
}

type leaf struct {
	headers []headerValues
	rest    []int32
}

type headerValues struct {
	name   string
	routes map[string][]int32 // by value
}

func (x *index) build(routes []compiled) {
	x.hosts, x.anyHost = map[string]*paths{}, newPaths()
	for i := range routes {
		c := &routes[i]
		if len(c.hosts) == 0 {
			x.anyHost.add(c, int32(i))
		}
		for _, host := range c.hosts {
			x.below = x.below || host[0] == '.'
			if x.hosts[host] == nil {
				x.hosts[host] = newPaths()
			}
			x.hosts[host].add(c, int32(i))
		}
	}
}

func newPaths() *paths {
	return &paths{exact: map[string]*leaf{}, below: map[string]*leaf{}, anyPath: &leaf{}}
}

func (p *paths) add(c *compiled, i int32) {
	switch {
	case c.path != "":
		leafOf(p.exact, c.path).add(c, i)
	case c.below && c.prefix != "":
		leafOf(p.below, c.prefix).add(c, i)
	case c.regex != nil && c.literal != "":
		leafOf(p.below, c.literal).add(c, i)
	default:
		p.anyPath.add(c, i)
	}
}

func leafOf(leaves map[string]*leaf, key string) *leaf {
	if leaves[key] == nil {
		leaves[key] = &leaf{}
	}
	return leaves[key]
}

func (l *leaf) add(c *compiled, i int32) {
	for _, f := range c.headers {
		if f.exact == "" {
			continue
		}
		for j := range l.headers {
			if l.headers[j].name == f.name {
				l.headers[j].routes[f.exact] = append(l.headers[j].routes[f.exact], i)
				return
			}
		}
		l.headers = append(l.headers, headerValues{f.name, map[string][]int32{f.exact: {i}}})
		return
	}
	l.rest = append(l.rest, i)
}

// candidates appends the positions of the routes that may take the request, in no order.
func (x *index) candidates(in *Input, found []int32) []int32 {
	found = x.anyHost.candidates(in, found)
	if len(x.hosts) == 0 {
		return found
	}
	if p := x.hosts[in.host]; p != nil && in.host != "" && in.host[0] != '.' {
		found = p.candidates(in, found)
	}
	if !x.below {
		return found
	}
	for i := 1; i < len(in.host); i++ {
		if in.host[i] == '.' {
			if p := x.hosts[in.host[i:]]; p != nil {
				found = p.candidates(in, found)
			}
		}
	}
	return found
}

func (p *paths) candidates(in *Input, found []int32) []int32 {
	found = p.anyPath.candidates(in, found)
	if l := p.exact[in.path]; l != nil {
		found = l.candidates(in, found)
	}
	if len(p.below) == 0 {
		return found
	}
	for end := 1; end <= len(in.path); end++ {
		next := strings.IndexByte(in.path[end:], '/')
		if next < 0 {
			next = len(in.path) - end
		}
		end += next
		if l := p.below[in.path[:end]]; l != nil {
			found = l.candidates(in, found)
		}
	}
	return found
}

func (l *leaf) candidates(in *Input, found []int32) []int32 {
	found = append(found, l.rest...)
	for i := range l.headers {
		h := &l.headers[i]
		for _, value := range in.Header[h.name] {
			found = append(found, h.routes[value]...)
		}
	}
	return found
}
