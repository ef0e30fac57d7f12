package app

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/wantgo/wantgo/services/api"
	"github.com/wantgo/wantgo/services/app/node"
)

// Admission are the flags that say which calls a node takes when too many come.
type Admission struct {
	OverloadTarget    string `help:"How long calls may take on average once they are let in; when they take longer, fewer are let in at once." default:"50ms" env:"WANTGO_OVERLOAD_TARGET"`
	OverloadWait      string `help:"How long a call waits for room before it is refused; phones go first, then imports, then everything else." default:"40ms" env:"WANTGO_OVERLOAD_WAIT"`
	OverloadMost      string `help:"Most pings in the works at once, whatever they take; a call counts five more than it has." default:"65536" env:"WANTGO_OVERLOAD_MOST"`
	DeviceRate        string `help:"Calls a second of one phone, and how many at once after a rest; none: no limit." default:"5,60" env:"WANTGO_DEVICE_RATE" placeholder:"RATE,BURST"`
	DevicePingRate    string `help:"Pings a second of one phone, likewise." default:"100,20000" env:"WANTGO_DEVICE_PING_RATE" placeholder:"RATE,BURST"`
	KeyRate           string `help:"Calls a second with one API key, likewise." default:"500,1000" env:"WANTGO_KEY_RATE" placeholder:"RATE,BURST"`
	KeyPingRate       string `help:"Pings a second imported with one API key, likewise." default:"none" env:"WANTGO_KEY_PING_RATE" placeholder:"RATE,BURST"`
	AppRate           string `help:"Calls a second with one app key: phones that register." default:"500,2000" env:"WANTGO_APP_RATE" placeholder:"RATE,BURST"`
	SearchRate        string `help:"Searches for stores a second with one app key." default:"5000,10000" env:"WANTGO_SEARCH_RATE" placeholder:"RATE,BURST"`
	ClientConnections string `help:"Most connections to the public API; one more is closed at once." default:"20000" env:"WANTGO_CLIENT_CONNECTIONS"`
	ClientStreams     string `help:"Most calls under way on one connection; what is beyond waits at the caller's." default:"250" env:"WANTGO_CLIENT_STREAMS"`
}

func (f *Admission) set(s *settings, c *node.Config) {
	c.Admission.Target = s.duration("overload-target", f.OverloadTarget)
	c.Admission.Wait = s.duration("overload-wait", f.OverloadWait)
	c.Admission.Most = s.number("overload-most", f.OverloadMost)
	c.Limits = api.Limits{
		Device: s.rate("device-rate", f.DeviceRate), DevicePings: s.rate("device-ping-rate", f.DevicePingRate),
		Key: s.rate("key-rate", f.KeyRate), KeyPings: s.rate("key-ping-rate", f.KeyPingRate),
		App: s.rate("app-rate", f.AppRate), Search: s.rate("search-rate", f.SearchRate),
	}
	c.Clients, c.Streams = s.number("client-connections", f.ClientConnections), s.number("client-streams", f.ClientStreams)
}

// rate reads a rate and a burst, or none.
func (s *settings) rate(flag, text string) api.Rate {
	if text == "none" {
		return api.Rate{PerSecond: -1}
	}
	perSecond, burst, both := strings.Cut(text, ",")
	each, err := strconv.ParseFloat(perSecond, 64)
	most, fault := strconv.Atoi(burst)
	if !both || errors.Join(err, fault) != nil || !(each > 0 && each <= 1e9) || most < 1 || most > 1e9 {
		s.fault(flag, fmt.Errorf(`%q is not a number a second and a number at once such as "5,60", nor "none"`, text))
	}
	return api.Rate{PerSecond: each, Burst: most}
}
