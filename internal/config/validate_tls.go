package config

import "strings"

// tls judges how an https endpoint is spoken to. The files are read where the endpoint is made, on the machine that has them.
func (k *checker) tls(path string, e *Endpoint) {
	t := &e.TLS
	if e.URL != "" && !k.failed[path[:len(path)-len("tls")]+"url"] && !strings.HasPrefix(strings.ToLower(e.URL.Reveal()), "https:") {
		for key, differs := range map[string]bool{"ca_file": t.CAFile != "", "cert_file": t.CertFile != "", "key_file": t.KeyFile != "",
			"server_name": t.ServerName != "", "min_version": t.MinVersion != defaultEndpoint().TLS.MinVersion,
			"insecure_skip_verify": t.InsecureSkipVerify} {
			if differs {
				k.wrong(path+"."+key, "has no effect on an http url; give an https url, or remove it")
			}
		}
		return
	}
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		k.wrong(path+".key_file", "is empty; cert_file needs the file of its key")
	case t.KeyFile != "" && t.CertFile == "":
		k.wrong(path+".cert_file", "is empty; key_file needs the file of its certificate")
	}
	if t.ServerName != "" && !validHost(t.ServerName) {
		k.wrong(path+".server_name", "%q is not accepted; give a host name without a port", t.ServerName)
	}
	if !t.InsecureSkipVerify {
		return
	}
	if t.CAFile != "" {
		k.wrong(path+".insecure_skip_verify", "is true, so that nothing is compared with ca_file; remove it: ca_file alone trusts your own authority")
		return
	}
	k.note(k.c.sourceOf(path+".insecure_skip_verify"), path+".insecure_skip_verify",
		"is true: whoever is on the way to the endpoint can read and change what is sent; use ca_file instead")
}
