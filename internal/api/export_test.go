package api

// Routes lists every route as "METHOD shape name".
func Routes() []string {
	var list []string
	for _, r := range append(producerRoutes(nil), adminRoutes(nil)...) {
		list = append(list, r.method+" "+r.shape+" "+r.name)
	}
	return list
}
