// Package payload is what an app finds in a notification of ours, whatever the provider: the same keys,
// with the same values, in FCM's data, at the top level of an APNs payload and in the data of a web notification.
//
// It promises that every key begins with "wantgo_" (so that an app can tell ours from others'), that every
// value is a string, that no key stands for a place, and that one notification always has the same
// collapse id, so that a phone which receives it twice shows it once. It knows no provider's limits.
package payload

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
)

// Prefix begins every key of ours.
const Prefix = "wantgo_"

// The keys that every notification may carry beside those of its own.
const (
	NotificationKey = Prefix + "notification" // the notification's id: one per thing a person may read
	DeliveryKey     = Prefix + "delivery"     // the delivery's id: one per device; receipts name it
	CampaignKey     = Prefix + "campaign"     // the campaign's id, where there is one
	CategoryKey     = Prefix + "category"     // "ad" or "informational"
	DeepLinkKey     = Prefix + "deep_link"    // where a tap leads, where there is one
	ImageKey        = Prefix + "image"        // the image's URL, where there is one
	DeadlineKey     = Prefix + "deadline"     // RFC 3339, UTC, whole seconds: not worth showing at or after it
)

// MaxCollapseID is the longest collapse id, in bytes, that both providers take.
const MaxCollapseID = 64

// Keys returns the keys and values of one delivery. Keys in the notification's own Data that lack the prefix
// get it; the keys named in this package win over them.
func Keys(d *pusher.Delivery) map[string]string {
	keys := make(map[string]string, len(d.Notification.Data)+7)
	for key, value := range d.Notification.Data {
		if !strings.HasPrefix(key, Prefix) {
			key = Prefix + key
		}
		keys[key] = value
	}
	keys[NotificationKey] = d.Notification.ID.String()
	keys[DeliveryKey] = d.ID.String()
	set := func(key, value string) {
		if value != "" {
			keys[key] = value
		}
	}
	if d.CampaignID != uuid.Nil {
		keys[CampaignKey] = d.CampaignID.String()
	}
	set(CategoryKey, d.Notification.Category)
	set(DeepLinkKey, d.Notification.DeepLink)
	set(ImageKey, d.Notification.ImageURL)
	if !d.Deadline.IsZero() {
		keys[DeadlineKey] = d.Deadline.UTC().Format(time.RFC3339)
	}
	return keys
}

// CollapseID returns the notification's collapse key if both providers take it as it is (1 to 64 bytes of
// printable ASCII), its SHA-256 in base64url otherwise, and the notification's id when there is none.
func CollapseID(n *pusher.Notification) string {
	key := n.CollapseKey
	if key == "" {
		return n.ID.String()
	}
	if len(key) <= MaxCollapseID && printable(key) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Class names the kind of a notification for the phone: the Android channel and the iOS category.
func Class(n *pusher.Notification) string {
	if n.Category == "" {
		return Prefix + "informational"
	}
	return Prefix + n.Category
}

// Thread groups notifications on an iPhone: one thread per campaign, one for all the rest.
func Thread(d *pusher.Delivery) string {
	if d.CampaignID == uuid.Nil {
		return Prefix + "other"
	}
	return Prefix + d.CampaignID.String()
}
