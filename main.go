// Command wantgo turns positions that phones report into coupons at the right moment. See the README.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones must not depend on what the machine has installed

	"github.com/wantgo/wantgo/services/app"
)

func main() {
	app.Harden()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(app.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
