package fcm

import (
	"strconv"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/wantgo/wantgo/pusher/payload"
)

// encode writes the request's body as firebase-admin-go does, byte for byte, in one pass: the library encodes every level
// of a message by itself and copies it into the one above, at five times the cost. It knows what ProviderMessage fills in
// and nothing else. fid names the target as an installation id, which the library cannot.
func encode(m *messaging.Message, fid bool) []byte {
	w := payload.NewJSON(1536)
	w.Raw(`{"message":{`)
	if len(m.Data) > 0 {
		w.Key("data").Texts(m.Data)
	}
	w.Key("notification").Raw(`{`)
	w.Text("title", m.Notification.Title).Text("body", m.Notification.Body).Text("image", m.Notification.ImageURL).Raw(`}`)
	android(w, m.Android)
	apns(w, m.APNS)
	target := kindToken
	if fid {
		target = kindFID
	}
	w.Text(target, m.Token).Raw(`}}`)
	return w.Bytes()
}

func android(w *payload.JSON, a *messaging.AndroidConfig) {
	w.Key("android").Raw(`{`)
	w.Text("ttl", seconds(*a.TTL)).Text("collapse_key", a.CollapseKey).Text("priority", a.Priority)
	w.Key("notification").Raw(`{`)
	w.Text("tag", a.Notification.Tag).Text("channel_id", a.Notification.ChannelID).Raw(`}}`)
}

func apns(w *payload.JSON, a *messaging.APNSConfig) {
	w.Key("apns").Raw(`{`)
	w.Key("headers").Texts(a.Headers)
	w.Key("payload").Raw(`{"aps":{`)
	w.Text("category", a.Payload.Aps.Category)
	if a.Payload.Aps.MutableContent {
		w.Key("mutable-content").Raw(`1`)
	}
	w.Text("thread-id", a.Payload.Aps.ThreadID).Raw(`}}}`)
}

// seconds is a time to live as FCM spells it.
func seconds(d time.Duration) string {
	whole, rest := int64(d/time.Second), int64(d%time.Second)
	text := strconv.FormatInt(whole, 10)
	if rest > 0 {
		fraction := strconv.FormatInt(rest+int64(time.Second), 10)
		text += "." + fraction[1:]
	}
	return text + "s"
}
