package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/wantgo/wantgo/services/app/heap"
	"github.com/wantgo/wantgo/services/app/node"
)

type serveCommand struct {
	Storage        `embed:""`
	Listen         string `help:"Where the public API answers: gRPC, gRPC-Web, Connect and JSON on one port. Port 0: any free one." default:"127.0.0.1:8080" env:"WANTGO_LISTEN"`
	InternalListen string `help:"Where /metrics, /livez, /readyz and /debug/pprof answer; nobody is asked who they are." default:"127.0.0.1:8081" env:"WANTGO_INTERNAL_LISTEN"`
	TLSCert        string `help:"PEM file with the certificate of the public API; without one it speaks clear text." type:"path" env:"WANTGO_TLS_CERT" placeholder:"FILE"`
	TLSKey         string `help:"PEM file with the certificate's key." type:"path" env:"WANTGO_TLS_KEY" placeholder:"FILE"`
	FCMEndpoint    string `name:"fcm-endpoint" help:"Firebase Cloud Messaging, where it is not Google's: http(s)://host:port/v1." env:"WANTGO_FCM_ENDPOINT" placeholder:"URL"`
	APNsEndpoint   string `name:"apns-endpoint" help:"Apple's push service, where it is not Apple's." env:"WANTGO_APNS_ENDPOINT" placeholder:"HOST:PORT"`
	APNsCA         string `name:"apns-ca" help:"PEM file with the certificate authority of these endpoints and of listed push services, instead of the system's." type:"path" env:"WANTGO_APNS_CA" placeholder:"FILE"`
	Push           `embed:""`
	OTLPEndpoint   string `name:"otlp-endpoint" help:"OpenTelemetry collector that gets traces, by gRPC. Default: none are made." env:"WANTGO_OTLP_ENDPOINT" placeholder:"URL"`
	PeopleInMemory string `help:"Most people that a node keeps copies of." default:"200000" env:"WANTGO_PEOPLE_IN_MEMORY"`
	ErasuresFile   string `help:"File that is kept up to date with who was erased, on another disk than the database: a restore needs it." type:"path" env:"WANTGO_ERASURES_FILE" placeholder:"FILE"`
	Grace          string `help:"How long a stop may take." default:"20s" env:"WANTGO_GRACE"`
	Admission      `embed:""`
}

func (c *serveCommand) config(s *settings, log *slog.Logger) node.Config {
	config := c.Storage.config(s, log)
	config.Listen, config.InternalListen, config.TLSCert, config.TLSKey = c.Listen, c.InternalListen, c.TLSCert, c.TLSKey
	config.Push = node.Providers{FCMEndpoint: c.FCMEndpoint, APNsEndpoint: c.APNsEndpoint, APNsCA: c.APNsCA}
	c.Push.set(s, &config)
	config.OTLPEndpoint, config.Dispatch, config.ErasuresFile = c.OTLPEndpoint, true, c.ErasuresFile
	config.People, config.Grace = s.number("people-in-memory", c.PeopleInMemory), s.duration("grace", c.Grace)
	c.Admission.set(s, &config)
	return config
}

// Run serves until it is told to stop.
func (c *serveCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	go heap.Fit(ctx)
	n, err := s.open(ctx, c.config(s, log))
	if err != nil {
		return err
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	line := []string{"wantgo is ready:"}
	if n.Address() != "" {
		line = append(line, "api "+scheme+"://"+n.Address())
	}
	if n.InternalAddress() != "" {
		line = append(line, "internal http://"+n.InternalAddress())
	}
	fmt.Fprintln(out, strings.Join(line, " "))
	if len(n.Engine().Brands()) == 0 {
		log.Warn(`there is no brand yet: make one with "wantgo init"`)
	}
	return n.Run(ctx)
}
