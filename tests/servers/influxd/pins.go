//go:build pins

// Package pins names what is built, so that `go mod tidy` keeps it in go.mod and go.sum.
package pins

import (
	_ "github.com/influxdata/influxdb/v2/cmd/influxd"
	_ "github.com/influxdata/pkg-config"
)
