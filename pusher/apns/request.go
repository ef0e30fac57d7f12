package apns

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/payload"
)

// maxPayloadBytes is APNs' limit for everything but VoIP.
const maxPayloadBytes = 4096

// Payload is the body of one delivery's request: the text in aps, our keys beside it at the top level.
func Payload(d *pusher.Delivery) []byte {
	n := &d.Notification
	w := payload.NewJSON(1024)
	w.Raw(`{"aps":{"alert":{"title":`)
	w.Value(n.Title)
	w.Raw(`,"body":`)
	w.Value(n.Body)
	w.Raw(`},"category":`)
	w.Value(payload.Class(n))
	w.Raw(`,"mutable-content":1,"thread-id":`)
	w.Value(payload.Thread(d))
	w.Raw(`}`)
	keys := payload.Keys(d)
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		w.Raw(`,`)
		w.Value(name)
		w.Raw(`:`)
		w.Value(keys[name])
	}
	w.Raw(`}`)
	return w.Bytes()
}

// Header is the header of one delivery's request, without authorization. The id is the delivery's, so that
// a repeated request carries the same; expiration is the deadline, and always there: without it Apple would
// keep the notification for as long as it likes.
func Header(d *pusher.Delivery, topic string) http.Header {
	priority := "5"
	if d.HighPriority {
		priority = "10"
	}
	// The names are as http.Header.Set writes them.
	return http.Header{
		"Content-Type": {"application/json"}, "Apns-Topic": {topic}, "Apns-Push-Type": {"alert"}, "Apns-Priority": {priority},
		"Apns-Id": {d.ID.String()}, "Apns-Expiration": {strconv.FormatInt(expiration(d), 10)},
		"Apns-Collapse-Id": {payload.CollapseID(&d.Notification)},
	}
}

// expiration is 0 for one attempt and no storage, else the deadline.
func expiration(d *pusher.Delivery) int64 {
	if d.Notification.NowOrNever {
		return 0
	}
	return max(d.Deadline.Unix(), 0)
}

// isHex reports a device token that can stand in a path. Apple promises no length.
func isHex(token string) bool {
	if token == "" || len(token) > 400 || len(token)%2 != 0 {
		return false
	}
	for i := range len(token) {
		if !strings.ContainsRune("0123456789abcdefABCDEF", rune(token[i])) {
			return false
		}
	}
	return true
}
