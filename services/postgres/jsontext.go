package postgres

import (
	"github.com/segmentio/encoding/json"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
)

// A notification and a profile are read for every delivery: encoding/json takes three times as long for them as the library
// that does here what it does.

func readNotification(text []byte) (n pusher.Notification, err error) {
	err = json.Unmarshal(text, &n)
	return n, err
}

func readProfile(text []byte) (p audience.Profile, err error) {
	err = json.Unmarshal(text, &p)
	return p, err
}
