package replay

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/engine"
)

// output writes one JSON object a line. A nil writer takes nothing.
type output struct {
	w    *bufio.Writer
	line []byte
	err  error
}

func newOutput(w io.Writer) *output {
	if w == nil {
		return &output{}
	}
	return &output{w: bufio.NewWriterSize(w, 1<<16)}
}

func (o *output) close() error {
	if o.w == nil {
		return o.err
	}
	if err := o.w.Flush(); o.err == nil {
		o.err = err
	}
	return o.err
}

// transition is written by hand: a replay may tell of millions.
func (o *output) transition(device string, t *engine.TransitionAnswer) {
	if o.w == nil {
		return
	}
	b := append(o.line[:0], `{"type":"transition","device":`...)
	b = appendText(b, device)
	b = append(b, `,"at_ms":`...)
	b = strconv.AppendInt(b, t.At, 10)
	b = append(b, `,"fence":`...)
	b = appendText(b, t.FenceExternalID)
	b = append(b, `,"kind":"`...)
	b = append(b, t.Kind.String()...)
	b = append(b, `","reason":"`...)
	b = append(b, t.Reason.String()...)
	b = append(b, "\"}\n"...)
	o.line = b
	_, err := o.w.Write(b)
	o.note(err)
}

func appendText(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string cannot fail
	return append(b, text...)
}

type decisionLine struct {
	Type         string            `json:"type"`
	Device       string            `json:"device"`
	AtMS         int64             `json:"at_ms"`
	Campaign     string            `json:"campaign"`
	Kind         string            `json:"kind"`
	Reason       string            `json:"reason"`
	Values       map[string]string `json:"values,omitempty"`
	Notification *uuid.UUID        `json:"notification,omitempty"`
	Coupon       *uuid.UUID        `json:"coupon,omitempty"`
}

func (o *output) decision(device, campaign string, d *engine.DecisionAnswer) error {
	return o.object(decisionLine{
		Type: "decision", Device: device, AtMS: d.At, Campaign: campaign, Kind: d.Kind, Reason: d.Reason,
		Values: d.Values, Notification: some(d.NotificationID), Coupon: some(d.CouponID),
	})
}

type deliveryLine struct {
	Type         string     `json:"type"`
	Device       string     `json:"device"`
	AtMS         int64      `json:"at_ms"`
	Notification *uuid.UUID `json:"notification"`
	State        string     `json:"state"`
	Title        string     `json:"title"`
	Body         string     `json:"body"`
	Deadline     time.Time  `json:"deadline"`
}

func (o *output) delivery(device string, d *pusher.Delivery) error {
	return o.object(deliveryLine{
		Type: "delivery", Device: device, AtMS: d.NotBefore.UnixMilli(), Notification: some(d.Notification.ID),
		State: string(pusher.Pending), Title: d.Notification.Title, Body: d.Notification.Body, Deadline: d.Deadline,
	})
}

func some(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

func (o *output) object(v any) error {
	if o.w == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err == nil {
		_, err = o.w.Write(append(b, '\n'))
	}
	o.note(err)
	return o.err
}

func (o *output) note(err error) {
	if o.err == nil {
		o.err = err
	}
}
