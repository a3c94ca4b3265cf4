package api

import "net/http"

// Claims lists the calls that a [Producer] claims on its listener, such as "POST /api/v1/submit", for people.
func Claims(prefix string) []string {
	var all []string
	for _, r := range producerRoutes(nil) {
		all = append(all, r.method+" "+prefix+r.shape)
	}
	return all
}

// Guard lets through to next whoever may call as an operator.
func (a *Admin) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.refused(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}
