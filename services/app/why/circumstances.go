package why

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// circumstances prints how things stand.
func (p *Printer) circumstances(c *v1.Circumstances) {
	w := p.words
	p.line("%s", w.say("now", p.at(c.GetAsOfTime(), toTheSecond)))
	p.line("  %s", w.standings[c.GetStanding()])
	if c.GetLastContactTime() == nil {
		p.line("  %s", w.say("silent"))
	} else {
		p.line("  %s", w.say("contact", p.at(c.GetLastContactTime(), toTheSecond)))
	}
	for _, o := range c.GetObstacles() {
		p.line("  %s", w.say("way", p.obstacle(o)))
	}
	for _, name := range slices.Sorted(maps.Keys(c.GetRefusedCredentials())) {
		p.line("  %s", w.say("refused", name, c.GetRefusedCredentials()[name]))
	}
	if c.GetPauseStartTime() != nil {
		until := w.say("forever")
		if c.GetPauseEndTime() != nil {
			until = p.at(c.GetPauseEndTime(), toTheMinute)
		}
		p.line("  %s", w.say("paused", p.at(c.GetPauseStartTime(), toTheMinute), until))
	}
	p.consents(c)
	for _, d := range c.GetDevices() {
		p.device(d)
	}
	p.pings(c)
	p.prospects(c)
}

func (p *Printer) obstacle(o *v1.Circumstances_Obstacle) string {
	return fmt.Sprintf("%s%s: %s", o.GetReason(), p.gate(o.GetGate()), o.GetSentence())
}

func (p *Printer) consents(c *v1.Circumstances) {
	var parts []string
	for _, s := range c.GetConsents() {
		parts = append(parts, p.words.say("consent", s.GetPurpose(), p.words.consents[s.GetState()], p.at(s.GetOccurredTime(), "2006-01-02")))
	}
	if len(parts) > 0 {
		p.line("  %s", p.words.say("consents", strings.Join(parts, ", ")))
	}
}

func (p *Printer) device(d *v1.Circumstances_DeviceStanding) {
	w := p.words
	text := w.say("device", cmp.Or(d.GetExternalId(), d.GetDeviceId()), strings.ToLower(d.GetPlatform().String()),
		p.at(d.GetLastContactTime(), toTheSecond), w.addresses[d.GetAddress()])
	if d.GetProvider() != 0 {
		text += fmt.Sprintf(" (%s)", d.GetProvider())
	}
	if d.GetAddressChange() != "" {
		text += w.say("change", d.GetAddressChange(), d.GetAddressCode(), p.at(d.GetAddressChangeTime(), toTheMinute))
	}
	if v := d.GetLastDelivery(); v != nil {
		text += w.say("last", v.GetState(), because(v.GetProviderCode()))
	}
	p.line("  %s", text)
}

// pings prints a line an hour.
func (p *Printer) pings(c *v1.Circumstances) {
	if len(c.GetPings()) == 0 {
		p.line("  %s", p.words.say("no pings"))
		return
	}
	p.line("  %s", p.words.say("pings"))
	var parts []string
	for i, n := range c.GetPings() {
		parts = append(parts, fmt.Sprintf("%s %d", n.GetVerdict(), n.GetCount()))
		if i+1 == len(c.GetPings()) || !c.GetPings()[i+1].GetHourTime().AsTime().Equal(n.GetHourTime().AsTime()) {
			p.line("    %s  %s", p.at(n.GetHourTime(), toTheMinute), strings.Join(parts, ", "))
			parts = parts[:0]
		}
	}
}

func (p *Printer) prospects(c *v1.Circumstances) {
	if len(c.GetProspects()) == 0 {
		p.line("  %s", p.words.say("no near"))
		return
	}
	p.line("  %s", p.words.say("near"))
	for _, q := range c.GetProspects() {
		said := p.words.say("passes")
		if q.GetObstacle() != nil {
			said = p.obstacle(q.GetObstacle())
		}
		if q.GetNotNear() {
			said = p.words.say("not near") + "; " + said
		}
		p.line("    %q: %s", cmp.Or(q.GetCampaignDisplayName(), q.GetCampaignExternalId(), q.GetCampaignId()), said)
	}
}
