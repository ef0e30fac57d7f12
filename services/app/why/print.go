package why

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

const (
	toTheSecond = "2006-01-02 15:04:05"
	toTheMinute = "2006-01-02 15:04"
)

// Printer prints answers in one language and time zone.
type Printer struct {
	out   io.Writer
	words *words
	zone  *time.Location
	err   error
}

// New is a printer; a zone that is not known is UTC.
func New(out io.Writer, locale, zone string) *Printer {
	at, err := time.LoadLocation(zone)
	if err != nil {
		at = time.UTC
	}
	return &Printer{out: out, words: wordsOf(locale), zone: at}
}

func (p *Printer) line(format string, values ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", values...)
	}
}

func (p *Printer) at(t *timestamppb.Timestamp, layout string) string {
	if t == nil {
		return p.words.say("never")
	}
	return t.AsTime().In(p.zone).Format(layout)
}

// Explained prints an answer of ExplainDecisions.
func (p *Printer) Explained(r *v1.ExplainDecisionsResponse) error {
	p.line("%s", p.words.say("person", r.GetPersonId(), len(r.GetDecisions()), p.zone))
	if len(r.GetDecisions()) == 0 {
		p.line("%s", p.words.say("nothing"))
	}
	for _, d := range r.GetDecisions() {
		p.line("")
		p.line("%s  %s", p.at(d.GetDecisionTime(), toTheSecond), p.occasion(d))
		p.decision(d)
	}
	if c := r.GetCircumstances(); c != nil {
		p.line("")
		p.circumstances(c)
	}
	return p.err
}

// occasion says what happened, where, and for which campaign.
func (p *Printer) occasion(d *v1.Decision) string {
	m := d.GetMoment()
	parts := []string{p.words.kinds[m.GetKind()]}
	if atFence := m.GetTransition() != 0; atFence {
		place := cmp.Or(m.GetStoreDisplayName(), m.GetStoreExternalId(), m.GetStoreId())
		switch {
		case place != "":
		case m.GetPlaceDropped():
			place = p.words.say("dropped")
		case m.GetFenceExternalId() != "":
			place = p.words.say("at fence", m.GetFenceExternalId())
		default:
			place = p.words.say("free")
		}
		parts[0] += " " + place
	}
	if name := cmp.Or(d.GetCampaignDisplayName(), d.GetCampaignExternalId(), d.GetCampaignId()); name != "" {
		parts = append(parts, p.words.say("campaign", name))
	}
	return strings.Join(parts, " · ")
}

func (p *Printer) decision(d *v1.Decision) {
	reason := d.GetReason().String()
	if d.GetReason() == 0 {
		reason = cmp.Or(d.GetValues()["reason"], reason)
	}
	p.line("  %s%s: %s", reason, p.gate(d.GetGate()), d.GetSentence())
	p.gates(d)
	n := d.GetNotification()
	for _, v := range n.GetDeliveries() {
		p.line("  %s", p.words.say("delivery", v.GetDeviceId(), v.GetProvider(), v.GetState(), because(v.GetProviderCode()), v.GetAttempts()))
	}
	for _, told := range []struct {
		word string
		at   *timestamppb.Timestamp
	}{{"shown", n.GetShownTime()}, {"opened", n.GetOpenedTime()}, {"dismissed", n.GetDismissedTime()}} {
		if told.at != nil {
			p.line("  %s", p.words.say(told.word, p.at(told.at, toTheSecond)))
		}
	}
}

// gate names a gate that refused.
func (p *Printer) gate(g v1.Decision_Gate) string {
	if g == v1.Decision_GATE_UNSPECIFIED || g == v1.Decision_NONE {
		return ""
	}
	return fmt.Sprintf(" (%s)", p.words.say("gate", int(g)))
}

// The last gates of the first and second phase.
const lastOfPing, lastOfCampaign = v1.Decision_SENSITIVE_PLACE, v1.Decision_CAPS

var marks = map[v1.Decision_GateAnswer_Verdict]string{
	v1.Decision_GateAnswer_PASSED: "✓", v1.Decision_GateAnswer_REFUSED: "✗", v1.Decision_GateAnswer_NOT_ASKED: "·",
}

// gates prints all gates in their order, a line for each of the three places where they are asked.
func (p *Printer) gates(d *v1.Decision) {
	var lines [3][]string
	for _, g := range d.GetGates() {
		phase := 0
		if g.GetGate() > lastOfCampaign {
			phase = 2
		} else if g.GetGate() > lastOfPing {
			phase = 1
		}
		text := cmp.Or(marks[g.GetVerdict()], "?") + " " + p.words.gates[g.GetGate()]
		if g.GetVerdict() == v1.Decision_GateAnswer_REFUSED {
			text += p.values(g.GetValues())
		}
		lines[phase] = append(lines[phase], text)
	}
	for i, line := range lines {
		if len(line) > 0 {
			p.line("    %s: %s", p.words.phases[i], strings.Join(line, "  "))
		}
	}
}

func (p *Printer) values(values map[string]string) string {
	if len(values) == 0 {
		return ""
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := values[key]
		if at, err := time.Parse(time.RFC3339, value); err == nil {
			value = at.In(p.zone).Format(toTheMinute)
		}
		parts = append(parts, key+" "+value)
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func because(code string) string {
	if code == "" {
		return ""
	}
	return " (" + code + ")"
}
