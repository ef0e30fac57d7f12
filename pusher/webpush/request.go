package webpush

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"time"

	library "github.com/SherClockHolmes/webpush-go"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/payload"
)

const (
	// maxPayloadBytes is what one record of 4,096 bytes holds: less 86 of header, 16 of tag and 1 of padding.
	maxPayloadBytes = 3993
	recordOverhead  = 4096 - maxPayloadBytes
	// recordStep: records are padded to a multiple, so that a push service learns little from their length.
	recordStep = 1024
	maxTTL     = 28 * 24 * time.Hour
	// topicBytes is the longest Topic that a push service takes.
	topicBytes = 32
	// declarative marks a body that browsers with declarative web push show by themselves (its RFC's number).
	declarative = 8030
)

// notification has the members of a browser's Notification, and navigate of declarative web push.
type notification struct {
	Title    string            `json:"title"`
	Body     string            `json:"body"`
	Navigate string            `json:"navigate,omitempty"`
	Image    string            `json:"image,omitempty"`
	Tag      string            `json:"tag"`
	Data     map[string]string `json:"data"`
}

// Payload is what the service worker gets: the text in the members of a browser's notification, our keys in its data.
// With an https deep link it is also declarative, so that a browser which knows that can show it without a worker;
// mutable lets a worker have it first all the same.
func Payload(d *pusher.Delivery) ([]byte, error) {
	n := &d.Notification
	body := struct {
		WebPush      int          `json:"web_push,omitempty"`
		Mutable      bool         `json:"mutable,omitempty"`
		Notification notification `json:"notification"`
	}{Notification: notification{Title: n.Title, Body: n.Body, Image: n.ImageURL, Tag: payload.CollapseID(n), Data: payload.Keys(d)}}
	if u, err := url.Parse(n.DeepLink); err == nil && u.Scheme == "https" && u.Host != "" {
		body.WebPush, body.Mutable, body.Notification.Navigate = declarative, true, n.DeepLink
	}
	return json.Marshal(body)
}

// ttl is what is left until the deadline in whole seconds; 0 is now or never.
func ttl(d *pusher.Delivery, now time.Time) int {
	if d.Notification.NowOrNever {
		return 0
	}
	return int(min(max(d.Deadline.Sub(now), 0), maxTTL) / time.Second)
}

func urgency(d *pusher.Delivery) library.Urgency {
	switch {
	case d.HighPriority:
		return library.UrgencyHigh
	case d.Notification.Rank >= pusher.RankBulk:
		return library.UrgencyLow
	}
	return library.UrgencyNormal
}

// topic replaces an earlier notification that still waits at the push service: a double of this one, for instance.
func topic(n *pusher.Notification) string {
	sum := sha256.Sum256([]byte(payload.CollapseID(n)))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:topicBytes]
}

func recordSize(payload int) uint32 {
	return uint32((payload + recordOverhead + recordStep - 1) / recordStep * recordStep)
}
