module github.com/openhqm/openhqm/test/chaos

go 1.26.0
