package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/wantgo/wantgo/pusher"
)

// pushCommand says what of the way from the outbox to the providers is measured.
type pushCommand struct {
	Deliveries int           `help:"Deliveries that wait in the outbox when the clock starts." default:"20000" placeholder:"N"`
	Provider   string        `help:"Who takes them: ${enum}." enum:"fcm,apns,mixed" default:"mixed"`
	Devices    int           `help:"People with a device each. Caps let each have one delivery. Default: as many as are needed." placeholder:"N"`
	Seed       uint64        `help:"Another number: other addresses." default:"1" placeholder:"N"`
	For        time.Duration `help:"Measure no longer than this, whatever is left. Default: until all are accepted." placeholder:"DURATION"`
	Rate       float64       `help:"Deliveries a second that are made and handed over while p50_ms and p99_ms are taken. 0: not at all." default:"1000" placeholder:"R"`
	Moments    int           `help:"How many that are." default:"3000" placeholder:"N"`

	Bare       string `help:"The program that sends the same requests with nothing behind it. Default: it is built of the source beside this program's, with the Go toolchain." type:"existingfile" placeholder:"FILE"`
	NoBare     bool   `help:"Leave it out."`
	InFlight   int    `help:"Requests under way at once in it. Default: as many as a node has for one brand and provider." placeholder:"N"`
	Plain      bool   `help:"Reach the emulated Firebase over HTTP/1.1 without TLS."`
	CPUProfile string `name:"cpuprofile" help:"Write a CPU profile of the node while the outbox is emptied." type:"path" placeholder:"FILE"`
}

// check names every fault of the flags, and fills in what follows from others.
func (c *pushCommand) check() error {
	var faults []error
	if c.Deliveries < 10 {
		faults = append(faults, errors.New("--deliveries: must be at least 10"))
	}
	if c.Rate < 0 || c.Moments < 0 || c.For < 0 || c.InFlight < 0 {
		faults = append(faults, errors.New("--rate, --moments, --for and --in-flight: must not be negative"))
	}
	if c.Rate == 0 || c.Moments == 0 {
		c.Rate, c.Moments = 0, 0
	}
	if c.Devices == 0 {
		c.Devices = c.Deliveries + c.Moments
	}
	if c.Devices < c.Deliveries+c.Moments {
		faults = append(faults, fmt.Errorf("--devices: caps let a person have one delivery, so at least %d are needed", c.Deliveries+c.Moments))
	}
	return errors.Join(faults...)
}

func (c *pushCommand) providers() []pusher.Provider {
	switch c.Provider {
	case "fcm":
		return []pusher.Provider{pusher.FCM}
	case "apns":
		return []pusher.Provider{pusher.APNs}
	}
	return []pusher.Provider{pusher.FCM, pusher.APNs}
}

// pushReport is what the measurement tells. Rates begin when a tenth is accepted: by then connections are open. Ours end
// when the last acceptance is written down, not when the provider has it.
type pushReport struct {
	AcceptedPerSecond float64        `json:"accepted_per_s"`
	P50               float64        `json:"p50_ms"` // from the ping's receipt to the provider's acceptance, at the rate of the settings
	P99               float64        `json:"p99_ms"`
	Connections       int            `json:"connections"`
	CPU               float64        `json:"cpu_s_per_1000"` // of node and database
	NodeCPU           float64        `json:"node_cpu_s_per_1000"`
	PostgresCPU       float64        `json:"postgres_cpu_s_per_1000"`
	ProviderCPU       float64        `json:"provider_cpu_s_per_1000"` // of the emulators
	Accepted          int            `json:"accepted"`
	Distinct          int            `json:"distinct"`
	Seconds           float64        `json:"seconds"`
	States            map[string]int `json:"states"` // as written down
	Bare              *bareReport    `json:"bare,omitempty"`
	BarePerSecond     float64        `json:"bare_accepted_per_s,omitempty"`
	Ratio             float64        `json:"ratio,omitempty"`
	FilledPerSecond   float64        `json:"filled_per_s"` // decided and committed with person, ledger and facts, before the clock starts
	FsyncMicros       float64        `json:"fsync_us"`
	Settings          pushSettings   `json:"settings"`
}

// bareReport is what the bare loop did with the same requests.
type bareReport struct {
	PerSecond   float64 `json:"accepted_per_s"`
	P50         float64 `json:"p50_ms"` // of a request
	P99         float64 `json:"p99_ms"`
	Connections int     `json:"connections"`
	CPU         float64 `json:"cpu_s_per_1000"`
	ProviderCPU float64 `json:"provider_cpu_s_per_1000"`
	Accepted    int     `json:"accepted"`
	Failed      int     `json:"failed"`
}

// pushSettings are the flags as they were taken.
type pushSettings struct {
	Deliveries int     `json:"deliveries"`
	Provider   string  `json:"provider"`
	Devices    int     `json:"devices"`
	Seed       uint64  `json:"seed"`
	For        string  `json:"for,omitempty"`
	Rate       float64 `json:"rate"`
	Moments    int     `json:"moments"`
	InFlight   int     `json:"bare_in_flight"`
	HTTP1      bool    `json:"http1"`
}

func (c *pushCommand) settings() pushSettings {
	s := pushSettings{Deliveries: c.Deliveries, Provider: c.Provider, Devices: c.Devices, Seed: c.Seed, Rate: c.Rate, Moments: c.Moments,
		InFlight: c.inFlight(), HTTP1: c.Plain}
	if c.For > 0 {
		s.For = c.For.String()
	}
	return s
}
