package fcm

import (
	"strconv"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/payload"
)

const (
	// maxPayloadBytes is FCM's limit for one target, counting the keys and values of data and the text.
	maxPayloadBytes = 4096
	maxTTL          = 28 * 24 * time.Hour
)

// ProviderMessage maps one delivery to what FCM takes, as of now. The target stands in Token for both kinds
// of address. Time to live is what is left until the deadline in whole seconds, four weeks at most; 0 means
// now or never. The same values reach an iPhone behind FCM through the APNs headers.
func ProviderMessage(to pusher.Address, d *pusher.Delivery, now time.Time) *messaging.Message {
	n := &d.Notification
	keys := payload.Keys(d)
	collapse := payload.CollapseID(n)
	left := min(max(d.Deadline.Sub(now), 0), maxTTL)
	ttl, expiration := left.Truncate(time.Second), now.Add(left).Unix()
	if n.NowOrNever {
		ttl, expiration = 0, 0
	}
	android, apns := "normal", "5"
	if d.HighPriority {
		android, apns = "high", "10"
	}
	return &messaging.Message{
		Token:        to.Value,
		Data:         keys,
		Notification: &messaging.Notification{Title: n.Title, Body: n.Body, ImageURL: n.ImageURL},
		Android: &messaging.AndroidConfig{
			CollapseKey: collapse,
			Priority:    android,
			TTL:         &ttl,
			Notification: &messaging.AndroidNotification{
				Tag: collapse, ChannelID: payload.Class(n),
			},
		},
		APNS: &messaging.APNSConfig{
			Headers: map[string]string{
				"apns-collapse-id": collapse,
				"apns-expiration":  strconv.FormatInt(expiration, 10),
				"apns-priority":    apns,
			},
			Payload: &messaging.APNSPayload{Aps: &messaging.Aps{
				Category: payload.Class(n), ThreadID: payload.Thread(d), MutableContent: true,
			}},
		},
	}
}

// payloadBytes is what FCM counts against its limit.
func payloadBytes(m *messaging.Message) int {
	size := len(m.Notification.Title) + len(m.Notification.Body) + len(m.Notification.ImageURL)
	for key, value := range m.Data {
		size += len(key) + len(value)
	}
	return size
}
