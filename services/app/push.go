package app

import (
	"fmt"
	"strconv"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/app/node"
)

// Push is what serve takes about providers beyond where they are.
type Push struct {
	APNsSandboxEndpoint string   `name:"apns-sandbox-endpoint" help:"Apple's development environment, where it is neither Apple's nor at apns-endpoint." env:"WANTGO_APNS_SANDBOX_ENDPOINT" placeholder:"HOST:PORT"`
	WebPushServices     []string `name:"web-push-services" help:"Hosts that web push may go to: host, *.host, or host:port for one that may be on a private address. Default: those of Chrome, Firefox, Safari and Edge." env:"WANTGO_WEB_PUSH_SERVICES" placeholder:"HOST"`
	WebhookHosts        []string `name:"webhook-hosts" help:"host:port of webhooks that may be on a private address, also without TLS. Default: none, webhooks go to public addresses by TLS only." env:"WANTGO_WEBHOOK_HOSTS" placeholder:"HOST:PORT"`
	FCMConnections      string   `name:"fcm-connections" help:"Most connections that this node ever has open to Firebase; attempts beyond what they carry wait. 0: enough for its attempts in flight at 100 on each, 12." default:"0" env:"WANTGO_FCM_CONNECTIONS"`
	PushPerSecond       string   `help:"Most attempts that this node begins in a second, all brands and providers together. 0: no limit." default:"0" env:"WANTGO_PUSH_PER_SECOND"`
	PushPerProject      string   `help:"Most attempts that this node begins in a second for one brand and provider; divide a provider's quota by the number of nodes. 0: 10000 for Firebase, no limit for the others; -1: no limit." default:"0" env:"WANTGO_PUSH_PER_PROJECT"`
	PushBulkPeak        string   `help:"Most reminders and bulk of one brand and provider in a second, at the top of their ramp. 0: four fifths of the limit." default:"0" env:"WANTGO_PUSH_BULK_PEAK"`
	PushRamp            string   `help:"How long a large send takes at least to reach its peak; 1m or more." default:"1m" env:"WANTGO_PUSH_RAMP"`
}

func (p *Push) set(s *settings, c *node.Config) {
	c.Push.APNsSandboxEndpoint, c.WebhookHosts = p.APNsSandboxEndpoint, p.WebhookHosts
	if len(p.WebPushServices) > 0 {
		c.Push.WebPushServices = pusher.PushServices(p.WebPushServices)
	}
	limit := func(flag, text string, least int) int {
		n, err := strconv.Atoi(text)
		if err != nil || n < least {
			s.fault(flag, fmt.Errorf("%q is not a whole number from %d", text, least))
		}
		return n
	}
	c.Push.FCMConnections = limit("fcm-connections", p.FCMConnections, 0)
	c.Push.Pace = pusher.Pace{
		PerSecond: limit("push-per-second", p.PushPerSecond, 0), Project: limit("push-per-project", p.PushPerProject, -1),
		Peak: limit("push-bulk-peak", p.PushBulkPeak, 0), Ramp: s.duration("push-ramp", p.PushRamp),
	}
	if err := c.Push.Pace.Check(); err != nil {
		s.fault("push-ramp", err)
	}
}
