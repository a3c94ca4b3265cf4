package config

// listenerTLS judges the TLS of a listener. The files are read where the listener is bound.
func (k *checker) listenerTLS(path string, t *ListenerTLS) {
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		k.wrong(path+".key_file", "is empty; cert_file needs the file of its key")
	case t.KeyFile != "" && t.CertFile == "":
		k.wrong(path+".cert_file", "is empty; key_file needs the file of its certificate")
	case t.CertFile == "" && t.ClientCAFile != "":
		k.wrong(path+".client_ca_file", "has no effect without TLS; set cert_file and key_file, or remove it")
	case t.ClientAuth == "none" && t.ClientCAFile != "":
		k.wrong(path+".client_auth", "is none, so that client_ca_file has no effect; give request or require")
	case t.ClientAuth != "none" && t.ClientCAFile == "":
		k.wrong(path+".client_ca_file", "is empty; client_auth %s needs the authorities of the clients", t.ClientAuth)
	}
}
